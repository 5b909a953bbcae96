"""Builds a bank and an evaluation set from HelpSteer2 or the Moral Integrity Corpus.

python -m scripts.banks.build helpsteer2 --out DIR [--input FILE.jsonl[.gz]]
python -m scripts.banks.build mic --csv MIC.csv --out DIR

Writes train.jsonl, eval.jsonl, attributes.json and report.json. The same input and seed give the
same bytes.
"""

import argparse
import gzip
import hashlib
import importlib
import io
import json
import os
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.banks.helpsteer2 import (
    HELPSTEER2_ATTRIBUTES,
    helpsteer2_pool,
    parse_rated_json,
    parse_rated_response,
)
from scripts.banks.mic import MIC_ATTRIBUTES, mic_pool, parse_annotations
from scripts.banks.scenarios import Attribute, BankInputError, Pool, RowError, jsonl
from scripts.banks.split import Coverage, Split, split_pool

HELPSTEER2_DATASET = "nvidia/HelpSteer2"
HELPSTEER2_SPLITS = ("train", "validation")

SHORTFALLS_SHOWN = 12
_GZIP = b"\x1f\x8b"
"""How gzip files begin: HelpSteer2 is published as one."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a bank was built from."""

    corpus: str
    origin: str
    """File or dataset name, without the folder: reports must not depend on where it lay."""
    sha256: str
    """Of the file's bytes, or of the dataset's rows as JSON Lines."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Scenarios wanted for each label pair, and the seed they are drawn with."""

    eval_per_label: int
    train_per_label: int
    seed: int


def read_text(path: Path) -> tuple[str, str]:
    """The text of a file in UTF-8, packed by gzip or not, and the SHA-256 of its bytes."""
    packed = path.read_bytes()
    sha256 = hashlib.sha256(packed).hexdigest()
    try:
        content = gzip.decompress(packed) if packed.startswith(_GZIP) else packed
    except (OSError, EOFError, zlib.error) as error:
        raise BankInputError(f"{path}: not complete gzip ({error})") from None
    try:
        # "utf-8-sig": spreadsheets put a byte order mark first, which is no part of the header.
        return content.decode("utf-8-sig"), sha256
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BankInputError(f"{path}: line {line}: not UTF-8 ({error.reason})") from None


def load_mic(path: Path, *, skip_unreadable: bool) -> tuple[Source, Pool]:
    """Reads MIC.csv; raises BankInputError, naming file, line and column, for a bad row."""
    text, sha256 = read_text(path)
    annotations = parse_annotations(io.StringIO(text, newline=""))
    try:
        pool = mic_pool(annotations, skip_unreadable=skip_unreadable)
    except RowError as error:
        hint = "--skip-unreadable leaves such rows out"
        raise BankInputError(f"{path}: {error} ({hint})") from error
    except BankInputError as error:
        raise BankInputError(f"{path}: {error}") from error
    return Source("mic", path.name, sha256), pool


def load_helpsteer2_file(path: Path) -> tuple[Source, Pool]:
    """Reads a JSON Lines export; raises BankInputError, naming file and line, for a bad row."""
    text, sha256 = read_text(path)
    # Not splitlines: it would also break at separators that JSON strings may hold.
    lines = enumerate(text.split("\n"), start=1)
    rows = (parse_rated_json(line, number) for number, line in lines if line.strip())
    try:
        return Source("helpsteer2", path.name, sha256), helpsteer2_pool(rows)
    except RowError as error:
        raise BankInputError(f"{path}: {error}") from error


def load_helpsteer2_dataset(cache: Path | None) -> tuple[Source, Pool]:
    """Reads the dataset through the `datasets` library, which downloads or caches it."""
    try:
        datasets = importlib.import_module("datasets")
    except ImportError:
        raise BankInputError(
            "reading HelpSteer2 needs the datasets library: pip install datasets "
            "(or give a JSON Lines export with --input)"
        ) from None
    try:
        loaded = datasets.load_dataset(
            HELPSTEER2_DATASET, cache_dir=None if cache is None else str(cache)
        )
        rows = [row for split in HELPSTEER2_SPLITS for row in loaded[split]]
    except Exception as error:  # the library raises the errors of its transports
        raise BankInputError(f"cannot load {HELPSTEER2_DATASET}: {error}") from error
    digest = hashlib.sha256(jsonl(rows).encode("utf-8", "surrogatepass")).hexdigest()
    pool = helpsteer2_pool(parse_rated_response(row, n) for n, row in enumerate(rows, start=1))
    return Source("helpsteer2", HELPSTEER2_DATASET, digest), pool


def report(source: Source, quota: Quota, pool: Pool, split: Split) -> dict[str, object]:
    """Everything needed to judge a bank, and to build it again."""
    pairs = len(split.coverage)
    return {
        "source": asdict(source),
        "seed": quota.seed,
        "wanted": {
            "eval_per_label": quota.eval_per_label,
            "train_per_label": quota.train_per_label,
            "eval": quota.eval_per_label * pairs,
            "train": quota.train_per_label * pairs,
        },
        "counts": {
            "rows": pool.rows,
            "scenarios": len(pool.scenarios),
            "eval": len(split.eval),
            "train": len(split.train),
        },
        "left_out": dict(sorted(pool.left_out.items())),
        "unreadable_rows": list(pool.unreadable),
        "shortfalls": [asdict(coverage) for coverage in split.shortfalls],
        "coverage": [asdict(coverage) for coverage in split.coverage],
    }


