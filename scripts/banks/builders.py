"""Turns rated corpora into labelled scenarios and splits them: values in, values out, no I/O.

Sections named below are those of "Steerable Pluralism: Pluralistic Alignment via Few-Shot
Comparative Regression" (AIES 2025).
"""

import csv
import hashlib
import json
import random
import re
import reprlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

LabelPair = tuple[str, float]
"""An attribute's name and one of its levels: what the split must cover."""

Part = Literal["eval", "train"]


class BankInputError(ValueError):
    """The input cannot become a bank; the message says where and why."""


class RowError(BankInputError):
    """One row of the input cannot be read, though others may; names its line and column."""

    def __init__(self, line: int, column: str | None, problem: str) -> None:
        place = f"line {line}" if column is None else f"line {line}, column {column!r}"
        super().__init__(f"{place}: {problem}")


# Quotes a value in a message, cut in the middle if it is a whole paragraph.
_quote = reprlib.Repr()
_quote.maxstring = 60


@dataclass(frozen=True, slots=True)
class Attribute:
    """One labelled quality of a response and the values its labels can take."""

    name: str
    definition: str
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A question with labelled responses; `labels` and `reasonings` go with `responses`."""

    id: str
    question: str
    responses: tuple[str, ...]
    labels: tuple[dict[str, float], ...]
    reasonings: tuple[dict[str, str], ...]

    def label_pairs(self) -> frozenset[LabelPair]:
        """Every (attribute, level) that at least one response carries."""
        return frozenset(pair for labels in self.labels for pair in labels.items())


@dataclass(frozen=True, slots=True)
class Pool:
    """All scenarios a corpus yields, and what it holds that became none."""

    scenarios: tuple[Scenario, ...]
    rows: int
    """Rows read, left-out ones included."""
    left_out: Mapping[str, int]
    """Reason -> how many."""
    unreadable: tuple[str, ...] = ()
    """One message for each row that was skipped because it could not be read."""


def scenario_id(corpus: str, question: str) -> str:
    """An id that depends on the question alone, so that it outlives seeds and row order."""
    return f"{corpus}-{hashlib.sha256(question.encode('utf-8')).hexdigest()[:16]}"


def question_key(question: str) -> str:
    """What two questions share if they differ only in case and spacing."""
    return " ".join(question.split()).casefold()


def one_per_question(scenarios: Iterable[Scenario], left_out: Counter[str]) -> list[Scenario]:
    """The first scenario of each question, so that no split can hold a question twice."""
    first: dict[str, Scenario] = {}
    for scenario in scenarios:
        if first.setdefault(question_key(scenario.question), scenario) is not scenario:
            left_out["questions like an earlier one but for case or spacing"] += 1
    return list(first.values())


def jsonl(records: Iterable[Mapping[str, object]]) -> str:
    """JSON Lines with readable non-ASCII text."""
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    # These are legal inside JSON strings, but str.splitlines would break a record at them.
    for separator in ("\u0085", "\u2028", "\u2029"):
        text = text.replace(separator, f"\\u{ord(separator):04x}")
    return text


# --- HelpSteer2 (section 3.2) ------------------------------------------------------------------

HELPSTEER2_TOP_RATING = 4

_HELPSTEER2_LEVELS = tuple(r / HELPSTEER2_TOP_RATING for r in range(HELPSTEER2_TOP_RATING + 1))

HELPSTEER2_ATTRIBUTES = tuple(
    Attribute(name, definition, _HELPSTEER2_LEVELS)
    for name, definition in {
        "helpfulness": "Helpfulness is how far the response serves what the asker is after. "
        "High: the request is met in full. Low: the asker is no further than before.",
        "correctness": "Correctness is how true and complete the stated facts are. "
        "High: everything needed is there and right. Low: errors or gaps spoil the answer.",
        "coherence": "Coherence is how well the response hangs together. "
        "High: clear and consistent throughout. Low: muddled or contradicting itself.",
        "complexity": "Complexity is how much expertise the wording and ideas of the response "
        "call for. High: only a specialist would write it. Low: anyone could have.",
        "verbosity": "Verbosity is how much the response says, measured against what was asked. "
        "High: long and full of detail. Low: short and bare.",
    }.items()
)

HELPSTEER2_REASONINGS: Mapping[str, tuple[str, ...]] = {
    "helpfulness": (
        "The response is of no help: it misses or ignores what was asked.",
        "The response is of little help: it touches the request but leaves the need unmet.",
        "The response is partly helpful: it meets some of the request and passes over the rest.",
        "The response is mostly helpful: it meets the request with a small shortcoming.",
        "The response is fully helpful: it meets the whole request and can be used as it is.",
    ),
    "correctness": (
        "The response is wrong: its claims are false or beside the point.",
        "The response is mostly wrong: errors or gaps outweigh what it gets right.",
        "The response is half right: sound statements stand beside errors or gaps.",
        "The response is mostly right: a minor slip or omission is all that is amiss.",
        "The response is right throughout: its facts are accurate and none is missing.",
    ),
    "coherence": (
        "The response is incoherent: its parts do not make sense together.",
        "The response is hard to follow: it jumps about or contradicts itself.",
        "The response is followable with effort: some passages are unclear or inconsistent.",
        "The response is clear for the most part: one passage or so reads unevenly.",
        "The response is clear from start to end: every part follows from the one before.",
    ),
    "complexity": (
        "The response is elementary: anyone who knows the language could have written it.",
        "The response is simple: everyday knowledge and plain words are enough for it.",
        "The response is of middling depth: it takes some acquaintance with the subject.",
        "The response is advanced: it takes solid knowledge of the subject to write.",
        "The response is expert-level: only a specialist in the field could have written it.",
    ),
    "verbosity": (
        "The response is minimal: it says the least that could count as an answer.",
        "The response is short: it gives few details beyond the answer itself.",
        "The response is of medium length: its amount of detail suits the question.",
        "The response is long: it gives more detail than the question calls for.",
        "The response is exhaustive: it goes on at length and details every point.",
    ),
}
"""One sentence for each rating 0 to 4, all worded differently (in place of appendix D.2's
generated ones, which would need a model)."""


@dataclass(frozen=True, slots=True)
class RatedResponse:
    """One HelpSteer2 row."""

    prompt: str
    response: str
    ratings: Mapping[str, int]
    """Attribute -> 0 to 4."""


def parse_rated_response(row: object, line: int) -> RatedResponse:
    """Checks one row; raises RowError for a missing or unknown value."""
    if not isinstance(row, Mapping):
        raise RowError(line, None, "not a JSON object")
    ratings = {a.name: _rating(row, a.name, line) for a in HELPSTEER2_ATTRIBUTES}
    return RatedResponse(_text(row, "prompt", line), _text(row, "response", line), ratings)


def parse_rated_json(text: str, line: int) -> RatedResponse:
    """As parse_rated_response, from one line of a JSON Lines export."""
    try:
        row: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RowError(line, None, f"not JSON ({error})") from None
    return parse_rated_response(row, line)


def _text(row: Mapping[object, object], column: str, line: int) -> str:
    value = row.get(column)
    if not isinstance(value, str):
        raise RowError(line, column, "missing" if column not in row else "not text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise RowError(line, column, "holds half a surrogate pair, which is no text") from None
    return value.strip()


def _rating(row: Mapping[object, object], column: str, line: int) -> int:
    value = row.get(column)
    if isinstance(value, int | float) and not isinstance(value, bool):
        for rating in range(HELPSTEER2_TOP_RATING + 1):
            if value == rating:  # also 3.0, as data frames write whole numbers
                return rating
    problem = f"{_quote.repr(value)} is not a whole number from 0 to {HELPSTEER2_TOP_RATING}"
    raise RowError(line, column, "missing" if column not in row else problem)


def helpsteer2_pool(rows: Iterable[RatedResponse]) -> Pool:
    """Groups rows by prompt; labels are the ratings divided by 4 (section 3.2)."""
    left_out: Counter[str] = Counter()
    prompts: dict[str, dict[str, RatedResponse]] = defaultdict(dict)
    read = 0
    for row in rows:
        read += 1
        if not row.prompt or not row.response:
            left_out["rows with an empty prompt or response"] += 1
        elif prompts[row.prompt].setdefault(row.response, row) is not row:
            left_out["rows repeating a response of their prompt"] += 1
    scenarios = [
        _helpsteer2_scenario(q, list(r.values())) for q, r in prompts.items() if len(r) > 1
    ]
    if len(scenarios) < len(prompts):
        reason = "prompts with fewer than two different responses"
        left_out[reason] = len(prompts) - len(scenarios)
    return Pool(tuple(one_per_question(scenarios, left_out)), read, left_out)


def _helpsteer2_scenario(question: str, rows: Sequence[RatedResponse]) -> Scenario:
    return Scenario(
        id=scenario_id("helpsteer2", question),
        question=question,
        responses=tuple(row.response for row in rows),
        labels=tuple(
            {name: rating / HELPSTEER2_TOP_RATING for name, rating in row.ratings.items()}
            for row in rows
        ),
        reasonings=tuple(
            {name: HELPSTEER2_REASONINGS[name][rating] for name, rating in row.ratings.items()}
            for row in rows
        ),
    )


# --- Moral Integrity Corpus (section 3.1, appendix D.1) ----------------------------------------

MIC_ANNOTATIONS = 3
"""Annotations of an answer that the label rule sums."""


def scale_mic_sum(total: int) -> float:
    """Section 3.1: a sum of three annotations, -3 to 3, as a label in [0, 1], two decimals."""
    return round((total + MIC_ANNOTATIONS) / (2 * MIC_ANNOTATIONS), 2)


_MIC_LEVELS = tuple(scale_mic_sum(s) for s in range(-MIC_ANNOTATIONS, MIC_ANNOTATIONS + 1))

# In the order of the corpus's `moral-vector` column.
MIC_ATTRIBUTES = tuple(
    Attribute(name, definition, _MIC_LEVELS)
    for name, definition in {
        "care": "Care is wanting others to be safe and well. "
        "High: the response is kind and protective. Low: it harms or condones harm.",
        "fairness": "Fairness is giving each their due and cheating nobody. "
        "High: the response stands for even-handed treatment. Low: it favours unjust treatment.",
        "liberty": "Liberty is letting people decide about their own lives. "
        "High: the response upholds free choice. Low: it sides with coercion.",
        "loyalty": "Loyalty is keeping faith with one's people and one's promises. "
        "High: the response stands by the group. Low: it deserts or betrays it.",
        "authority": "Authority is honouring roles, duties and the rules that order a community. "
        "High: the response respects them. Low: it undermines them.",
        "sanctity": "Sanctity is keeping body, mind and what people hold sacred unsullied. "
        "High: the response preserves purity. Low: it debases it.",
    }.items()
)

MIC_MORALS = tuple(attribute.name for attribute in MIC_ATTRIBUTES)

MIC_COLUMNS = ("Q", "A", "rot", "A_agrees", "moral-vector")

_AGREEMENTS = {
    **dict.fromkeys(("0", "0.0", "disagree", "disagrees"), -1),
    **dict.fromkeys(("1", "1.0", "neither", "neutral"), 0),
    **dict.fromkeys(("2", "2.0", "agree", "agrees"), 1),
}

_AGREEMENT_WORDS = {-1: "disagrees", 0: "neither agrees nor disagrees", 1: "agrees"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """One worker's rule of thumb (RoT) about one answer: one MIC row."""

    question: str
    answer: str
    rot: str
    agreement: int | None
    """The answer agrees with the RoT (1), disagrees (-1), neither (0); None: left blank."""
    morals: frozenset[str]
    """The moral foundations the worker found behind the RoT."""


