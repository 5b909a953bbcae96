"""What a run is asked to do, and which of its options change nothing."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.bank_files.labels import Scale
from app.domain.bank_files.reading import AS_THEY_ARE, Options
from app.domain.methods import METHODS, MethodTraits
from app.store.attribute_sets import builtin_attribute_sets
from scripts.scorer_options import DEFAULT_URL, SERVICE_DEFAULTS, ScorerOptions

LOCAL = ("random", "oracle", "features")
"""Methods of the benchmark itself: chance, always right, and surface features without a judge."""

DEFAULT_TARGETS = ("high", "low", "sample:10")
DEFAULT_CONCURRENCY = 8

_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """One run of one method; see the help of `python -m scripts.benchmark run`."""

    scenarios: tuple[Path, ...]
    method: str
    out: Path
    targets: tuple[str, ...] = DEFAULT_TARGETS
    url: str = DEFAULT_URL
    scorer: ScorerOptions = SERVICE_DEFAULTS
    bank: str | None = None
    bank_file: Path | None = None
    bank_chars: int | None = None
    labels: Options = AS_THEY_ARE
    """How labels are read, of the scenarios and of the bank file."""
    calibration: str | None = None
    probabilities: bool = False
    sample: int | None = None
    sample_seed: int = 0
    order_check: int = 0
    concurrency: int = DEFAULT_CONCURRENCY
    dataset: str | None = None
    label: str = ""

    @property
    def is_local(self) -> bool:
        """Whether the benchmark itself selects, without the service."""
        return self.method in LOCAL

    @property
    def traits(self) -> MethodTraits:
        """What the method does."""
        return METHODS.get(self.method, MethodTraits(generates=False, compares=False))

    @property
    def has_scores(self) -> bool:
        """Whether the service scores for the method (it may choose, or not be asked)."""
        return not self.is_local and self.traits.kind == "score"

    @property
    def is_calibrated(self) -> bool:
        """Whether selections go by calibrated scores."""
        return self.has_scores and self.calibration is not None

    def settings(self) -> dict[str, Any]:
        """The scorer settings as requests carry them; only those that were given."""
        if self.method == "features":
            assert self.bank_file is not None, "features are fitted first"
            return {"fitted_on": hashlib.sha256(self.bank_file.read_bytes()).hexdigest()}
        settings = self.scorer.settings()
        if self.is_local:
            return {name: value for name, value in settings.items() if name == "seed"}
        if self.traits.uses_examples:
            if self.scorer.zero_shot:
                settings["bank"] = None
            elif self.bank is not None:
                settings["bank"] = self.bank
            settings["examples"] = (
                0 if self.scorer.zero_shot else settings.get("examples", _EXAMPLES)
            )
        else:
            settings.pop("examples", None)
        if self.is_calibrated:
            settings["calibration"] = self.calibration
        return settings

    def command(self) -> str:
        """The command line that does the same."""
        words = ["python", "-m", "scripts.benchmark", "run", "--scenarios"]
        words += map(str, self.scenarios)
        words += ["--method", self.method, "--targets", *self.targets, *self.scorer.arguments()]
        given = {
            "url": self.url if self.url != DEFAULT_URL else None,
            "bank": self.bank,
            "bank-file": self.bank_file,
            "bank-chars": self.bank_chars,
            "scale": self.labels.scale if self.labels.scale != Scale() else None,
            "unlabelled": self.labels.unlabelled if self.labels.unlabelled != "keep" else None,
            "calibration": self.calibration,
            "sample": self.sample,
            "sample-seed": self.sample_seed,
            "order-check": self.order_check,
            "concurrency": self.concurrency if self.concurrency != DEFAULT_CONCURRENCY else None,
            "dataset": self.dataset,
            "label": self.label,
            "out": self.out,
        }
        for name, value in given.items():
            if value:
                words += [f"--{name}", str(value)]
        words += ["--probabilities"] if self.probabilities else []
        return shlex.join(words)


def without_effect(options: RunOptions) -> list[tuple[str, str]]:
    """Options that were given but change nothing, and why: nothing is ignored silently."""
    return [*_idle_of_scores(options), *_idle_examples(options), *_idle_of_method(options)]


def _idle_of_scores(options: RunOptions) -> Iterator[tuple[str, str]]:
    if options.traits.compares and options.is_calibrated and options.order_check:
        yield "order-check", "on calibrated scores, which are one for both orders"
    if not options.has_scores:
        why = f"on {options.method}, for which the service has no scores"
        if options.calibration is not None:
            yield "calibration", why
        if options.probabilities:
            yield "probabilities", why
    scorer = options.scorer
    if options.is_local and not (
        scorer.attributes or scorer.attribute_set in builtin_attribute_sets()
    ):
        yield (
            "attribute-set",
            f"on {options.method}: only built-in sets are known without the service, "
            "levels are those of the data",
        )


def _idle_examples(options: RunOptions) -> Iterator[tuple[str, str]]:
    if options.bank_chars and (not options.bank_file or options.method == "features"):
        yield "bank-chars", "without --bank-file, or on features"
    given = (
        ("bank", options.bank),
        ("examples", options.scorer.examples),
        ("retrieval", options.scorer.retrieval),
    )
    for name, value in given:
        if value is None:
            continue
        if not options.traits.uses_examples:
            yield name, f"on {options.method}"
        elif options.scorer.zero_shot:
            yield name, "with --zero-shot"


def _idle_of_method(options: RunOptions) -> Iterator[tuple[str, str]]:
    scorer, traits = options.scorer, options.traits
    idle: dict[str, object] = {}
    if not traits.compares:
        idle |= {"orders": scorer.orders, "order-check": options.order_check}
    if not traits.generates:
        idle |= {
            "samples": scorer.samples,
            "temperature": scorer.temperature,
            "no-reasoning": not scorer.reasoning,
            "reasoning-chars": scorer.reasoning_chars,
        }
    if options.is_local:
        # Of the other methods the service refuses these where they cannot be.
        idle |= {
            "model": scorer.models,
            "joint": scorer.joint,
            "prompt-order": scorer.prompt_order,
        }
    for name, value in idle.items():
        if value:
            yield name, f"on {options.method}"
