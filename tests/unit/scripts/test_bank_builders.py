"""What the bank builders promise: labels, reasonings, grouping, splits and the written files."""

import csv
import io
import itertools
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from scripts.banks import build
from scripts.banks.helpsteer2 import (
    HELPSTEER2_ATTRIBUTES,
    HELPSTEER2_REASONINGS,
    RatedResponse,
    helpsteer2_pool,
    parse_rated_json,
)
from scripts.banks.mic import (
    MIC_ATTRIBUTES,
    MIC_MORALS,
    Annotation,
    mic_label,
    mic_pool,
    mic_reasoning,
    parse_agreement,
    parse_annotations,
    parse_morals,
    scale_mic_sum,
)
from scripts.banks.scenarios import (
    Attribute,
    BankInputError,
    Pool,
    RowError,
    Scenario,
    jsonl,
    one_per_question,
)
from scripts.banks.split import Split, share, split_pool

AGREES, NEITHER, DISAGREES = 1, 0, -1


def annotation(
    agreement: int | None = AGREES,
    morals: Iterable[str] = ("care",),
    *,
    question: str = "May I lie?",
    answer: str = "Never.",
    rot: str = "Lying hurts people.",
) -> Annotation:
    return Annotation(question, answer, rot, agreement, frozenset(morals))


def rated(prompt: str, response: str, rating: int = 2) -> RatedResponse:
    return RatedResponse(prompt, response, {a.name: rating for a in HELPSTEER2_ATTRIBUTES})


def rated_row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {"prompt": "Why is the sky blue?", "response": "It scatters light."}
    return row | {a.name: 3 for a in HELPSTEER2_ATTRIBUTES} | changes


# --- MIC labels and reasonings (section 3.1, appendix D.1) ---


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


# --- MIC encodings ---


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


# --- MIC rows ---

MIC_HEADER = ["", "Q", "A", "rot", "A_agrees", "moral-vector", "comments"]
CARE = "[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]"


def mic_row(**changes: str) -> list[str]:
    row = {
        "Q": "May I lie?",
        "A": "Never.",
        "rot": "Lying hurts.",
        "A_agrees": "2",
        "moral-vector": CARE,
    }
    return [(row | changes).get(column, "") for column in MIC_HEADER]


def csv_text(rows: Iterable[Sequence[str]], header: Sequence[str] = MIC_HEADER) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    return out.getvalue()


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


# --- MIC grouping ---


def test_answers_of_one_question_become_one_scenario_whatever_the_row_order() -> None:
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


def test_an_annotation_without_an_agreement_is_no_annotation() -> None:
    rows = [annotation(answer="Never.")] * 3 + [annotation(answer="Do.")] * 2
    pool = mic_pool([*rows, annotation(None, answer="Do.")], skip_unreadable=False)
    assert not pool.scenarios
    assert pool.left_out == {
        "rows without an agreement": 1,
        "answers with 2 annotations in place of 3": 1,
        "questions with fewer than two different answers": 1,
    }


# --- HelpSteer2 (section 3.2) ---


def test_helpsteer2_labels_are_ratings_divided_by_four() -> None:
    rows = [rated("Q", f"answer {rating}", rating) for rating in range(5)]
    (scenario,) = helpsteer2_pool(rows).scenarios
    for attribute in HELPSTEER2_ATTRIBUTES:
        values = tuple(labels[attribute.name] for labels in scenario.labels)
        assert values == attribute.levels == (0.0, 0.25, 0.5, 0.75, 1.0)


def test_helpsteer2_words_every_level_of_every_attribute_differently() -> None:
    assert list(HELPSTEER2_REASONINGS) == [a.name for a in HELPSTEER2_ATTRIBUTES]
    sentences = [s for wordings in HELPSTEER2_REASONINGS.values() for s in wordings]
    assert len(set(sentences)) == len(sentences) == 25
    openings = {sentence.split(":")[0] for sentence in sentences}
    assert len(openings) == 25


def test_a_reasoning_belongs_to_its_label() -> None:
    (scenario,) = helpsteer2_pool([rated("Q", "a", 3), rated("Q", "b", 4)]).scenarios
    for name, wordings in HELPSTEER2_REASONINGS.items():
        assert scenario.reasonings[0][name] == wordings[3]
        assert scenario.reasonings[1][name] == wordings[4]


