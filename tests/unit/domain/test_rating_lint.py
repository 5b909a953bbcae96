"""What is reported about a bank's ratings: coverage of groups, and oddities."""

import json

import pytest

from app.domain.bank import parse_bank
from app.domain.ratings.coverage import rating_coverage
from app.domain.ratings.lint import lint
from scripts.banks.lint import main

SETUP = {"rating_scale": {"low": 1, "high": 5}}


def scenario(name, *ratings, classes=("yes", "no")):
    """Ratings are (rater, group, response, rating)."""
    return {
        "id": name,
        "question": f"Question {name}?",
        "responses": ["Yes.", "No."],
        "response_classes": list(classes),
        "ratings": [
            {"rater": r, "group": g, "response": y, "rating": value} for r, g, y, value in ratings
        ],
    }


def text(*scenarios):
    return "\n".join(map(json.dumps, (SETUP, *scenarios))).encode()


def found(*scenarios, **options):
    return {one.kind: one.names for one in lint(parse_bank(text(*scenarios)), **options)}


GOOD = scenario("a", ("r1", "north", 0, 5), ("r1", "north", 1, 2), ("r2", "south", 0, 1))


def test_a_bank_with_nothing_odd_has_no_findings():
    assert found(GOOD) == {}


def test_raters_in_several_groups_are_found():
    assert found(GOOD, scenario("b", ("r1", "south", 0, 3))) == {
        "raters-in-several-groups": ("r1",)
    }


def test_raters_who_rate_everything_alike_are_found():
    same = [("r3", "north", response, 4) for response in (0, 1)]
    assert found(*(scenario(name, *same) for name in "ab")) == {}  # too few to know
    assert found(*(scenario(name, *same) for name in "abc")) == {"flat-raters": ("r3",)}


def test_ratings_given_twice_and_responses_without_class_are_found():
    twice = scenario("b", ("r1", "north", 0, 5), ("r1", "north", 0, 4), classes=(None, "no"))
    assert found(twice) == {"rated-twice": ("b",), "responses-without-class": ("b",)}


def test_scenarios_that_are_there_twice_are_found():
    assert found(GOOD, GOOD | {"id": "again"})["scenarios-twice"] == ("a", "again")


def test_questions_of_another_bank_are_found_whatever_their_case():
    other = parse_bank(text(GOOD | {"id": "x", "question": " question A? "}))
    assert found(GOOD, against=other, name="eval") == {"leakage": ("a",)}


def test_the_ratings_of_each_group_are_counted():
    coverage = rating_coverage(parse_bank(text(GOOD, scenario("b", ("r3", "north", 0, 5)))))
    north, south = coverage.groups["north"], coverage.groups["south"]
    assert (north.raters, north.ratings, north.scenarios) == (2, 3, 2)
    assert north.stability is None  # no scenario has two raters of the group
    assert (north.contrast.mean, north.contrast.scenarios) == (2.25, 1)
    assert (south.raters, south.agreement, south.contrast) == (1, None, None)
    assert rating_coverage(parse_bank(text(scenario("c") | {"labels": [{"x": 1}, {}]}))) is None


def test_a_file_is_checked_before_it_is_uploaded(tmp_path, capsys):
    file = tmp_path / "bank.jsonl"
    file.write_bytes(text(GOOD))
    assert main([str(file)]) == 0
    assert "north: 1 raters, 1 scenarios, agreement unknown" in capsys.readouterr().out
    assert main([str(file), "--against", str(file)]) == 1
    assert "leakage (1)" in capsys.readouterr().out
    file.write_bytes(text(GOOD).partition(b"\n")[2])
    assert main([str(file)]) == 1
    assert "ratings need the scale" in capsys.readouterr().err
    assert main([str(file), "--rating-scale", "1..5"]) == 0


def test_a_scale_on_the_command_line_must_have_two_ends(tmp_path):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "bank.jsonl"), "--rating-scale", "5"])