def summary(source: Source, quota: Quota, pool: Pool, split: Split, out: Path) -> str:
    """The report on one screen."""
    lines = [
        f"{source.corpus}: {pool.rows} rows of {source.origin}, {len(pool.scenarios)} scenarios",
        *(f"  left out: {count} {reason}" for reason, count in sorted(pool.left_out.items())),
        f"eval.jsonl:  {_part(len(split.eval), quota.eval_per_label, split)}",
        f"train.jsonl: {_part(len(split.train), quota.train_per_label, split)}",
    ]
    if split.shortfalls:
        lines.append("fewer scenarios than wanted (available -> eval + train):")
        lines += [f"  {_shortfall(c)}" for c in split.shortfalls[:SHORTFALLS_SHOWN]]
        if len(split.shortfalls) > SHORTFALLS_SHOWN:
            lines.append(f"  and {len(split.shortfalls) - SHORTFALLS_SHOWN} more in report.json")
    lines.append(f"seed {quota.seed}, source sha256 {source.sha256[:16]}, written to {out}")
    return "\n".join(lines)


def _part(size: int, per_label: int, split: Split) -> str:
    wanted = per_label * len(split.coverage)
    return f"{size} scenarios of {wanted} wanted, at least {per_label} for each label"


def _shortfall(coverage: Coverage) -> str:
    split = f"{coverage.available} -> {coverage.eval} + {coverage.train}"
    return f"{coverage.attribute} {coverage.level:g}: {split}"


def write_bank(
    out: Path, split: Split, attributes: Sequence[Attribute], findings: Mapping[str, object]
) -> None:
    """Writes the four files so that none is ever seen half written; the report comes last."""
    contents = {
        "train.jsonl": jsonl(asdict(scenario) for scenario in split.train),
        "eval.jsonl": jsonl(asdict(scenario) for scenario in split.eval),
        "attributes.json": _pretty([asdict(attribute) for attribute in attributes]),
        "report.json": _pretty(findings),
    }
    out.mkdir(parents=True, exist_ok=True)
    drafts = {name: out / f".{name}.{os.getpid()}.tmp" for name in contents}
    try:
        for name, text in contents.items():
            drafts[name].write_bytes(text.encode("utf-8"))
        for name, draft in drafts.items():
            draft.replace(out / name)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def build(
    source: Source, pool: Pool, attributes: Sequence[Attribute], quota: Quota, out: Path
) -> str:
    """Splits the pool, writes the bank and returns its summary."""
    if not pool.scenarios:
        reasons = "; ".join(f"{count} {reason}" for reason, count in sorted(pool.left_out.items()))
        raise BankInputError(f"{source.origin} yields no scenario ({reasons or 'no rows'})")
    split = split_pool(
        pool.scenarios,
        attributes,
        eval_per_label=quota.eval_per_label,
        train_per_label=quota.train_per_label,
        seed=quota.seed,
    )
    write_bank(out, split, attributes, report(source, quota, pool, split))
    return summary(source, quota, pool, split, out)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.banks.build", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    corpora = parser.add_subparsers(dest="corpus", required=True)
    helpsteer2 = corpora.add_parser("helpsteer2", help="responses rated on five qualities")
    helpsteer2.add_argument("--input", type=Path, help="a JSON Lines export of the dataset")
    helpsteer2.add_argument("--cache", type=Path, help="where the datasets library keeps files")
    mic = corpora.add_parser("mic", help="answers annotated with moral rules of thumb")
    mic.add_argument("--csv", type=Path, required=True, help="MIC.csv")
    mic.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out and report rows that cannot be read, in place of stopping at the first",
    )
    for corpus, per_label in ((helpsteer2, 20), (mic, 8)):
        corpus.add_argument("--out", type=Path, required=True, help="folder to write to")
        corpus.add_argument("--eval-per-label", type=_positive, default=per_label)
        corpus.add_argument("--train-per-label", type=_positive, default=per_label)
        corpus.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> str:
    """Builds the bank that was asked for and returns its summary."""
    quota = Quota(arguments.eval_per_label, arguments.train_per_label, arguments.seed)
    if arguments.corpus == "mic":
        source, pool = load_mic(arguments.csv, skip_unreadable=arguments.skip_unreadable)
        return build(source, pool, MIC_ATTRIBUTES, quota, arguments.out)
    if arguments.input is None:
        source, pool = load_helpsteer2_dataset(arguments.cache)
    else:
        source, pool = load_helpsteer2_file(arguments.input)
    return build(source, pool, HELPSTEER2_ATTRIBUTES, quota, arguments.out)


def main(argv: Sequence[str] | None = None) -> int:
    """0 if the bank was written; 2, with the reason on stderr, if it could not be."""
    arguments = parse_arguments(argv)
    try:
        print(run(arguments))
    except (BankInputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
