"""Reports what is odd about a bank's file before it is uploaded.

python -m scripts.banks.lint FILE [--rating-scale 1..5] [--scale 1..5] [--against OTHER]

Prints for each group its raters and measures, then one line for each finding. The exit status is 1
if the file cannot be stored or has findings.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from app.domain.bank import Bank, InvalidLines, bank_of
from app.domain.bank_files.labels import Scale
from app.domain.bank_files.reading import Options, read_bank_file
from app.domain.rating_records import RatingScale
from app.domain.ratings.coverage import GroupCoverage, MeanMeasure, rating_coverage
from app.domain.ratings.lint import lint

NAMED = 5
"""Names that a finding lists."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a file; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.banks.lint", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rating-scale", type=Scale.parse, metavar="LOW..HIGH")
    parser.add_argument("--scale", type=Scale.parse, default=Scale(), metavar="LOW..HIGH")
    parser.add_argument("--against", type=Path, metavar="FILE", help="another bank's file")
    parsed = parser.parse_args(arguments)
    ends: Scale | None = parsed.rating_scale
    rating_scale = None if ends is None else RatingScale(ends.low, ends.high)
    options = Options(parsed.scale, rating_scale=rating_scale)
    try:
        bank = _bank(parsed.file, options)
        other = _bank(parsed.against, options) if parsed.against else None
    except (InvalidLines, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    coverage = rating_coverage(bank)
    for name, group in (coverage.groups if coverage else {}).items():
        print(f"{name}: {_described(group)}")
    findings = lint(bank, other, str(parsed.against))
    for finding in findings:
        more = ", …" if finding.count > NAMED else ""
        print(
            f"{finding.kind} ({finding.count}): {finding.detail}: "
            f"{', '.join(finding.names[:NAMED])}{more}"
        )
    return 1 if findings else 0


def _bank(path: Path, options: Options) -> Bank:
    """Raises `InvalidLines` and `OSError`."""
    file = read_bank_file(path.read_bytes(), options)
    return bank_of(file.scenarios, file.setup)


def _described(group: GroupCoverage) -> str:
    agreement = "unknown" if group.agreement is None else f"{group.agreement:.2f}"
    return (
        f"{group.raters} raters, {group.scenarios} scenarios, agreement {agreement}, "
        f"stability {_mean(group.stability)}, contrast {_mean(group.contrast)}"
    )


def _mean(measure: MeanMeasure | None) -> str:
    return "unknown" if measure is None else f"{measure.mean:.2f} (n={measure.scenarios})"


if __name__ == "__main__":
    sys.exit(main())