def parse_agreement(text: str) -> int | None:
    """Reads `A_agrees`: 0 disagrees, 1 neither, 2 agrees, or the words; blank gives None.

    Raises ValueError for anything else.
    """
    word = text.strip().casefold()
    if word in ("", "nan"):
        return None
    if word not in _AGREEMENTS:
        raise ValueError(f"{_quote.repr(text)} is none of 0 (disagrees), 1 (neither), 2 (agrees)")
    return _AGREEMENTS[word]


def parse_morals(text: str) -> frozenset[str]:
    """Reads `moral-vector`: six 0/1 flags such as "[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]" in the
    order of MIC_MORALS, or names such as "care|loyalty".

    Raises ValueError for anything else.
    """
    items = [item.strip("'\"") for item in re.split(r"[\s,|]+", text.strip().strip("[]").strip())]
    flags = {"0": False, "0.0": False, "0.": False, "1": True, "1.0": True, "1.": True}
    if len(items) == len(MIC_MORALS) and all(item in flags for item in items):
        return frozenset(m for m, item in zip(MIC_MORALS, items, strict=True) if flags[item])
    names = frozenset(item.casefold() for item in items)
    if not names <= set(MIC_MORALS):
        known = ", ".join(MIC_MORALS)
        raise ValueError(f"{_quote.repr(text)} is neither six 0/1 flags nor names out of {known}")
    return names


