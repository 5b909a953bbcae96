"""Write generated documents, or check all: `python -m scripts.documents [NAME …]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from scripts.documents import check, metrics, openapi, settings

DOCUMENTS: dict[str, Callable[[], None]] = {
    "openapi": openapi.write,
    "settings": settings.TABLES.write,
    "metrics": metrics.TABLES.write,
}


def main() -> None:
    """Write the documents that the command line names, all if it names none; or check them."""
    names = [*DOCUMENTS, "check"]
    parser = argparse.ArgumentParser(prog="python -m scripts.documents", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    chosen = parser.parse_args().names or list(DOCUMENTS)
    if unknown := [name for name in chosen if name not in names]:
        parser.error(f"there is no document {unknown[0]!r}: {', '.join(names)}")
    for name in chosen:
        check.check() if name == "check" else DOCUMENTS[name]()


if __name__ == "__main__":
    main()
