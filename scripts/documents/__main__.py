"""Write generated documents: `python -m scripts.documents [openapi] [settings]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from scripts.documents import openapi, settings

DOCUMENTS: dict[str, Callable[[], None]] = {
    "openapi": openapi.write,
    "settings": settings.write,
}


def main() -> None:
    """Write the documents that the command line names; all of them if it names none."""
    parser = argparse.ArgumentParser(prog="python -m scripts.documents", description=__doc__)
    parser.add_argument("documents", nargs="*", metavar="DOCUMENT", help=", ".join(DOCUMENTS))
    names = parser.parse_args().documents or list(DOCUMENTS)
    if unknown := [name for name in names if name not in DOCUMENTS]:
        parser.error(f"no document is called {unknown[0]!r}: {', '.join(DOCUMENTS)}")
    for name in names:
        DOCUMENTS[name]()


if __name__ == "__main__":
    main()
