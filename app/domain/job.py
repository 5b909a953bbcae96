"""The unit of work that a request queues for a worker."""

from __future__ import annotations

from msgspec import Struct

from app.domain.fingerprint import DIGEST_CHARS
from app.domain.scenario import Asked, Attribute, Choice, Scenario, States
from app.domain.scorer import Scorer


class Job(Struct, frozen=True):
    """Score one scenario on the attributes that are neither cached nor in flight."""

    id: str
    score_set: str
    """Digest of scenario and scorer, under which the cells are stored."""
    scenario: Scenario
    attributes: dict[str, Attribute]
    """Cell field -> attribute."""
    scorer: Scorer
    request_id: str
    waited_ms: float = 0.0
    """Time in the queue until this start, by Redis's clock; `JobQueue.start` sets it."""
    choices: dict[str, Choice] = {}
    """Cell field -> choice, for methods that choose without scoring."""
    states: dict[str, States] = {}
    """Cell field -> states, for methods that read them."""
    payer: str = ""
    """Id of the API key whose limit of tokens this counts towards; empty without one."""
    trace: str = ""
    """W3C `traceparent` of the request; empty without traces."""

    @property
    def owner(self) -> str:
        """What the tenant's score sets begin with; empty without tenants."""
        return self.score_set[:-DIGEST_CHARS]

    @property
    def cells(self) -> dict[str, Asked]:
        """All requested cells: cell field -> attribute, choice or states."""
        return {**self.attributes, **self.choices, **self.states}