def test_rows_are_grouped_by_prompt_wherever_they_stand() -> None:
    rows = [rated("P", "p1"), rated("Q", "q1"), rated("P", "p2"), rated("Q", "q2")]
    grouped = [(s.question, s.responses) for s in helpsteer2_pool(rows).scenarios]
    assert grouped == [("P", ("p1", "p2")), ("Q", ("q1", "q2"))]


def test_what_makes_no_scenario_is_counted() -> None:
    rows = [
        *(rated("P", "one answer"), rated("P", "one answer", 4)),
        *(rated("Q", "a"), rated("Q", "b"), rated("Q", "")),
        *(rated(" q ", "c"), rated(" q ", "d")),
    ]
    pool = helpsteer2_pool(rows)
    assert [s.question for s in pool.scenarios] == ["Q"]
    assert pool.rows == 7
    assert pool.left_out == {
        "rows repeating a response of their prompt": 1,
        "prompts with fewer than two different responses": 1,
        "rows with an empty prompt or response": 1,
        "questions like an earlier one but for case or spacing": 1,
    }


@pytest.mark.parametrize("rating", [5, -1, 2.5, True, "3", None, float("nan")])
def test_a_rating_that_is_no_whole_number_up_to_four_is_refused(rating: object) -> None:
    text = json.dumps(rated_row(coherence=rating))
    with pytest.raises(RowError, match="line 7, column 'coherence'"):
        parse_rated_json(text, 7)


def test_a_whole_rating_written_with_a_point_is_accepted() -> None:
    assert parse_rated_json(json.dumps(rated_row(coherence=3.0)), 1).ratings["coherence"] == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "line 3: not JSON"),
        ("[1]", "line 3: not a JSON object"),
        ("{}", "line 3, column 'helpfulness': missing"),
        (json.dumps(rated_row(prompt=1)), "line 3, column 'prompt': not text"),
        (json.dumps(rated_row(response="\ud800")), "line 3, column 'response': holds half"),
    ],
)
def test_a_bad_json_row_is_named(text: str, problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        parse_rated_json(text, 3)


# --- Scenarios ---


def test_ids_depend_on_the_question_alone() -> None:
    one, other = ([rated("Q", f"{x}1"), rated("Q", f"{x}2")] for x in "ab")
    assert helpsteer2_pool(one).scenarios[0].id == helpsteer2_pool(other).scenarios[0].id
    ids = [s.id for s in pool_of(200, seed=1)]
    assert len(set(ids)) == 200


def test_a_record_stays_on_one_line_and_readable() -> None:
    text = jsonl([{"question": "Où?\n\u2028\u2029\u0085"}])
    assert text == '{"question": "Où?\\n\\u2028\\u2029\\u0085"}\n'
    assert json.loads(text) == {"question": "Où?\n\u2028\u2029\u0085"}


# --- The split (section 3.3) ---

LEVELS = (0.0, 0.5, 1.0)
ATTRIBUTES = (Attribute("warmth", "", LEVELS), Attribute("wit", "", LEVELS))
PAIRS = [(attribute.name, level) for attribute in ATTRIBUTES for level in LEVELS]


def scenario_of(question: str, *labels: tuple[float, float]) -> Scenario:
    return Scenario(
        id=f"test-{question}",
        question=question,
        responses=tuple(f"response {index}" for index in range(len(labels))),
        labels=tuple({"warmth": warmth, "wit": wit} for warmth, wit in labels),
        reasonings=tuple({} for _ in labels),
    )


def pool_of(size: int, seed: int, weights: Sequence[float] = (1, 10, 4)) -> list[Scenario]:
    rng = random.Random(seed)
    labels = [rng.choices(LEVELS, weights, k=4) for _ in range(size)]
    return [
        scenario_of(f"question {index}", (a, b), (c, d))
        for index, (a, b, c, d) in enumerate(labels)
    ]


def split(
    scenarios: Sequence[Scenario], *, eval_n: int = 5, train_n: int = 5, seed: int = 0
) -> Split:
    return split_pool(
        scenarios, ATTRIBUTES, eval_per_label=eval_n, train_per_label=train_n, seed=seed
    )


def held(scenarios: Iterable[Scenario]) -> Counter[tuple[str, float]]:
    return Counter(pair for scenario in scenarios for pair in scenario.label_pairs())


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("eval_n", "train_n"), [(5, 5), (3, 12), (12, 3)])
def test_every_label_pair_is_covered_in_both_parts(seed: int, eval_n: int, train_n: int) -> None:
    pool = pool_of(400, seed)
    assert min(held(pool)[pair] for pair in PAIRS) >= eval_n + train_n
    result = split(pool, eval_n=eval_n, train_n=train_n, seed=seed)
    assert min(held(result.eval)[pair] for pair in PAIRS) >= eval_n
    assert min(held(result.train)[pair] for pair in PAIRS) >= train_n
    assert result.shortfalls == ()
    assert len(result.eval) == eval_n * len(PAIRS)
    assert len(result.train) == train_n * len(PAIRS)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("size", [1, 7, 40, 400])
