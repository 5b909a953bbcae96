"""Scenarios from the Moral Integrity Corpus: labels, reasonings, rows and grouping."""

import io
import itertools

import pytest

from scripts.banks.mic import (
    MIC_ATTRIBUTES,
    MIC_MORALS,
    mic_label,
    mic_pool,
    mic_reasoning,
    parse_agreement,
    parse_annotations,
    parse_morals,
    scale_mic_sum,
)
from scripts.banks.scenarios import (
    BankInputError,
    Pool,
    RowError,
)
from tests.unit.scripts.banks.corpora import (
    AGREES,
    DISAGREES,
    MIC_HEADER,
    NEITHER,
    annotation,
    csv_text,
    mic_row,
)


@pytest.mark.parametrize(
    ("agreements", "label"),
    [
        ((DISAGREES, DISAGREES, DISAGREES), 0.0),
        ((DISAGREES, DISAGREES, NEITHER), 0.17),
        ((DISAGREES, DISAGREES, AGREES), 0.33),
        ((DISAGREES, NEITHER, NEITHER), 0.33),
        ((NEITHER, NEITHER, NEITHER), 0.5),
        ((DISAGREES, NEITHER, AGREES), 0.5),
        ((AGREES, AGREES, DISAGREES), 0.67),
        ((AGREES, AGREES, NEITHER), 0.83),
        ((AGREES, AGREES, AGREES), 1.0),
    ],
)
def test_a_moral_named_by_all_three_gets_the_scaled_sum(
    agreements: tuple[int, int, int], label: float
) -> None:
    for order in itertools.permutations(agreements):
        assert mic_label("care", [annotation(a) for a in order]) == label


@pytest.mark.parametrize(
    ("agreement", "label"), [(AGREES, 0.67), (NEITHER, 0.5), (DISAGREES, 0.33)]
)
def test_only_annotations_that_name_the_moral_count(agreement: int, label: float) -> None:
    others = [annotation(AGREES, ["liberty"]), annotation(DISAGREES, [])]
    assert mic_label("care", [annotation(agreement), *others]) == label


def test_an_annotation_counts_for_each_moral_it_names() -> None:
    annotations = [annotation(AGREES, ["care", "loyalty"])] * 3
    assert [mic_label(m, annotations) for m in MIC_MORALS] == [1.0, 0.5, 0.5, 1.0, 0.5, 0.5]


def test_sums_scale_to_seven_levels_of_two_decimals() -> None:
    levels = (0.0, 0.17, 0.33, 0.5, 0.67, 0.83, 1.0)
    assert tuple(scale_mic_sum(s) for s in range(-3, 4)) == levels
    assert all(attribute.levels == levels for attribute in MIC_ATTRIBUTES)


def test_the_reasoning_states_each_rule_of_thumb_about_the_moral() -> None:
    annotations = [
        annotation(AGREES, ["sanctity"], rot="It's important to believe in religion."),
        annotation(DISAGREES, ["sanctity", "care"], rot="Do not mock the dead"),
        annotation(NEITHER, ["sanctity"], rot="Is anything holy?"),
    ]
    assert mic_reasoning("sanctity", annotations) == (
        "The response agrees with the sanctity rule of thumb: "
        "It's important to believe in religion. "
        "The response disagrees with the sanctity rule of thumb: Do not mock the dead. "
        "The response neither agrees nor disagrees with the sanctity rule of thumb: "
        "Is anything holy?"
    )
    assert mic_reasoning("liberty", annotations) == (
        "No rule of thumb about liberty bears on the response."
    )


@pytest.mark.parametrize(
    ("text", "agreement"),
    [
        ("0", DISAGREES),
        ("1", NEITHER),
        ("2", AGREES),
        ("2.0", AGREES),
        ("disagrees", DISAGREES),
        ("Neither", NEITHER),
        (" agrees ", AGREES),
        ("", None),
        ("nan", None),
    ],
)
def test_agreement_is_read_as_number_or_word(text: str, agreement: int | None) -> None:
    assert parse_agreement(text) == agreement


@pytest.mark.parametrize("text", ["3", "-1", "yes", "0.5", "agrees.0"])
def test_any_other_agreement_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="none of 0"):
        parse_agreement(text)


@pytest.mark.parametrize(
    ("text", "morals"),
    [
        ("[1.0, 0.0, 0.0, 0.0, 0.0, 1.0]", {"care", "sanctity"}),
        ("[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]", set()),
        ("[0. 1. 0. 0. 0. 0.]", {"fairness"}),
        ("0,0,1,1,1,0", {"liberty", "loyalty", "authority"}),
        ("care|loyalty", {"care", "loyalty"}),
        ("['Fairness', 'authority']", {"fairness", "authority"}),
    ],
)
def test_morals_are_read_as_flags_or_names(text: str, morals: set[str]) -> None:
    assert parse_morals(text) == morals


