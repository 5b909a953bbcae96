"""The benchmark's commands: `python -m scripts.benchmark COMMAND …`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scripts.benchmark import bench, evaluate


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do what it says; the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in ("frontier", "draw"):
        return bench.main(given)
    return evaluate.main(given[1:] if given and given[0] == "run" else given)


if __name__ == "__main__":
    sys.exit(main())
