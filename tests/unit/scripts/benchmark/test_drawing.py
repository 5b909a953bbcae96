"""Colours and signs of runs."""

from scripts.benchmark.pages import drawing


def test_a_method_looks_the_same_whatever_stands_beside_it():
    alone = drawing.styles(["unaligned"])["unaligned"]
    many = drawing.styles(["mine", "unaligned", "comparative, few-shot", *map(str, range(9))])
    assert many["unaligned"] == alone
    assert len({style.colour for style in many.values()}) == 12


def test_what_tells_runs_of_one_method_apart_does_not_change_its_look():
    alone = drawing.styles(["unaligned"])["unaligned"]
    both = drawing.styles(["unaligned (60 scenarios)", "unaligned (250 scenarios)"])
    assert both["unaligned (60 scenarios)"] == alone
    assert both["unaligned (250 scenarios)"] != alone


def test_more_runs_than_colours_are_still_told_apart():
    looks = drawing.styles(map(str, range(24))).values()
    assert len({(style.colour, style.hatch) for style in looks}) == 24
