"""JSON pointers (RFC 6901) from the locations of pydantic's validation errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.errors import escaped


def pointer_of(location: Sequence[int | str], body: Any, *, missing: bool = False) -> str:
    """JSON pointer (as a URI fragment) for the location of a validation error.

    Pydantic adds a step for the branch of a union. Steps that are not in the body are left out,
    except the last one if the field is `missing`.
    """
    steps: list[str] = []
    here = body
    for number, step in enumerate(location):
        if isinstance(here, dict) and step in here:  # noqa: SIM114 - the types differ
            here = here[step]
        elif isinstance(step, int) and isinstance(here, list) and step < len(here):
            here = here[step]
        elif not (missing and number == len(location) - 1):
            continue
        steps.append(escaped(str(step)))
    return "#" + "".join(f"/{step}" for step in steps)