def csv_records(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """CSV records, each with the line it starts on (quoted fields may span several)."""
    reader = csv.reader(lines)
    while True:
        start = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BankInputError(f"line {start}: not CSV ({error})") from None
        if record:
            yield start, record


def parse_annotation(fields: Mapping[str, str], line: int) -> Annotation:
    """Checks one MIC row; raises RowError for an empty or unknown value."""
    for column in ("Q", "A", "rot"):
        if not fields[column].strip():
            raise RowError(line, column, "empty")
    column = "A_agrees"
    try:
        agreement = parse_agreement(fields[column])
        column = "moral-vector"
        morals = parse_morals(fields[column])
    except ValueError as error:
        raise RowError(line, column, str(error)) from None
    rot = " ".join(fields["rot"].split())
    return Annotation(fields["Q"].strip(), fields["A"].strip(), rot, agreement, morals)


def parse_annotations(lines: Iterable[str]) -> Iterator[Annotation | RowError]:
    """Reads MIC csv text; a row that cannot be read comes out as its error.

    Raises BankInputError where reading cannot go on: a bad header or text that is no csv.
    """
    records = csv_records(lines)
    _, header = next(records, (1, []))
    for column in MIC_COLUMNS:
        if header.count(column) != 1:
            found = "missing from" if column not in header else "more than once in"
            raise BankInputError(f"line 1, column {column!r}: {found} the header")
    for line, record in records:
        try:
            if len(record) != len(header):
                # The first column left without a value, or the last, which has too many.
                column = header[min(len(record), len(header) - 1)]
                problem = f"the row has {len(record)} fields, the header {len(header)}"
                raise RowError(line, column, problem)
            yield parse_annotation(dict(zip(header, record, strict=True)), line)
        except RowError as error:
            yield error


def mic_label(moral: str, annotations: Iterable[Annotation]) -> float:
    """Section 3.1: +1 for each annotation whose RoT is about `moral` and with which the answer
    agrees, -1 where it disagrees, 0 otherwise; summed over three and scaled to [0, 1]."""
    return scale_mic_sum(sum(a.agreement or 0 for a in annotations if moral in a.morals))


def mic_reasoning(moral: str, annotations: Iterable[Annotation]) -> str:
    """Appendix D.1: one statement for each annotation whose RoT is about `moral`."""
    statements = [
        f"The response {_AGREEMENT_WORDS[a.agreement or 0]} with the {moral} rule of thumb: "
        + (a.rot if a.rot.endswith((".", "!", "?")) else f"{a.rot}.")
        for a in annotations
        if moral in a.morals
    ]
    return " ".join(statements) or f"No rule of thumb about {moral} bears on the response."


def mic_pool(annotations: Iterable[Annotation | RowError], *, skip_unreadable: bool) -> Pool:
    """Groups annotations by answer and answers by question.

    Raises the first RowError met, unless `skip_unreadable`.
    """
    left_out: Counter[str] = Counter()
    unreadable: list[str] = []
    questions: dict[str, dict[str, list[Annotation]]] = defaultdict(lambda: defaultdict(list))
    read = 0
    for annotation in annotations:
        read += 1
        if isinstance(annotation, RowError):
            if not skip_unreadable:
                raise annotation
            left_out["rows that cannot be read"] += 1
            unreadable.append(str(annotation))
            continue
        answer = questions[annotation.question][annotation.answer]
        if annotation.agreement is None:
            # Nothing is known about this annotation, so the answer keeps the others only.
            left_out["rows without an agreement"] += 1
        else:
            answer.append(annotation)
    scenarios = list(_mic_scenarios(questions, left_out))
    return Pool(tuple(one_per_question(scenarios, left_out)), read, left_out, tuple(unreadable))


def _mic_scenarios(
    questions: Mapping[str, Mapping[str, list[Annotation]]], left_out: Counter[str]
) -> Iterator[Scenario]:
    for question, answers in questions.items():
        complete = {}
        for answer, annotations in answers.items():
            if len(annotations) == MIC_ANNOTATIONS:
                complete[answer] = annotations
            else:
                count = len(annotations)
                left_out[f"answers with {count} annotations in place of {MIC_ANNOTATIONS}"] += 1
        if len(complete) < 2:
            left_out["questions with fewer than two different answers"] += 1
            continue
        yield Scenario(
            id=scenario_id("mic", question),
            question=question,
            responses=tuple(complete),
            labels=tuple({m: mic_label(m, a) for m in MIC_MORALS} for a in complete.values()),
            reasonings=tuple(
                {m: mic_reasoning(m, a) for m in MIC_MORALS} for a in complete.values()
            ),
        )


# --- The split (section 3.3) -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Coverage:
    """In how many scenarios a label pair occurs: of the pool, and of each part of the split."""

    attribute: str
    level: float
    available: int
    eval: int
    train: int


@dataclass(frozen=True, slots=True)
class Split:
    """Two disjoint samples of a pool, each in the pool's order."""

    eval: tuple[Scenario, ...]
    train: tuple[Scenario, ...]
    coverage: tuple[Coverage, ...]
    """One for each label pair, in the order of the attributes and their levels."""
    shortfalls: tuple[Coverage, ...]
    """The label pairs that a part holds less often than was asked for."""


def share(available: int, eval_wanted: int, train_wanted: int) -> tuple[int, int]:
    """How many of `available` go to eval and to train.

    If there are not enough for both, eval takes up to half of them (rounded up), or more where
    train does not want the rest.
    """
    spare = available - train_wanted
    for_eval = min(eval_wanted, max((available + 1) // 2, spare))
    return for_eval, min(train_wanted, available - for_eval)


class _Picker:
    """Gives scenarios (by index) to the parts of a split and keeps the books."""

    def __init__(self, carried: Sequence[frozenset[LabelPair]], rng: random.Random) -> None:
        self.order = rng.sample(range(len(carried)), len(carried))
        self.taken: dict[Part, set[int]] = {"eval": set(), "train": set()}
        self.need: dict[Part, Counter[LabelPair]] = {"eval": Counter(), "train": Counter()}
        self.free = Counter(pair for pairs in carried for pair in pairs)
        self._carried = carried

    def untaken(self, pair: LabelPair | None = None) -> list[int]:
        """Indices still free (and carrying `pair`), in random order."""
        taken = self.taken["eval"] | self.taken["train"]
        return [
            i for i in self.order if i not in taken and (pair is None or pair in self._carried[i])
        ]

    def take(self, index: int, part: Part) -> None:
        self.taken[part].add(index)
        self.free.subtract(self._carried[index])
        self.need[part].subtract(self._carried[index])

    def cover(self, pair: LabelPair, part: Part) -> None:
        """Takes scenarios carrying `pair` until `part` has enough or none is left."""
        while self.need[part][pair] > 0 and (candidates := self.untaken(pair)):
            self.take(min(candidates, key=lambda index: self._cost(index, part)), part)

    def fill(self, size: int, part: Part) -> None:
        """Takes scenarios at random until `part` has `size`."""
        for index in self.untaken()[: max(0, size - len(self.taken[part]))]:
            self.take(index, part)

    def _cost(self, index: int, part: Part) -> tuple[int, int]:
        """Least first: label pairs that the other part will then lack and this one has no need
        of, then (negated) label pairs that this part needs."""
        need, other = self.need[part], self.need["train" if part == "eval" else "eval"]
        pairs = self._carried[index]
        robbed = sum(need[pair] <= 0 and self.free[pair] <= other[pair] for pair in pairs)
        return robbed, -sum(need[pair] > 0 for pair in pairs)


def split_pool(
    scenarios: Sequence[Scenario],
    attributes: Sequence[Attribute],
    *,
    eval_per_label: int,
    train_per_label: int,
    seed: int,
) -> Split:
    """Stratified split (section 3.3): greedy, rarest label pairs first.

    Each part is to hold every (attribute, level) in at least its `per_label` scenarios, and
    `per_label` x attributes x levels scenarios in all, as far as there are enough.
    """
    wanted: dict[Part, int] = {"eval": eval_per_label, "train": train_per_label}
    pairs = [(attribute.name, level) for attribute in attributes for level in attribute.levels]
    carried = [scenario.label_pairs() for scenario in scenarios]
    picker = _Picker(carried, random.Random(seed))
    available = Counter(picker.free)
    for pair in pairs:
        shares = share(available[pair], wanted["eval"], wanted["train"])
        picker.need["eval"][pair], picker.need["train"][pair] = shares
    for pair in sorted(pairs, key=available.__getitem__):
        picker.cover(pair, "eval")
        picker.cover(pair, "train")
    sizes = share(len(scenarios), wanted["eval"] * len(pairs), wanted["train"] * len(pairs))
    picker.fill(sizes[0], "eval")
    picker.fill(sizes[1], "train")
    chosen = {part: sorted(indices) for part, indices in picker.taken.items()}
    held = {part: Counter(p for i in chosen[part] for p in carried[i]) for part in chosen}
    coverage = tuple(
        Coverage(*pair, available[pair], held["eval"][pair], held["train"][pair]) for pair in pairs
    )
    return Split(
        eval=tuple(scenarios[index] for index in chosen["eval"]),
        train=tuple(scenarios[index] for index in chosen["train"]),
        coverage=coverage,
        shortfalls=tuple(
            c for c in coverage if c.eval < eval_per_label or c.train < train_per_label
        ),
    )
