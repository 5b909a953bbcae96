"""Predictions of labels that no fit has seen: reliability and disagreements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.bank import LabelledScenario
from scripts.benchmark.pages.parts.content import Cell, Part, Picture, Table
from scripts.calibrate.pages.measures import disagreements, honesty, reliability, surprise
from scripts.calibrate.pages.plots import reliability_plot
from scripts.calibrate.pages.trials import Prediction

_MOST_SURPRISES = 25
_MOST_CHARS = 300

_READING = (
    "Calibrated scores against labels. Every score is by a fit on the other three quarters of the "
    "scenarios. Each point is an equal share of the responses, in the order of their scores. On "
    "the dashed line, scores equal labels on average."
)
_HONESTY = (
    "Standard errors that answers have, against the errors on scenarios kept aside. With normal "
    "errors, 68 % of the labels would lie within one and 95 % within 1.96 standard errors."
)
_SURPRISES = (
    "The labels that lie farthest from the score of a fit that has not seen them, in standard "
    "errors. Either the calibration is wrong here, or the label is."
)


def reliability_part(predictions: Sequence[Prediction], attributes: Sequence[str]) -> Part:
    """Scores against labels, and standard errors against errors."""
    own = {name: [one for one in predictions if one.attribute == name] for name in attributes}
    rows: list[tuple[Cell, ...]] = []
    for name, every in own.items():
        measured = honesty(every)
        rows.append(
            (
                Cell(name, notes=(f"{len(every)} responses",)),
                Cell(f"{measured.claimed:.3f}"),
                Cell(f"{measured.found:.3f}"),
                Cell(f"{100 * measured.within_one:.0f} %"),
                Cell(f"{100 * measured.within_two:.0f} %"),
            )
        )
    header = (
        "attribute", "standard error", "error found", "labels within one", "within 1.96",
    )  # fmt: skip
    picture = Picture(
        reliability_plot({name: reliability(every) for name, every in own.items()}), _READING
    )
    table = Table(_HONESTY, header, tuple(rows))
    return Part("reliability", "Reliability", (table,), picture)


def surprises_part(
    predictions: Sequence[Prediction], scenarios: Mapping[str, LabelledScenario], *, texts: bool
) -> Part:
    """The labels that are farthest from the scores."""
    rows: list[tuple[Cell, ...]] = []
    with_raw = any(one.raw != one.used for one in predictions)
    for one in disagreements(predictions, _MOST_SURPRISES):
        cells = [
            Cell(one.scenario),
            Cell(str(one.response + 1)),
            Cell(one.attribute),
            Cell(f"{one.label:.2f}"),
            *([Cell(f"{one.raw:.2f}")] if with_raw else []),
            Cell(f"{one.used:.2f}"),
            Cell(f"{surprise(one):.1f}"),
        ]
        if texts:
            scenario = scenarios[one.scenario]
            response = scenario.responses[one.response]
            notes = (f"Question: {_short(scenario.question)}", f"Response: {_short(response)}")
            cells.append(Cell("", notes=notes))
        rows.append(tuple(cells))
    header = ["scenario", "response", "attribute", "label"]
    header += ["judge's score", "calibrated"] if with_raw else ["score"]
    header.append("standard errors apart")
    header += ["question, and response"] if texts else []
    table = Table(_SURPRISES, tuple(header), tuple(rows))
    return Part("surprises", "Most surprising disagreements", (table,))


def _short(text: str) -> str:
    whole = " ".join(text.split())
    return whole if len(whole) <= _MOST_CHARS else whole[:_MOST_CHARS].rstrip() + " …"
