"""Texts of users in log records: left out, unless they are asked for."""

import asyncio
import contextvars
import json
import logging

import pytest

from app.telemetry.logs import JsonFormatter
from app.telemetry.texts import keep_from_logs, without_texts

QUESTION = 'What does "Müsli" mean?\nAnd why?'
CANDIDATE = "It is a Swiss breakfast of rolled oats."


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        (f"cannot score {CANDIDATE!r} now", "cannot score '…' now"),
        (f"near {CANDIDATE[5:30]} failed", "near … failed"),
        (f"refused: {json.dumps(QUESTION)}", 'refused: "…"'),
        (f"refused: {json.dumps(QUESTION, ensure_ascii=False)}", 'refused: "…"'),
        (f"KeyError: {QUESTION!r}", "KeyError: '…'"),
        (f"{QUESTION}|{CANDIDATE}", "…|…"),
        ("a Swiss cow", "a Swiss cow"),
        ("", ""),
    ],
)
def test_what_a_message_quotes_of_a_text_is_left_out(message, kept):
    assert without_texts(message, (QUESTION, CANDIDATE)) == kept


def test_a_message_about_megabytes_is_left_out_as_a_whole():
    assert without_texts("x" * 100 + "y" * 12, ("y" * 2_000_000,)) == "(112 characters, left out)"


def test_short_texts_are_words_that_any_message_may_have():
    assert without_texts("job given up: no answer", ("answer", "")) == "job given up: no answer"


def record(message, *arguments, exc_info=None, **more):
    return logging.makeLogRecord({"msg": message, "args": arguments, "exc_info": exc_info, **more})


def logged(texts: bool) -> dict:
    def log():
        keep_from_logs([QUESTION, CANDIDATE])
        try:
            raise KeyError(CANDIDATE)
        except KeyError as error:
            information = (KeyError, error, error.__traceback__)
        made = record("failed: %s", CANDIDATE, exc_info=information, answer=QUESTION, ms=1.5)
        return json.loads(JsonFormatter(texts=texts).format(made))

    return contextvars.copy_context().run(log)


def test_a_record_has_no_text_in_its_message_its_exception_or_its_members():
    entry = logged(texts=False)
    assert entry["message"] == "failed: …"
    assert (entry["answer"], entry["ms"]) == ("…", 1.5)
    assert "KeyError: '…'" in entry["exception"]
    assert CANDIDATE not in json.dumps(entry)


def test_a_record_has_all_texts_where_they_are_asked_for():
    entry = logged(texts=True)
    assert entry["message"] == f"failed: {CANDIDATE}"
    assert entry["texts"] == [QUESTION, CANDIDATE]


async def test_tasks_inherit_the_texts_and_other_requests_do_not_have_them():
    async def handled(text):
        keep_from_logs([text])

        async def part():
            return JsonFormatter().format(record("%s", f"{QUESTION} {CANDIDATE}"))

        return json.loads(await asyncio.create_task(part()))["message"]

    first, second = await asyncio.gather(
        asyncio.create_task(handled(QUESTION)), asyncio.create_task(handled(CANDIDATE))
    )
    assert first == f"… {CANDIDATE}"
    assert second == f"{QUESTION} …"
