"""Read a bank file of any known form, and report what became of its records."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from app.domain.bank import (
    InvalidLines,
    LabelledScenario,
    LineError,
    checked,
    in_plain_words,
)
from app.domain.bank_files.labels import Completed, Scale, Unlabelled, completed, scaled
from app.domain.bank_files.records import Kind, record_of
from app.domain.fingerprint import digest
from app.domain.json_text import InvalidJson, RepeatedMember, parse_json
from app.domain.rating_records import (
    NO_SETUP,
    RatingScale,
    RatingSetup,
    check_scale,
    is_setup,
    setup_of,
)
from app.domain.texts import is_blank

Unit = Literal["line", "record"]
"""What errors count: lines of JSON Lines, or records of an array, from 1."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DOS_END = b"\x1a"
"""Ctrl-Z, which some programs of Windows end a file with."""
_GZIP = b"\x1f\x8b"


class Options(Struct, frozen=True):
    """How labels are read."""

    scale: Scale = Scale()
    unlabelled: Unlabelled = "keep"
    rating_scale: RatingScale | None = None
    """The scale of the ratings, unless the file begins with it."""


class LeftOut(Struct, frozen=True):
    """A record that became no scenario."""

    number: int
    """Its line, or its place in the array, from 1."""
    reason: str


class BankFile(Struct):
    """The scenarios of a file, in its order, and how they were read."""

    unit: Unit = "line"
    scenarios: list[LabelledScenario] = field(default_factory=list)
    setup: RatingSetup = NO_SETUP
    """What holds for all ratings."""
    converted: Counter[Kind] = field(default_factory=Counter)
    """Kind -> records of it; a bank's own lines are not converted."""
    ignored: Counter[str] = field(default_factory=Counter)
    """Unknown members -> records that have them: they may be misspelt."""
    repeated: int = 0
    """Records of ALIGN that repeat a scenario, for another target."""
    left_out: list[LeftOut] = field(default_factory=list)
    dropped: int = 0
    """Responses without labels that were left out."""
    filled: int = 0
    """Labels that were filled in."""


AS_THEY_ARE = Options()


def read_bank_file(
    content: bytes, options: Options = AS_THEY_ARE, *, max_errors: int = 20
) -> BankFile:
    """Read JSON Lines or a JSON array of lines of a bank, the paper's records, or ALIGN's.

    No scenario need be left. Raises `InvalidLines` with up to `max_errors` errors.
    """
    content = content.removeprefix(codecs.BOM_UTF8).rstrip(_DOS_END)
    if fault := _foreign(content):
        raise InvalidLines([LineError(1, fault)])
    is_array = content.lstrip()[:1] == b"["
    setup = RatingSetup(options.rating_scale)
    reader = _Reader(BankFile("record" if is_array else "line", setup=setup), options)
    errors: list[LineError] = []
    for number, text in _array(content) if is_array else _lines(content):
        try:
            record = text if is_array else _value_of(text)
            if is_setup(record) and not reader.begun:
                reader.set_up(record)
            else:
                reader.add(number, record)
        except (ValueError, RecursionError, OverflowError) as error:
            errors.append(LineError(number, in_plain_words(error)))
            if len(errors) >= max_errors:
                break
    if errors:
        raise InvalidLines(errors, reader.file.unit)
    if not reader.file.scenarios and not reader.file.left_out:
        raise InvalidLines([LineError(1, "the bank is empty")], reader.file.unit)
    return reader.file


class _Reader:
    """Adds one record after the other to a file."""

    def __init__(self, file: BankFile, options: Options) -> None:
        self.file = file
        self._options = options
        self._places: dict[str, int] = {}
        """Id -> number of the record."""
        self._contents: set[str] = set()
        self.begun = False
        """Whether there was a record."""

    def set_up(self, record: Any) -> None:
        """Read what holds for all ratings. Raises `ValueError`."""
        self.begun = True
        setup, given = setup_of(record), self._options.rating_scale
        if given is not None and setup.rating_scale not in (None, given):
            raise ValueError(f"rating_scale is {setup.rating_scale}, but the request has {given}")
        self.file.setup = replace(setup, rating_scale=setup.rating_scale or given)

    def add(self, number: int, given: Any) -> None:
        """Convert and check a record. Raises `ValueError`."""
        self.begun = True
        file = self.file
        record = record_of(given, number - 1)
        if record.kind != "line":
            file.converted[record.kind] += 1
        file.ignored.update(record.ignored)
        line = record.line
        if isinstance(line.get("labels"), list):
            line = {**line, "labels": scaled(line["labels"], self._options.scale)}
        whole = completed(line, self._options.unlabelled)
        scenario = checked(msgspec.convert(whole.line, LabelledScenario))
        check_scale(scenario.ratings or (), file.setup.rating_scale)
        if record.kind == "align":
            if self._is_repeated(scenario):
                file.repeated += 1
                return
            while scenario.id in self._places:
                scenario = replace(scenario, id=f"{scenario.id}#{number - 1}")
        if scenario.id in self._places:
            before = self._places[scenario.id]
            raise ValueError(f"id {scenario.id!r} is also on {file.unit} {before}")
        self._places[scenario.id] = number
        file.dropped += whole.dropped
        file.filled += whole.filled
        keeps_all = record.kind == "line" and self._options.unlabelled == "keep"
        if not keeps_all and (reason := _unusable(scenario, whole)):
            file.left_out.append(LeftOut(number, reason))
        else:
            file.scenarios.append(scenario)

    def _is_repeated(self, scenario: LabelledScenario) -> bool:
        """Whether a record with other targets had the same scenario."""
        content = digest(scenario.question, scenario.responses, scenario.labels)
        if content in self._contents:
            return True
        self._contents.add(content)
        return False


def _unusable(scenario: LabelledScenario, whole: Completed) -> str | None:
    """Why a scenario cannot be an example, if it cannot."""
    if not any(scenario.labels) and not scenario.ratings:
        return "no response has a label"
    if whole.dropped and len(scenario.responses) < 2:
        return "fewer than two responses have labels"
    return None


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    # The splitlines of bytes, which knows line feeds and carriage returns only: a JSON string can
    # hold neither, but other line separators.
    for number, line in enumerate(content.splitlines(), start=1):
        if not is_blank(line.decode(errors="replace")):
            yield number, line


def _array(content: bytes) -> Iterator[tuple[int, Any]]:
    """The records of an array. Raises `InvalidLines`."""
    try:
        yield from enumerate(parse_json(content), start=1)
    except RepeatedMember as error:
        number, *steps = error.steps
        assert isinstance(number, int)
        detail = str(RepeatedMember(tuple(steps)))
        raise InvalidLines([LineError(number + 1, detail)], "record") from error
    except InvalidJson as error:
        raise InvalidLines([LineError(1, f"the array is {error}")], "record") from error


def _value_of(line: bytes) -> Any:
    try:
        return parse_json(line)
    except InvalidJson as error:
        if "Extra data" in str(error):
            raise ValueError(
                f"{error}: several records on one line? `curl -d` removes line ends, "
                "`curl --data-binary` does not"
            ) from error
        raise


def _foreign(content: bytes) -> str | None:
    """What a file is instead of JSON in UTF-8, if its beginning shows it."""
    if content.startswith(_UTF16) or b"\0" in content[:4]:
        return "the file is UTF-16 or UTF-32: save it as UTF-8"
    if content.startswith(_GZIP):
        return "the file is gzip: unpack it first"
    if content.startswith(b"--") and b"form-data" in content[:1000].lower():
        return (
            "this is a form, as `curl -F` sends it: send the file with `curl --data-binary @FILE`"
        )
    return None
