"""From a request to a plan: what is scored, by which scorer, under which keys. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from app.domain.features import SurfaceFeatures, surface_of
from app.domain.fingerprint import (
    attribute_field,
    choice_field,
    presentation_digest,
    score_set_digest,
    scorer_fingerprint,
    text_digest,
)
from app.domain.scenario import Attribute, Candidate, Choice, Presentation, Scenario
from app.domain.score_set import ScoreSet
from app.domain.scorer import Scorer
from app.errors import FieldError, InvalidRequest


class ScorePlan(Struct, frozen=True):
    """Everything that one request asks for, decided before anything is done."""

    scenario: Scenario
    presentation: Presentation
    """How the caller listed the candidates."""
    surface: SurfaceFeatures
    """Of the candidates, for calibrations."""
    score_set: ScoreSet
    """The score set to be filled: it has no cells yet."""
    asked: dict[str, Attribute | Choice]
    """Cell field -> attribute, in the order of the request; or the one choice that is asked for."""


def plan_scores(
    question: str,
    candidates: Sequence[Candidate],
    attributes: Sequence[Attribute],
    scorer: Scorer,
    choice: Choice | None = None,
) -> ScorePlan:
    """Plan the scoring of one scenario, or with `choice` the choice among its candidates.

    Raises `InvalidRequest` when ids or attribute names repeat.
    """
    refuse_repeats("candidate id", "#/responses", [c.id for c in candidates])
    refuse_repeats("attribute", "#/attributes", [a.name for a in attributes])
    scenario, presentation = canonical_scenario(question, candidates)
    surface = surface_of(scenario)
    return ScorePlan(
        scenario=scenario,
        presentation=presentation,
        surface=surface,
        score_set=ScoreSet(
            digest=score_set_digest(scenario, scorer),
            scorer=scorer,
            fingerprint=scorer_fingerprint(scorer),
            surface=surface,
            presentation=presentation,
            view=presentation_digest(presentation),
        ),
        asked={choice_field(choice): choice}
        if choice is not None
        else {attribute_field(a): a for a in attributes},
    )


def canonical_scenario(
    question: str, candidates: Sequence[Candidate]
) -> tuple[Scenario, Presentation]:
    """Deduplicate candidates by text and order them by the hash of their text.

    A hash, not the alphabet: the place of a candidate in the prompt must not depend on what it is
    like, or a judge's position bias would become a bias for some kind of text.
    """
    texts = sorted({c.text for c in candidates}, key=text_digest)
    place = {text: position for position, text in enumerate(texts)}
    presentation = Presentation(
        ids=tuple(c.id for c in candidates),
        positions=tuple(place[c.text] for c in candidates),
    )
    return Scenario(question=question, candidates=tuple(texts)), presentation


def refuse_repeats(what: str, pointer: str, names: Sequence[str]) -> None:
    """Raise `InvalidRequest`, pointing to every name that is there more than once."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        errors = [
            FieldError(f"{pointer}/{index}", f"{what} {name!r} is there more than once")
            for index, name in enumerate(names)
            if name in repeated
        ]
        raise InvalidRequest(f"{what} {repeated[0]!r} is there more than once", fields=errors)