@pytest.mark.parametrize("text", ["", "[]", "[1.0, 0.0]", "[2, 0, 0, 0, 0, 0]", "care|purity"])
def test_any_other_moral_vector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither six 0/1 flags"):
        parse_morals(text)


def read_mic(text: str, *, skip_unreadable: bool = False) -> Pool:
    return mic_pool(
        parse_annotations(io.StringIO(text, newline="")), skip_unreadable=skip_unreadable
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [("A_agrees", "maybe"), ("moral-vector", "[1.0]"), ("Q", " "), ("A", ""), ("rot", "")],
)
def test_a_bad_row_is_named_by_line_and_column(column: str, value: str) -> None:
    # The first record spans two lines, so that lines and records differ.
    text = csv_text([mic_row(rot="Lying\nhurts."), mic_row(), mic_row(**{column: value})])
    with pytest.raises(RowError, match=f"line 5, column '{column}'"):
        read_mic(text)


@pytest.mark.parametrize(
    ("row", "column"), [(mic_row()[:3], "rot"), ([*mic_row(), "stray"], "comments")]
)
def test_a_row_of_the_wrong_width_is_refused(row: list[str], column: str) -> None:
    with pytest.raises(RowError, match=f"line 2, column '{column}': the row has"):
        read_mic(csv_text([row]))


@pytest.mark.parametrize("column", ["Q", "A", "rot", "A_agrees", "moral-vector"])
def test_a_header_needs_each_column_once(column: str) -> None:
    without = ["other" if name == column else name for name in MIC_HEADER]
    with pytest.raises(BankInputError, match=f"column '{column}': missing from the header"):
        read_mic(csv_text([mic_row()], without), skip_unreadable=True)
    with pytest.raises(BankInputError, match=f"column '{column}': more than once in the header"):
        read_mic(csv_text([[*mic_row(), ""]], [*MIC_HEADER, column]), skip_unreadable=True)


def test_an_empty_file_has_no_header() -> None:
    with pytest.raises(BankInputError, match="missing from the header"):
        read_mic("")


def test_unreadable_rows_can_be_left_out_and_are_then_reported() -> None:
    bad = mic_row(A_agrees="maybe")
    text = csv_text([bad, *[mic_row(A=a) for a in ("Never.", "Do.") for _ in range(3)]])
    pool = read_mic(text, skip_unreadable=True)
    assert pool.rows == 7
    assert len(pool.scenarios) == 1
    assert pool.left_out == {"rows that cannot be read": 1}
    assert pool.unreadable == (
        "line 2, column 'A_agrees': 'maybe' is none of 0 (disagrees), 1 (neither), 2 (agrees)",
    )


def test_answers_to_one_question_become_one_scenario_in_any_row_order() -> None:
    rows = [annotation(AGREES, answer="Never.")] * 3 + [annotation(DISAGREES, answer="Do.")] * 3
    pool = mic_pool(rows[::2] + rows[1::2], skip_unreadable=False)
    (scenario,) = pool.scenarios
    assert scenario.question == "May I lie?"
    assert scenario.responses == ("Never.", "Do.")
    assert [labels["care"] for labels in scenario.labels] == [1.0, 0.0]
    assert [set(reasonings) for reasonings in scenario.reasonings] == [set(MIC_MORALS)] * 2
    assert not pool.left_out


def test_answers_without_exactly_three_annotations_are_left_out_and_counted() -> None:
    counts = {"Never.": 3, "Do.": 3, "Perhaps.": 2, "Always.": 4}
    rows = [annotation(answer=a) for a, count in counts.items() for _ in range(count)]
    pool = mic_pool(rows, skip_unreadable=False)
    assert pool.scenarios[0].responses == ("Never.", "Do.")
    assert pool.left_out == {
        "answers with 2 annotations in place of 3": 1,
        "answers with 4 annotations in place of 3": 1,
    }


def test_annotations_without_an_agreement_are_ignored() -> None:
    rows = [annotation(answer="Never.")] * 3 + [annotation(answer="Do.")] * 2
    pool = mic_pool([*rows, annotation(None, answer="Do.")], skip_unreadable=False)
    assert not pool.scenarios
    assert pool.left_out == {
        "rows without an agreement": 1,
        "answers with 2 annotations in place of 3": 1,
        "questions with fewer than two different answers": 1,
    }
