"""The unit of work that a request queues for a worker."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from app.domain.fingerprint import DIGEST_CHARS
from app.domain.scenario import Asked, Attribute, Choice, Scenario, States
from app.domain.scorer import Scorer
from app.domain.writing import Turn, Writing


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
    messages: tuple[Turn, ...] = ()
    """The conversation that texts are written for."""
    texts: dict[str, Writing] = {}
    """Cell field -> text to be written, for the method that writes them."""
    streams: bool = False
    """Whether parts of the texts are published as they are written."""
    left_ms: float = 0.0
    """Time to the deadline at this start; `JobQueue.start` sets it."""
    payer: str = ""
    """Id of the API key whose limit of tokens this counts towards; empty without one."""
    trace: str = ""
    """W3C `traceparent` of the request; empty without traces."""

    @property
    def owner(self) -> str:
        """What the tenant's score sets begin with; empty without tenants."""
        return self.score_set[:-DIGEST_CHARS]

    def only(self, fields: Collection[str]) -> Job:
        """The job with some of its cells."""
        return replace(
            self,
            attributes={f: one for f, one in self.attributes.items() if f in fields},
            choices={f: one for f, one in self.choices.items() if f in fields},
            states={f: one for f, one in self.states.items() if f in fields},
            texts={f: one for f, one in self.texts.items() if f in fields},
        )

    @property
    def cells(self) -> dict[str, Asked]:
        """All requested cells: cell field -> attribute, choice, states or text."""
        return {**self.attributes, **self.choices, **self.states, **self.texts}
