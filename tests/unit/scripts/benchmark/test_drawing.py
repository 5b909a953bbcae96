"""Colours and signs of runs."""

from scripts.benchmark.pages import drawing


def test_a_method_has_the_same_style_in_every_plot():
    alone = drawing.styles(["unaligned"])["unaligned"]
    many = drawing.styles(["mine", "unaligned", "comparative, few-shot", *map(str, range(9))])
    assert many["unaligned"] == alone
    assert len({style.colour for style in many.values()}) == 12


def test_brackets_in_a_title_do_not_change_the_style():
    alone = drawing.styles(["unaligned"])["unaligned"]
    both = drawing.styles(["unaligned (60 scenarios)", "unaligned (250 scenarios)"])
    assert both["unaligned (60 scenarios)"] == alone
    assert both["unaligned (250 scenarios)"] != alone


def test_more_runs_than_colours_have_different_styles():
    looks = drawing.styles(map(str, range(24))).values()
    assert len({(style.colour, style.hatch) for style in looks}) == 24