def test_the_parts_share_no_scenario_and_no_question(seed: int, size: int) -> None:
    result = split(pool_of(size, seed), seed=seed)
    ids = [s.id for s in (*result.eval, *result.train)]
    questions = [s.question for s in (*result.eval, *result.train)]
    assert len(set(ids)) == len(set(questions)) == len(ids)


def test_questions_alike_but_for_case_and_spacing_are_one_question() -> None:
    left_out: Counter[str] = Counter()
    kept = one_per_question([scenario_of(q) for q in ("Why?", "why? ", "Why  me?")], left_out)
    assert [s.question for s in kept] == ["Why?", "Why  me?"]
    assert left_out.total() == 1


@pytest.mark.parametrize(
    ("available", "eval_wanted", "train_wanted", "shares"),
    [
        (100, 8, 8, (8, 8)),
        (16, 8, 8, (8, 8)),
        (15, 8, 8, (8, 7)),
        (9, 8, 8, (5, 4)),
        (1, 8, 8, (1, 0)),
        (0, 8, 8, (0, 0)),
        (8, 2, 20, (2, 6)),
        (8, 20, 2, (6, 2)),
    ],
)
def test_eval_takes_up_to_half_of_what_is_scarce(
    available: int, eval_wanted: int, train_wanted: int, shares: tuple[int, int]
) -> None:
    assert share(available, eval_wanted, train_wanted) == shares


def test_scarce_label_pairs_are_shared_and_reported() -> None:
    # Warmth 0 occurs seven times and warmth 1 not at all; the rest is plentiful.
    plenty = [scenario_of(f"plain {i}", (0.5, LEVELS[i % 3]), (0.5, 0.5)) for i in range(200)]
    scarce = [scenario_of(f"cold {i}", (0.0, 0.5), (0.5, 0.5)) for i in range(7)]
    result = split(plenty + scarce)
    short = [(c.attribute, c.level, c.available, c.eval, c.train) for c in result.shortfalls]
    assert short == [("warmth", 0.0, 7, 4, 3), ("warmth", 1.0, 0, 0, 0)]
    assert len(result.eval) == len(result.train) == 30


@pytest.mark.parametrize("seed", range(20))
def test_the_rarest_label_pairs_are_served_first(seed: int) -> None:
    # Warmth 0.5, warmth 1 and wit 1 occur twice, the others three times. Served in the order of
    # the attributes, warmth 0 would take for one part what the other needs.
    pool = [
        scenario_of("a", (0.0, 0.5), (0.0, 0.0)),
        scenario_of("b", (1.0, 1.0), (0.0, 0.5)),
        scenario_of("c", (0.0, 0.0), (0.5, 0.5)),
        scenario_of("d", (0.5, 0.0), (1.0, 1.0)),
    ]
    assert split(pool, eval_n=1, train_n=1, seed=seed).shortfalls == ()


@pytest.mark.parametrize("seed", range(20))
def test_a_part_leaves_the_other_what_only_that_one_still_needs(seed: int) -> None:
    # Eval gets wit 0 with the only warmth 0. The second wit 0 is then for train, although it
    # comes with more that eval needs than any other scenario.
    pool = [
        scenario_of("both rare", (0.0, 0.0)),
        scenario_of("wit 0 and more", (1.0, 0.0), (1.0, 0.5), (1.0, 1.0)),
        scenario_of("warmth 1 alone", (1.0, 0.5)),
        *(scenario_of(f"common {i}", (0.5, 0.5), (0.5, 1.0)) for i in range(20)),
    ]
    shortfalls = split(pool, eval_n=1, train_n=1, seed=seed).shortfalls
    assert [(c.attribute, c.level) for c in shortfalls] == [("warmth", 0.0)]


