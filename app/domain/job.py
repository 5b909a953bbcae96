"""The work that one request queues for a worker."""

from __future__ import annotations

from msgspec import Struct

from app.domain.scenario import Attribute, Choice, Scenario
from app.domain.scorer import Scorer


class Job(Struct, frozen=True):
    """The work of scoring one scenario on the attributes that nobody has scored yet."""

    id: str
    score_set: str
    """Digest of scenario and scorer: where the cells go."""
    scenario: Scenario
    attributes: dict[str, Attribute]
    """Cell field -> attribute."""
    scorer: Scorer
    request_id: str
    submitted_ms: int
    choices: dict[str, Choice] = {}
    """Cell field -> choice, for methods that choose instead of scoring."""

    @property
    def cells(self) -> dict[str, Attribute | Choice]:
        """Everything that is asked: cell field -> attribute or choice."""
        return {**self.attributes, **self.choices}
