"""Scenarios from HelpSteer2 (section 3.2)."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scripts.banks.scenarios import (
    Attribute,
    Pool,
    RowError,
    Scenario,
    one_per_question,
    quoted,
    scenario_id,
)

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
    problem = f"{quoted(value)} is not a whole number from 0 to {HELPSTEER2_TOP_RATING}"
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
