"""What a calibration is worth, as a table and in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.calibrations.schemas import AttributeReportOut, FittedOut
from scripts.client.answers import judges_in_words

_EXPLAINED = """\
Errors are root mean squares of the difference from the labels, on held-out scenarios: of the raw
scores, of surface features without the judge, of both, and of the calibrated score (used). Pairs
are candidates of one scenario with different labels: the share that is in the right order."""


def report(name: str, fitted: FittedOut) -> str:
    """What a calibration is worth, as a table and in words."""
    left_out = ", ".join(f"{count} {why}" for why, count in fitted.left_out.items())
    lines = [
        f"{name} is fitted for {judges_in_words(fitted.scorer)}, on "
        f"{fitted.scenarios} scenarios of {_banks(fitted)}"
        + (f" (left out: {left_out})" if left_out else "")
        + _learnt_from(fitted),
        "",
        *_table(fitted.reports),
        "",
        *_EXPLAINED.splitlines(),
        "",
    ]
    best = "together" if any(r.basis == "together" for r in fitted.reports) else "alone"
    for one in fitted.reports:
        if one.basis == best:
            lines += [_about(one) + one.summary, *(f"  {own.summary}" for own in one.judges)]
    lines += ["", f'Version {fitted.digest}; applied with "calibration": "auto" or its name.']
    return "\n".join(lines)


def _banks(fitted: FittedOut) -> str:
    return " and ".join([fitted.bank.name, *(one.name for one in fitted.further_banks)])


def _learnt_from(fitted: FittedOut) -> str:
    if fitted.labelled == fitted.scenarios:
        return ""
    return f"; surface features on all its {fitted.labelled}"


def _about(one: AttributeReportOut) -> str:
    return f"{one.bank}: " if one.bank else ""


def _table(reports: Sequence[AttributeReportOut]) -> Iterator[str]:
    header = ["attribute", "scored", "scenarios", "error: raw", "features", "+ judge", "used"]
    header += ["pairs: raw", "features", "used"]
    rows = [header]
    for one in reports:
        errors = (one.error_raw, one.error_features, one.error_combined, one.error)
        pairs = (one.pairs_raw, one.pairs_features, one.pairs)
        rows.append(
            [
                one.attribute if not one.bank else f"{one.attribute} ({one.bank})",
                one.basis,
                str(one.scenarios),
                *(f"{error:.3f}" for error in errors),
                *("–" if share is None else f"{100 * share:.0f} %" for share in pairs),
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        words = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join([*words, *numbers])
