"""Problem documents: pointers, and one type for each exception."""

import inspect

import pytest

from app import errors
from app.http.pointers import pointer_of
from app.http.problem_types import INTERNAL, PROBLEMS, problem_for


@pytest.mark.parametrize(
    ("location", "body", "expected"),
    [
        (("question",), {}, "#/question"),
        (
            ("responses", 1, "object", "text"),
            {"responses": [1, {"text": ""}]},
            "#/responses/1/text",
        ),
        (("responses", 0, "name"), {"responses": [""]}, "#/responses/0"),
        (("responses", 0, "object", "id"), {"responses": [{"text": "x"}]}, "#/responses/0/id"),
        (("target", "a/b"), {"target": {"a/b": 2}}, "#/target/a~1b"),
        ((), {}, "#"),
        (("targets", "dict[str,float]"), {"targets": {}}, "#/targets"),
        (("targets", "list[x]", 1, "v"), {"targets": [{}, {"v": 3}]}, "#/targets/1/v"),
    ],
)
def test_pointers_refer_to_the_body_as_sent(location, body, expected):
    missing = expected.endswith(("question", "id"))
    assert pointer_of(location, body, missing=missing) == expected


def test_every_exception_has_a_problem_type():
    # `CallerLeft` is answered to nobody.
    abstract = (errors.AzimuthError, errors.Unavailable, errors.CallerLeft)
    concrete = [
        e
        for _, e in inspect.getmembers(errors, inspect.isclass)
        if issubclass(e, errors.AzimuthError) and e not in abstract
    ]
    assert all(problem_for(e.__new__(e)) is not INTERNAL for e in concrete)


def test_slugs_are_unique():
    slugs = [p.slug for p in PROBLEMS]
    assert len(slugs) == len(set(slugs))