def test_coverage_states_what_the_parts_hold() -> None:
    pool = pool_of(100, seed=3)
    result = split(pool)
    assert [(c.attribute, c.level) for c in result.coverage] == PAIRS
    for c, pair in zip(result.coverage, PAIRS, strict=True):
        assert c.available == held(pool)[pair]
        assert (c.eval, c.train) == (held(result.eval)[pair], held(result.train)[pair])


def test_a_small_pool_is_used_up_half_and_half() -> None:
    result = split(pool_of(41, seed=2, weights=(1, 1, 1)))
    assert (len(result.eval), len(result.train)) == (21, 20)


def test_a_seed_decides_the_split_and_another_changes_it() -> None:
    pool = pool_of(400, seed=0)
    assert split(pool, seed=7) == split(pool, seed=7)
    assert split(pool, seed=7) != split(pool, seed=8)


def test_the_parts_keep_the_order_of_the_pool() -> None:
    pool = pool_of(400, seed=0)
    result = split(pool)
    for part in (result.eval, result.train):
        assert [pool.index(s) for s in part] == sorted(pool.index(s) for s in part)


# --- The command ---


def write_helpsteer2(path: Path, prompts: int = 60) -> Path:
    rng = random.Random(0)
    rows = [
        rated_row(prompt=f"prompt {p}", response=f"response {r}")
        | {a.name: rng.randrange(5) for a in HELPSTEER2_ATTRIBUTES}
        for p in range(prompts)
        for r in range(2)
    ]
    path.write_text(jsonl(rows), encoding="utf-8")
    return path


def write_mic(path: Path, questions: int = 80) -> Path:
    rng = random.Random(0)
    rows = [
        mic_row(Q=f"question {q}", A=f"answer {a}", A_agrees=rng.choice("012"))
        for q in range(questions)
        for a in range(2)
        for _ in range(3)
    ]
    path.write_text(csv_text(rows), encoding="utf-8-sig", newline="")
    return path


