"""URL paths with names, which may contain slashes, spaces and letters of any script."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Path
from starlette.convertors import CONVERTOR_TYPES, Convertor

from app.schema import Name


class _NameConvertor(Convertor[str]):
    """Matches a whole name: `%2F` is decoded to a slash before routes are matched."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


CONVERTOR_TYPES["name"] = _NameConvertor()
"""Routes use it as `/banks/{name:name}`."""

PathName = Annotated[Name, Path()]


def path_to(collection: str, name: str) -> str:
    """Percent-encoded path of a named resource, for a `Location` header."""
    return f"{collection}/{quote(name, safe='')}"
