"""Decompression of gzip request bodies, in chunks and up to a limit."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from app.errors import MalformedBody, UnsupportedFormat

_GZIP = 16 + zlib.MAX_WBITS
"""The `wbits` value of zlib for the gzip format."""
_MAX_MEMBERS = 10_000
"""Maximum number of members. Empty ones cost time and add nothing to the size of the body."""
_PLAIN = ("", "identity")
_PACKED = ("gzip", "x-gzip")


class Gunzip:
    """Decompresses a gzip stream, which may consist of several members (RFC 1952)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._members = 0

    @property
    def unfinished(self) -> bool:
        """Whether the current member is incomplete."""
        return self._members > 0 and not self._member.eof

    def unpack(self, packed: bytes, most: int) -> bytes:
        """Decompress the next chunk to at most `most` bytes; the rest is dropped.

        Raises `MalformedBody` if the data is not gzip, or has too many members.
        """
        unpacked = bytearray()
        while packed and len(unpacked) < most:
            if self._members == 0 or self._member.eof:
                self._members += 1
                if self._members > _MAX_MEMBERS:
                    raise MalformedBody(f"the gzip body has more than {_MAX_MEMBERS} members")
                self._member = zlib.decompressobj(_GZIP)
            try:
                unpacked += self._member.decompress(packed, most - len(unpacked))
            except zlib.error as error:
                raise MalformedBody(
                    f"the body is not valid gzip, but its Content-Encoding is gzip: {error}"
                ) from error
            packed = self._member.unused_data
        return bytes(unpacked)


def gunzip_for(headers: Iterable[tuple[bytes, bytes]]) -> Gunzip | None:
    """The decompressor for a body with these headers; None if it is not compressed.

    Raises `UnsupportedFormat` if the Content-Encoding is not gzip.
    """
    given = [value.decode("latin-1") for name, value in headers if name == b"content-encoding"]
    encodings = [one.strip().lower() for value in given for one in value.split(",")]
    encodings = [one for one in encodings if one not in _PLAIN]
    if not encodings:
        return None
    if len(encodings) == 1 and encodings[0] in _PACKED:
        return Gunzip()
    raise UnsupportedFormat(
        f"Content-Encoding {', '.join(encodings)!r} is not supported: send gzip or no encoding",
        accept_encoding="gzip",
    )
