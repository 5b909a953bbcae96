"""Plans of written texts: their cache keys, and the conversation as the model reads it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.features import surface_of
from app.domain.fingerprint import presentation_digest, scorer_fingerprint, text_field, texts_digest
from app.domain.plan import ScorePlan
from app.domain.scenario import Presentation, Scenario
from app.domain.score_set import ScoreSet
from app.domain.scorer import Scorer
from app.domain.texts import as_read
from app.domain.writing import Turn, Writing


def plan_texts(
    messages: Sequence[Turn],
    writings: Sequence[Writing],
    scorer: Scorer,
    *,
    owner: str = "",
    streams: bool = False,
) -> ScorePlan:
    """Plan texts that answer a conversation, whose last turn is the user's.

    The scenario of the plan has the last question, by which examples are found, and no candidates.
    Its cells are in the order of `writings`; those that are equal share one.
    """
    read = tuple(Turn(turn.role, as_read(turn.content)) for turn in messages)
    scenario, nobody = Scenario(read[-1].content, ()), Presentation((), ())
    fingerprint = scorer_fingerprint(scorer)
    return ScorePlan(
        scenario=scenario,
        presentation=nobody,
        surface=surface_of(scenario),
        score_set=ScoreSet(
            digest=owner + texts_digest(read, fingerprint),
            scorer=scorer,
            fingerprint=fingerprint,
            view=presentation_digest(nobody),
        ),
        asked={text_field(writing): writing for writing in writings},
        attributes={},
        messages=read,
        streams=streams,
    )
