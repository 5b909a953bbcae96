"""Scoring plans: the scenario, the scorer and the cache keys of a request. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

from app.domain.features import SurfaceFeatures, surface_of
from app.domain.fingerprint import (
    attribute_field,
    choice_field,
    presentation_digest,
    score_set_digest,
    scorer_fingerprint,
    states_field,
    text_digest,
)
from app.domain.methods import METHODS
from app.domain.scenario import Asked, Attribute, Candidate, Choice, Presentation, Scenario, States
from app.domain.score_set import ScoreSet
from app.domain.scorer import Scorer
from app.domain.texts import as_read
from app.domain.writing import Turn
from app.errors import FieldError, InvalidRequest

_KEPT_CHARS = 20_000
"""Longest scenario that is kept, so that the 1,000 kept ones take 20 MB (80 in rare scripts)."""


class ScorePlan(Struct, frozen=True):
    """Everything that a request asks for, decided before any work begins."""

    scenario: Scenario
    presentation: Presentation
    """The caller's ids and order of candidates."""
    surface: SurfaceFeatures
    """Surface features of the candidates, for calibrations."""
    score_set: ScoreSet
    """The score set to fill. It has no cells yet."""
    asked: dict[str, Asked]
    """Cell field -> attribute, in the order of the request; or the one field of a choice or of
    states."""
    attributes: dict[str, Attribute]
    """Cell field -> attribute whose scores are wanted, in the order of the request; empty for a
    choice. A calibration makes them from states, if those are what is asked for."""
    messages: tuple[Turn, ...] = ()
    """For texts: the conversation to write them for."""
    streams: bool = False
    """For texts: whether their parts are wanted as they are written."""

    @property
    def writes(self) -> bool:
        """Whether texts are asked for, which nobody else needs once the caller has left."""
        return bool(self.messages)


def plan_scores(
    question: str,
    candidates: Sequence[Candidate],
    attributes: Sequence[Attribute],
    scorer: Scorer,
    choice: Choice | None = None,
    owner: str = "",
) -> ScorePlan:
    """Plan the scoring of one scenario, or (with `choice`) the choice of one of its candidates.

    `owner` begins the digest of the score set: owners share no scores.

    Raises `InvalidRequest` if candidate ids or attribute names repeat.
    """
    refuse_repeats("candidate id", "#/responses", [c.id for c in candidates])
    refuse_repeats("attribute", "#/attributes", [a.name for a in attributes])
    fingerprint = scorer_fingerprint(scorer)
    scenario, presentation, surface, digest, view = _read(question, candidates, fingerprint)
    wanted = {} if choice is not None else {attribute_field(a): a for a in attributes}
    return ScorePlan(
        scenario=scenario,
        presentation=presentation,
        surface=surface,
        score_set=ScoreSet(
            digest=owner + digest,
            scorer=scorer,
            fingerprint=fingerprint,
            surface=surface,
            presentation=presentation,
            view=view,
        ),
        asked=_asked(wanted, scorer, choice),
        attributes=wanted,
    )


def _asked(wanted: dict[str, Attribute], scorer: Scorer, choice: Choice | None) -> dict[str, Asked]:
    if choice is not None:
        return {choice_field(choice): choice}
    if METHODS[scorer.settings.method].reads_states:
        return {states_field(): States()}
    return dict(wanted)


def canonical_scenario(
    question: str, candidates: Sequence[Candidate]
) -> tuple[Scenario, Presentation]:
    """Deduplicate candidates by what a reader sees of them and sort them by a hash of the text.

    By hash and not alphabetically: a candidate's position in the prompt must not correlate with its
    content, or the judge's position bias would favour some kinds of text.
    """
    read = [as_read(c.text) for c in candidates]
    texts = sorted(set(read), key=text_digest)
    place = {text: position for position, text in enumerate(texts)}
    presentation = Presentation(
        ids=tuple(c.id for c in candidates),
        positions=tuple(place[text] for text in read),
    )
    return Scenario(question=as_read(question), candidates=tuple(texts)), presentation


class _Read(NamedTuple):
    """What follows from the texts of a request and its scorer."""

    scenario: Scenario
    presentation: Presentation
    surface: SurfaceFeatures
    digest: str
    view: str


def _read(question: str, candidates: Sequence[Candidate], fingerprint: str) -> _Read:
    ids, texts = tuple(c.id for c in candidates), tuple(c.text for c in candidates)
    if len(question) + sum(map(len, texts)) <= _KEPT_CHARS:
        return _read_before(question, ids, texts, fingerprint)
    return _read_before.__wrapped__(question, ids, texts, fingerprint)


@lru_cache(maxsize=1000)
def _read_before(
    question: str, ids: tuple[str, ...], texts: tuple[str, ...], fingerprint: str
) -> _Read:
    """Kept, because scenarios come again with other targets, and features take a while."""
    candidates = list(map(Candidate, ids, texts))
    scenario, presentation = canonical_scenario(question, candidates)
    return _Read(
        scenario,
        presentation,
        surface_of(scenario),
        score_set_digest(scenario, fingerprint),
        presentation_digest(presentation),
    )


def refuse_repeats(what: str, pointer: str, names: Sequence[str]) -> None:
    """Raise `InvalidRequest` if names repeat, with a pointer to every repeated one."""
    if len(set(names)) == len(names):
        return
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        errors = [
            FieldError(f"{pointer}/{index}", f"{what} {name!r} is repeated")
            for index, name in enumerate(names)
            if name in repeated
        ]
        raise InvalidRequest(f"{what} {repeated[0]!r} is repeated", fields=errors)
