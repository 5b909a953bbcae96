"""Bodies of the bank endpoints."""

from __future__ import annotations

from typing import Literal

from app.domain.ratings.lint import Kind as FindingKind
from app.schema import Open


class LabelCoverageOut(Open):
    """The labels that a bank has for one attribute."""

    labels: int
    """Labelled responses."""
    low: float
    high: float
    levels: dict[str, int] | None
    """Label value -> number of responses; null when there are more than 25 different values."""


class ScaleOut(Open):
    """The lowest and the highest rating."""

    low: float
    high: float


class MeanMeasureOut(Open):
    """The mean of a measure over the scenarios that have it."""

    mean: float
    scenarios: int


class GroupOut(Open):
    """The ratings of one group."""

    raters: int
    ratings: int
    scenarios: int
    """Scenarios with any rating of the group."""
    agreement: float | None
    """Krippendorff's alpha: 1 if raters of the same response agree, 0 if they differ as much as
    raters of different responses; null if no response has two ratings."""
    stability: MeanMeasureOut | None
    """How much raters agree about a scenario: minus their variance, at most 0 (equation 3 of
    SPICA's paper), over scenarios with two raters; null if there is none."""
    contrast: MeanMeasureOut | None
    """How opinionated raters are about a scenario: their variance between responses (equation 5);
    null if nobody rated two responses of a scenario."""


class RatingsOut(Open):
    """The ratings of a bank."""

    scale: ScaleOut
    response_classes: dict[str, str]
    """Response class -> its instruction; empty if there is none."""
    raters: int
    ratings: int
    groups: dict[str, GroupOut]


class BankOut(Open):
    """A bank without its scenarios."""

    name: str
    digest: str
    """Version: hash of the content."""
    scenarios: int
    responses: int
    labels: dict[str, LabelCoverageOut]
    """Attribute -> its labels."""
    created_ms: int
    """When it was stored, Unix time in milliseconds; 0 for a built-in bank."""
    builtin: bool
    ratings: RatingsOut | None = None
    """What people of several groups have rated; null without ratings."""


class BanksOut(Open):
    """All banks."""

    banks: list[BankOut]
    """Sorted by name."""


IndexState = Literal["ready", "building", "failed", "no-worker"]


class IndexOut(Open):
    """The search index over a bank's questions."""

    state: IndexState
    """`ready`: a worker has it; `building`: a worker is building it; `failed`: no worker could
    build it yet, and they try again."""
    workers: list[str]
    """Live workers whose index is ready."""
    reason: str | None = None
    """Why it failed."""


class WeightsOut(Open):
    """Weights of SPICA's measures for one group, fitted by least squares to the mismatch."""

    similarity: float
    stability: float
    contrast: float
    constant: float
    pairs: int
    """Pairs of scenarios that they were fitted on."""


class ReachOut(Open):
    """How many examples of the bank a kind of retrieval uses."""

    questions: int
    """Questions of the bank that were tried, each without its own scenario."""
    examples: int
    """Different scenarios that come first for them."""
    top_share: float
    """Share of the questions for which one of the three commonest examples comes first."""
    degenerate: bool
    """Whether few examples answer most questions."""


class GroupRetrievalOut(Open):
    """What is fitted on the bank for one group."""

    version: str
    weights: WeightsOut | None
    """Null without response classes, or with too few ratings. A question of the bank gets weights
    that were fitted without its part of the bank."""
    reach: dict[str, ReachOut]
    """Kind of retrieval (`spica`, `expected`) -> how many examples it uses."""


class BankWithIndexOut(BankOut):
    """A bank, and whether its index is ready."""

    index: IndexOut
    group_retrieval: dict[str, dict[str, GroupRetrievalOut]] = {}
    """Embedder -> group -> what its workers have fitted; empty until then, and without ratings."""


class LeftOutRecordOut(Open):
    """A record that became no scenario."""

    number: int
    """Its line, or its place in the array, from 1."""
    reason: str


class LeftOutOut(Open):
    """Records that became no scenario."""

    count: int
    first: list[LeftOutRecordOut]
    """At most 20."""


class RepeatsOut(Open):
    """Groups of scenarios with the same question and responses."""

    count: int
    """Groups."""
    first: list[list[str]]
    """The ids of at most 20 groups, at most 20 of each."""


class ReadingOut(Open):
    """How the file was read, and what is odd about it."""

    converted: dict[str, int]
    """Kind of record (`paper`, `align`) -> records that were converted."""
    scale: str
    """The lowest and the highest label of the file; they were mapped to 0 and 1."""
    repeated: int
    """Records of ALIGN that repeat a scenario for another target; it is stored once."""
    left_out: LeftOutOut
    responses_dropped: int
    """Responses without labels that were left out."""
    labels_filled: int
    """Labels of 0.5 that were filled in."""
    duplicates: RepeatsOut
    """Scenarios with the same texts. Prompts show one of them."""
    contradictions: RepeatsOut
    """The same, with different labels. Prompts show one with the commonest labels."""


class FindingOut(Open):
    """Something odd about the ratings, or about the questions next to another bank's."""

    kind: FindingKind
    detail: str
    count: int
    """Raters or scenarios."""
    first: list[str]
    """At most 20 of them: raters, or ids of scenarios."""


class StoredBankOut(BankWithIndexOut):
    """A bank as it was stored."""

    ignored: dict[str, int] = {}
    """Unknown members of lines -> number of lines: they may be misspelt."""
    reading: ReadingOut
    findings: list[FindingOut] = []
    """What is odd about the ratings. The bank is stored all the same."""
