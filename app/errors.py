"""The exceptions that Azimuth raises. HTTP statuses belong to `app.http.problem_types`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """An error in one field of a request."""

    pointer: str
    """JSON pointer (RFC 6901) into the request body, as a URI fragment: `#/responses/0`."""
    detail: str


def escaped(name: str) -> str:
    """Escape a name for use as one step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


class AzimuthError(Exception):
    """Base class of all errors that Azimuth raises."""

    slug = "internal-error"
    """Name of the problem type that clients see (`app.http.problem_types`)."""

    def __init__(
        self,
        detail: str,
        *,
        fields: Sequence[FieldError] = (),
        extensions: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = tuple(fields)
        self.extensions = extensions or {}
        """Additional members of the problem document, e.g. token counts."""


class InvalidRequest(AzimuthError):
    """A field of the request has a value that is not allowed."""

    slug = "invalid-request"


class MalformedBody(AzimuthError):
    """The body cannot be parsed as its content type."""

    slug = "malformed-body"


class BodyTooLarge(AzimuthError):
    """The body exceeds the size limit."""

    slug = "body-too-large"


class UnsupportedFormat(AzimuthError):
    """The body has an encoding or a media type that is not supported."""

    slug = "unsupported-format"

    def __init__(self, detail: str, *, accept_encoding: str | None = None) -> None:
        super().__init__(detail)
        self.accept_encoding = accept_encoding
        """Content encodings that are supported, where that is the problem."""


class Unauthorized(AzimuthError):
    """The request has no API key, or one that is not valid."""

    slug = "unauthorized"


class Forbidden(AzimuthError):
    """The API key lacks the scope for the request."""

    slug = "forbidden"


class WrongHost(AzimuthError):
    """The request was sent to a name that is not the service's."""

    slug = "wrong-host"


class UnknownApiKey(AzimuthError):
    """No API key has this id."""

    slug = "unknown-api-key"


class InvalidBank(AzimuthError):
    """A line of an uploaded bank is not a valid labelled scenario."""

    slug = "invalid-bank"


class UnknownAttribute(AzimuthError):
    """The attribute set has no attribute of this name."""

    slug = "unknown-attribute"


class UnknownAttributeSet(AzimuthError):
    """No attribute set has this name."""

    slug = "unknown-attribute-set"


class UnknownBank(AzimuthError):
    """No bank has this name."""

    slug = "unknown-bank"


class UnknownGroup(AzimuthError):
    """The bank has no ratings of this group."""

    slug = "unknown-group"


class UnsuitableBank(AzimuthError):
    """The bank lacks what the request needs: labels, ratings or response classes."""

    slug = "unsuitable-bank"


class UnknownCalibration(AzimuthError):
    """No calibration has this name."""

    slug = "unknown-calibration"


class CalibrationRunning(AzimuthError):
    """A calibration of this name is still being fitted."""

    slug = "calibration-running"


class UnknownMethod(AzimuthError):
    """The model's workers do not serve this scoring method."""

    slug = "unknown-method"


class UnknownModel(AzimuthError):
    """No worker has announced this model."""

    slug = "unknown-model"


class UnknownScoreSet(AzimuthError):
    """No score set has this id: it expired or never existed."""

    slug = "unknown-score-set"


class AttributeNotScored(AzimuthError):
    """A target names an attribute that the score set has no score for."""

    slug = "attribute-not-scored"


class CellsUnscored(AzimuthError):
    """The model gave no valid scores for attributes that the selection needs."""

    slug = "cells-unscored"


class ContextOverflow(AzimuthError):
    """A scenario exceeds the model's context, even without examples."""

    slug = "context-overflow"


class QueueFull(AzimuthError):
    """The queue of the model is full."""

    slug = "queue-full"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class RateLimited(AzimuthError):
    """The API key has used its limit of requests or tokens."""

    slug = "rate-limited"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class CallerLeft(AzimuthError):
    """The caller has closed the connection: there is nobody to answer."""


class DeadlinePassed(AzimuthError):
    """The request's deadline passed before all scores were ready."""

    slug = "deadline-passed"


class Unavailable(AzimuthError):
    """A dependency is unavailable for now."""

    retry_after_s = 5


class StoreUnavailable(Unavailable):
    """Redis does not answer, or refuses the command."""

    slug = "store-unavailable"


class ModelNotReady(Unavailable):
    """No live worker serves the model."""

    slug = "model-not-ready"


class TextNotWritten(AzimuthError):
    """The model has written none of the texts."""

    slug = "text-not-written"


class ScoringFailed(AzimuthError):
    """A job was given up after its last attempt."""

    slug = "cells-unscored"
