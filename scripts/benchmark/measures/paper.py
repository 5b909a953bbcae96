"""Figures of the paper, to compare with.

"Steerable Pluralism: Pluralistic Alignment via Few-Shot Comparative Regression" (AIES 2025). Only
figures that its tables state; what its plots show is not read off them. The paper's evaluation
scenarios are all of its sets (HelpSteer2 500, MIC 336), a run's may be a sample of them.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct

from scripts.benchmark.records.results import Run, TargetKind

LLAMA_3B = "Llama-3.2-3B"
LLAMA_70B = "Llama-3.3-70B"
MISTRAL_7B = "Mistral-7B"
KALEIDO_XL = "Kaleido-XL"

SAMPLES = 5
"""Answers averaged where the paper samples (section 4.2)."""


class PaperAccuracy(Struct, frozen=True):
    """A mean accuracy over targets, ties excluded (section 5.1)."""

    dataset: str
    method: str
    """As `Run.method` has it."""
    few_shot: bool
    """Whether there were in-context examples."""
    samples: int
    """1 for greedy decoding, 5 for sampling."""
    model: str
    targets: TargetKind
    percent: float
    deviation: float
    """Standard deviation over targets, in percentage points."""
    source: str


class PaperSeconds(Struct, frozen=True):
    """Seconds a scenario with a target of all attributes, on one NVIDIA RTX A6000 (appendix E)."""

    dataset: str
    method: str
    samples: int
    model: str
    seconds: float
    source: str = "Table 9"


def _table_1() -> tuple[PaperAccuracy, ...]:
    """Regression ablation: all targets, greedy."""
    conditions = (("regression", True), ("comparative", False), ("comparative", True))
    rows = (
        ("mic", LLAMA_3B, ((53.1, 4.4), (53.2, 3.8), (55.1, 4.8))),
        ("mic", MISTRAL_7B, ((54.6, 4.1), (55.8, 4.0), (56.2, 4.3))),
        ("helpsteer2", LLAMA_3B, ((53.3, 3.5), (54.4, 4.1), (55.2, 4.6))),
        ("helpsteer2", MISTRAL_7B, ((55.1, 3.7), (55.3, 4.5), (56.0, 5.0))),
    )
    return tuple(
        PaperAccuracy(dataset, method, few_shot, 1, model, "all", mean, deviation, "Table 1")
        for dataset, model, figures in rows
        for (method, few_shot), (mean, deviation) in zip(conditions, figures, strict=True)
    )


def _table_2() -> tuple[PaperAccuracy, ...]:
    """Prompt-aligned ablation: sampled targets, greedy.

    The columns are taken as zero-shot, then few-shot, the order of table 1 and of the text: in
    the text form of the paper their heads are lost.
    """
    rows = (
        ("mic", LLAMA_3B, ((50.1, 3.7), (49.4, 5.7))),
        ("mic", MISTRAL_7B, ((54.1, 5.1), (53.7, 4.9))),
        ("helpsteer2", LLAMA_3B, ((51.1, 3.4), (48.5, 4.7))),
        ("helpsteer2", MISTRAL_7B, ((51.4, 3.5), (51.7, 5.6))),
    )
    return tuple(
        PaperAccuracy(
            dataset, "prompt_aligned", few_shot, 1, model, "sampled", mean, deviation, "Table 2"
        )
        for dataset, model, figures in rows
        for few_shot, (mean, deviation) in zip((False, True), figures, strict=True)
    )


def _table_3() -> tuple[PaperAccuracy, ...]:
    """Backbone size: sampled targets, five samples."""
    conditions = (("prompt_aligned", False), ("comparative", True))
    rows = (
        ("mic", LLAMA_3B, ((55.1, 5.3), (58.1, 5.5))),
        ("mic", LLAMA_70B, ((54.8, 5.3), (58.9, 5.4))),
        ("helpsteer2", LLAMA_3B, ((52.0, 4.8), (59.0, 5.7))),
        ("helpsteer2", LLAMA_70B, ((57.2, 9.7), (68.4, 6.9))),
    )
    return tuple(
        PaperAccuracy(
            dataset, method, few_shot, SAMPLES, model, "sampled", mean, deviation, "Table 3"
        )
        for dataset, model, figures in rows
        for (method, few_shot), (mean, deviation) in zip(conditions, figures, strict=True)
    )


def _table_9() -> tuple[PaperSeconds, ...]:
    rows = (
        ("kaleido", 1, KALEIDO_XL, 10.9, 6.8),
        ("unaligned", 1, LLAMA_3B, 8.5, 9.7),
        ("reward_model", 1, LLAMA_3B, 0.1, 0.2),
        ("prompt_aligned", 1, LLAMA_3B, 8.2, 9.4),
        ("prompt_aligned", SAMPLES, LLAMA_3B, 10.9, 13.1),
        ("comparative", 1, LLAMA_3B, 131.0, 137.9),
        ("comparative", SAMPLES, LLAMA_3B, 221.4, 379.8),
        ("unaligned", 1, MISTRAL_7B, 8.4, 9.6),
        ("reward_model", 1, MISTRAL_7B, 0.3, 0.3),
        ("prompt_aligned", 1, MISTRAL_7B, 5.9, 5.9),
        ("prompt_aligned", SAMPLES, MISTRAL_7B, 7.1, 8.9),
        ("comparative", 1, MISTRAL_7B, 64.0, 138.2),
        ("comparative", SAMPLES, MISTRAL_7B, 142.1, 330.8),
    )
    return tuple(
        PaperSeconds(dataset, method, samples, model, seconds)
        for method, samples, model, mic, helpsteer2 in rows
        for dataset, seconds in (("mic", mic), ("helpsteer2", helpsteer2))
    )


F = TypeVar("F", PaperAccuracy, PaperSeconds)

ACCURACIES: tuple[PaperAccuracy, ...] = (*_table_1(), *_table_2(), *_table_3())
SECONDS: tuple[PaperSeconds, ...] = _table_9()


def is_few_shot(run: Run) -> bool:
    """Whether a run gave in-context examples."""
    return bool(run.settings.get("examples"))


def matching_accuracies(run: Run, targets: TargetKind) -> tuple[PaperAccuracy, ...]:
    """The paper's figures for a run's dataset, method, examples and kind of targets.

    Those with as many samples as the run, greedy or several; if there are none, the others, whose
    whose `samples` a table must then state. The paper's models always reasoned about one
    attribute at a time.
    """
    if not _asks_as_the_paper(run):
        return ()
    fitting = tuple(
        figure
        for figure in ACCURACIES
        if (figure.dataset, figure.method, figure.targets) == (run.dataset, run.method, targets)
        and figure.few_shot == is_few_shot(run)
    )
    return _of_samples(run, fitting)


def matching_seconds(run: Run) -> tuple[PaperSeconds, ...]:
    """The paper's runtimes for a run's dataset and method, as `matching_accuracies`.

    The paper timed comparative regression with examples only, prompt-aligned without.
    """
    untimed = (("comparative", False), ("prompt_aligned", True))
    if (run.method, is_few_shot(run)) in untimed or not _asks_as_the_paper(run):
        return ()
    fitting = tuple(f for f in SECONDS if (f.dataset, f.method) == (run.dataset, run.method))
    return _of_samples(run, fitting)


def is_sampled(run: Run) -> bool:
    """Whether a run draws several answers instead of a greedy one."""
    return int(run.settings.get("samples") or 1) > 1


def _asks_as_the_paper(run: Run) -> bool:
    return (
        bool(run.settings.get("reasoning", True))
        and not run.settings.get("joint")
        and run.settings.get("prompt_order") != "item_first"
    )


def _of_samples(run: Run, figures: tuple[F, ...]) -> tuple[F, ...]:
    return tuple(f for f in figures if (f.samples > 1) == is_sampled(run)) or figures
