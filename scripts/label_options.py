"""How labels of files are read, as options of a command line."""

from __future__ import annotations

import argparse

from app.domain.bank_files.labels import UNLABELLED, Scale
from app.domain.bank_files.reading import Options


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Add `--scale` and `--unlabelled`, which hold for all files of a command."""
    add = parser.add_argument
    add(
        "--scale",
        type=_scale,
        default=Scale(),
        metavar="LOW..HIGH",
        help="the lowest and the highest label of the files, as in 1..5 (default: 0..1)",
    )
    add(
        "--unlabelled",
        choices=UNLABELLED,
        default="keep",
        help="responses without labels: keep them, drop them, or fill in 0.5",
    )


def label_options(arguments: argparse.Namespace) -> Options:
    """The options of a command line that `add_label_options` described."""
    return Options(arguments.scale, arguments.unlabelled)


def _scale(text: str) -> Scale:
    try:
        return Scale.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