def scenarios_in(path: Path) -> list[dict[str, list[dict[str, object]]]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def helpsteer2_command(out: Path, source: Path, *more: str) -> list[str]:
    options = ["--eval-per-label", "2", "--train-per-label", "2", *more]
    return ["helpsteer2", "--out", str(out), "--input", str(source), *options]


FILES = ["attributes.json", "eval.jsonl", "report.json", "train.jsonl"]


def test_helpsteer2_command_writes_a_bank(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "bank"
    source = write_helpsteer2(tmp_path / "export.jsonl")
    assert build.main(helpsteer2_command(out, source)) == 0
    assert sorted(path.name for path in out.iterdir()) == FILES
    train, evaluation = scenarios_in(out / "train.jsonl"), scenarios_in(out / "eval.jsonl")
    assert (len(train), len(evaluation)) == (30, 30)
    names = {a.name for a in HELPSTEER2_ATTRIBUTES}
    for scenario in train + evaluation:
        assert set(scenario) == {"id", "question", "responses", "labels", "reasonings"}
        assert len(scenario["responses"]) == len(scenario["labels"]) == 2
        assert [set(labels) for labels in scenario["labels"]] == [names] * 2
        assert [set(reasonings) for reasonings in scenario["reasonings"]] == [names] * 2
    attributes = json.loads((out / "attributes.json").read_text(encoding="utf-8"))
    assert [set(a) for a in attributes] == [{"name", "definition", "levels"}] * 5
    printed = capsys.readouterr().out
    assert "120 rows of export.jsonl, 60 scenarios" in printed
    assert len(printed.splitlines()) < 24


def test_mic_command_writes_a_bank_and_reports(tmp_path: Path) -> None:
    source = write_mic(tmp_path / "MIC.csv")
    assert build.main(["mic", "--csv", str(source), "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["source"]["corpus"] == "mic"
    assert report["source"]["origin"] == "MIC.csv"
    assert len(report["source"]["sha256"]) == 64
    assert report["seed"] == 0
    assert report["wanted"] == {
        "eval_per_label": 8,
        "train_per_label": 8,
        "eval": 336,
        "train": 336,
    }
    assert report["counts"] == {"rows": 480, "scenarios": 80, "eval": 40, "train": 40}
    # Every annotation is about care, so that the other morals only ever have label 0.5.
    short = {(s["attribute"], s["level"]) for s in report["shortfalls"]}
    assert ("loyalty", 1.0) in short
    assert ("loyalty", 0.5) not in short
    assert len(report["coverage"]) == 42


def test_the_same_input_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        source = write_helpsteer2(folder / "export.jsonl")
        assert build.main(helpsteer2_command(folder / "out", source, "--seed", "4")) == 0
    for name in FILES:
        one, two = ((folder / "out" / name).read_bytes() for folder in folders)
        assert one == two


def test_a_failed_write_leaves_the_old_bank_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_helpsteer2(tmp_path / "export.jsonl")
    out = tmp_path / "bank"
    assert build.main(helpsteer2_command(out, source)) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write_bytes = Path.write_bytes

    def disk_full(path: Path, content: bytes) -> int:
        if "report" in path.name:
            raise OSError(28, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", disk_full)
    assert build.main(helpsteer2_command(out, source, "--seed", "1")) == 2
    assert "No space left" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def failure(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """What the command says on stderr when it refuses."""
    assert build.main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


def test_bad_input_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "bank")
    bad = tmp_path / "bad"
    bad.write_text(csv_text([mic_row(A_agrees="maybe")]), encoding="utf-8")
    error = failure(capsys, "mic", "--csv", str(bad), "--out", out)
    assert "line 2, column 'A_agrees': 'maybe'" in error
    assert "--skip-unreadable" in error
    bad.write_bytes(b"Q,A\n\n\xff\n")
    assert "line 3: not UTF-8" in failure(capsys, "mic", "--csv", str(bad), "--out", out)
    bad.write_text("\n{}\n", encoding="utf-8")
    error = failure(capsys, "helpsteer2", "--input", str(bad), "--out", out)
    assert f"{bad}: line 2, column 'helpfulness': missing" in error
    bad.write_text(jsonl([rated_row()]), encoding="utf-8")
    error = failure(capsys, "helpsteer2", "--input", str(bad), "--out", out)
    assert "no scenario (1 prompts with fewer than two different responses)" in error
    missing = str(tmp_path / "missing")
    assert missing in failure(capsys, "mic", "--csv", missing, "--out", out)
    assert not Path(out).exists()


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_a_quota_must_be_a_whole_number_above_zero(tmp_path: Path, number: str) -> None:
    argv = helpsteer2_command(tmp_path, tmp_path / "export.jsonl", "--eval-per-label", number)
    with pytest.raises(SystemExit) as stop:
        build.main(argv)
    assert stop.value.code == 2


def test_without_the_datasets_library_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "pip install datasets" in failure(capsys, "helpsteer2", "--out", str(tmp_path))


class FakeDatasets(ModuleType):
    """Stands in for the datasets library."""

    def __init__(self, splits: dict[str, list[dict[str, object]]] | Exception) -> None:
        super().__init__("datasets")
        self.splits = splits
        self.asked: list[tuple[str, str | None]] = []

    def load_dataset(self, name: str, cache_dir: str | None) -> dict[str, list[dict[str, object]]]:
        self.asked.append((name, cache_dir))
        if isinstance(self.splits, Exception):
            raise self.splits
        return self.splits


def test_the_dataset_is_read_whole_and_cached_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = {
        split: [rated_row(prompt=split, response=response) for response in "ab"]
        for split in ("train", "validation")
    }
    fake = FakeDatasets(splits)
    monkeypatch.setitem(sys.modules, "datasets", fake)
    argv = ["helpsteer2", "--out", str(tmp_path), "--cache", "somewhere"]
    assert build.main(argv) == 0
    assert fake.asked == [("nvidia/HelpSteer2", "somewhere")]
    parts = [scenarios_in(tmp_path / name) for name in ("eval.jsonl", "train.jsonl")]
    assert sorted(str(s["question"]) for part in parts for s in part) == ["train", "validation"]


def test_a_failed_download_is_an_error_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", FakeDatasets(RuntimeError("no route")))
    error = failure(capsys, "helpsteer2", "--out", str(tmp_path))
    assert "cannot load nvidia/HelpSteer2: no route" in error
