"""Committees in requests: which judges may be together, and problems of one of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.domain.fingerprint import scorer_fingerprint
from app.domain.methods import METHODS
from app.domain.scorer import Scorer
from app.errors import AzimuthError, FieldError, InvalidRequest, ModelNotReady
from app.scoring.requests import Scoring
from app.scoring.scorer_settings import unused_options

_MODEL = "#/scoring/model"


def check_members(scoring: Scoring) -> None:
    """Raise `InvalidRequest` if judges that choose are members of a committee."""
    judges = scoring.judges
    choosing = [judge.method for judge in judges if METHODS[judge.method].kind == "choice"]
    if len(judges) > 1 and choosing:
        detail = f"method {choosing[0]!r} chooses without scoring: name one model for it"
        raise InvalidRequest(detail, fields=[FieldError(_MODEL, detail)])


def refuse_same_judges(scorers: Sequence[Scorer]) -> None:
    """Raise `InvalidRequest` if two members of a committee are the same."""
    seen: set[str] = set()
    for scorer in scorers:
        fingerprint = scorer_fingerprint(scorer)
        if fingerprint in seen:
            detail = f"judge {scorer.model.name!r} ({scorer.settings.method}) is listed twice"
            raise InvalidRequest(detail, fields=[FieldError(_MODEL, detail)])
        seen.add(fingerprint)


def unused_by_all(scoring: Scoring) -> list[str]:
    """Warnings about scoring options that no judge uses."""
    judges = scoring.judges
    unused = [unused_options(judge, METHODS[judge.method]) for judge in judges]
    everywhere = [name for name in unused[0] if all(name in own for own in unused)]
    methods = " and ".join(dict.fromkeys(repr(judge.method) for judge in judges))
    return [f"method {methods} does not use {', '.join(everywhere)}"] if everywhere else []


@contextmanager
def pointing_to(scoring: Scoring, place: int) -> Iterator[None]:
    """Let problems within point to one judge of a committee, and name it."""
    if not isinstance(scoring.model, list) or len(scoring.model) == 1:
        yield
        return
    try:
        yield
    except AzimuthError as error:
        error.fields = tuple(_moved(field, scoring, place) for field in error.fields)
        if isinstance(error, ModelNotReady):
            judge = scoring.judges[place]
            name = judge.model if isinstance(judge.model, str) else "(default)"
            raise away(name, error) from error
        raise


def _moved(field: FieldError, scoring: Scoring, place: int) -> FieldError:
    """A field of `scoring` as that of one judge."""
    assert isinstance(scoring.model, list)
    name = field.pointer.removeprefix("#/scoring/")
    if name == field.pointer:
        return field
    given = scoring.model[place]
    if isinstance(given, str):
        return FieldError(f"{_MODEL}/{place}" if name == "model" else field.pointer, field.detail)
    own = name in given.model_fields_set
    return FieldError(f"{_MODEL}/{place}/{name}" if own else field.pointer, field.detail)


def away(model: str, error: AzimuthError) -> ModelNotReady:
    """The error for a committee one of whose judges is missing."""
    return ModelNotReady(
        f"judge {model!r} of the committee is missing: {error.detail}; "
        "set missing_judges to 'leave_out' to go on without it",
        extensions={"judges": [model]},
    )
