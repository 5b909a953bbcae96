"""The report page: what a calibration is worth, as one HTML file."""

from __future__ import annotations

from pathlib import Path

from app.calibrations.schemas import AttributeReportOut, FittedOut
from app.domain.methods import METHODS
from scripts.benchmark.pages.parts.content import Cell, Part, Picture, Section, Table
from scripts.benchmark.pages.parts.text import DASH
from scripts.benchmark.pages.report import html_page
from scripts.calibrate.pages.held_out import Findings
from scripts.calibrate.pages.learning import learning_parts
from scripts.calibrate.pages.measures import attributes_of, unseen
from scripts.calibrate.pages.plots import sources_plot
from scripts.calibrate.pages.unseen import reliability_part, surprises_part
from scripts.client.answers import judges_in_words, scorers_of

CROSS_VALIDATED = (
    "Cross-validated by the service over all scored scenarios: each label is predicted by models "
    "that have not seen its question."
)


def write_page(
    path: Path, name: str, fitted: FittedOut, findings: Findings, *, texts: bool
) -> None:
    """Write the page. With `texts` it quotes questions and responses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(name, fitted, findings, texts=texts), "utf-8")


def page(name: str, fitted: FittedOut, findings: Findings, *, texts: bool) -> str:
    """The page as HTML."""
    sections = [_sources(fitted)]
    parts: list[Part] = []
    predictions = unseen(findings.trials)
    if predictions:
        names = [one for one in fitted.attributes if one in attributes_of(findings.trials)]
        parts += learning_parts(findings.trials, names, fitted.scenarios)
        parts.append(reliability_part(predictions, names))
        parts.append(surprises_part(predictions, findings.scenarios, texts=texts))
    warnings = _warnings(findings)
    if parts or warnings:
        sections.append(Section("aside", "On scenarios kept aside", tuple(warnings), tuple(parts)))
    return html_page(sections, f"Calibration {name}", "What is missing here")


def _warnings(findings: Findings) -> list[str]:
    failed = [trial for trial in findings.trials if trial.problem]
    return [
        *([findings.note] if findings.note else []),
        *(f"On {trial.size} scenarios, draw {trial.draw + 1}: {trial.problem}" for trial in failed),
    ]


# From the calibration itself


def _sources(fitted: FittedOut) -> Section:
    best = "together" if any(one.basis == "together" for one in fitted.reports) else "alone"
    reports = [one for one in fitted.reports if one.basis == best]
    parts = (
        Part("about", "What was fitted", tables=(_facts(fitted),)),
        Part(
            "sources",
            "Error of each source",
            tables=(_errors(fitted, reports), _pairs(fitted, reports), _words(reports)),
            picture=_picture(fitted, reports),
        ),
    )
    return Section("all", "On all scored scenarios", (), parts)


def _facts(fitted: FittedOut) -> Table:
    left_out = ", ".join(f"{count} {why}" for why, count in fitted.left_out.items())
    facts = {
        "judges": judges_in_words(fitted.scorer),
        "bank": fitted.bank.name,
        "scenarios scored": str(fitted.scenarios),
        "scenarios with labels": str(fitted.labelled),
        "left out": left_out or "none",
        "version": fitted.digest,
    }
    rows = tuple((Cell(fact), Cell(value)) for fact, value in facts.items())
    return Table("", ("", ""), rows)


def _names(fitted: FittedOut) -> tuple[str, ...]:
    """The sources of scores in the order of `_errors_of`."""
    scorers = scorers_of(fitted.scorer)
    if len(scorers) > 1:
        judge, both = "the mean of the judges", "features + judges"
    elif METHODS[scorers[0].method].reads_states:
        judge, both = "hidden states alone", "features + states"
    else:
        judge, both = "the judge's scores", "features + judge"
    return "the mean label", judge, "surface features", both, "used"


def _errors_of(one: AttributeReportOut) -> tuple[float, ...]:
    return (
        one.error_constant, one.error_raw, one.error_features, one.error_combined, one.error,
    )  # fmt: skip


def _pairs_of(one: AttributeReportOut) -> tuple[float | None, ...]:
    return one.pairs_raw, one.pairs_features, one.pairs


def _picture(fitted: FittedOut, reports: list[AttributeReportOut]) -> Picture:
    names = _names(fitted)
    errors = {name: [_errors_of(one)[at] for one in reports] for at, name in enumerate(names)}
    ordered = (names[1], names[2], names[4])
    pairs = {name: [_pairs_of(one)[at] for one in reports] for at, name in enumerate(ordered)}
    return Picture(
        sources_plot([one.attribute for one in reports], errors, pairs),
        f"{CROSS_VALIDATED} “{names[4].capitalize()}” is what answers have: the judge only where "
        "it lowers the error significantly, surface features elsewhere.",
    )


def _errors(fitted: FittedOut, reports: list[AttributeReportOut]) -> Table:
    rows = tuple(
        (
            Cell(one.attribute, notes=(f"{one.scenarios} scenarios",)),
            *(Cell(f"{error:.3f}") for error in _errors_of(one)),
        )
        for one in reports
    )
    caption = "Root mean square of the difference from the labels (0 to 1), cross-validated."
    return Table(caption, ("attribute", *_names(fitted)), rows)


def _pairs(fitted: FittedOut, reports: list[AttributeReportOut]) -> Table:
    names = _names(fitted)
    rows = tuple(
        (Cell(one.attribute), *(Cell(percent(share)) for share in _pairs_of(one)))
        for one in reports
    )
    caption = (
        "Share of pairs of responses to one question with different labels that are in the right "
        "order, cross-validated."
    )
    return Table(caption, ("attribute", names[1], names[2], names[4]), rows)


def _words(reports: list[AttributeReportOut]) -> Table:
    rows = tuple((Cell(one.attribute), Cell("", notes=(one.summary,))) for one in reports)
    return Table("", ("", ""), rows, folded="In words")


def percent(share: float | None) -> str:
    """A share as percent, or a dash."""
    return DASH if share is None else f"{100 * share:.0f} %"
