"""The exceptions that Azimuth raises, without a word of HTTP.

`app.problems` is the one place that knows which status each becomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field of a request."""

    pointer: str
    """JSON pointer (RFC 6901) into the request body, as a URI fragment: `#/responses/0`."""
    detail: str
    """What is wrong with it, for a person."""


def escaped(name: str) -> str:
    """A name as one step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


class AzimuthError(Exception):
    """Root of everything that Azimuth itself raises."""

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
        """Further members of the problem document, e.g. token counts."""


def within(error: AzimuthError, member: str) -> AzimuthError:
    """An error about a part of a request, pointing to its fields from the whole request."""
    error.fields = tuple(
        FieldError(f"#/{member}{field.pointer.removeprefix('#')}", field.detail)
        for field in error.fields
    )
    return error


class InvalidRequest(AzimuthError):
    """The request is well-formed JSON, but says something that cannot be done."""


class MalformedBody(AzimuthError):
    """The body is not what its content type says."""


class BodyTooLarge(AzimuthError):
    """The body is over the size limit."""


class InvalidBank(AzimuthError):
    """A line of an uploaded bank is not a valid labelled scenario."""


class UnknownAttribute(AzimuthError):
    """A request names an attribute that its attribute set lacks."""


class UnknownAttributeSet(AzimuthError):
    """A request names an attribute set that nobody stored."""


class UnknownBank(AzimuthError):
    """A request names a bank that nobody stored."""


class UnknownCalibration(AzimuthError):
    """A request names a calibration that nobody fitted."""


class CalibrationRunning(AzimuthError):
    """A calibration of this name is being fitted just now."""


class UnknownMethod(AzimuthError):
    """A request names a scoring method that the model's workers do not serve."""


class UnknownModel(AzimuthError):
    """A request names a model that no worker has announced."""


class UnknownScoreSet(AzimuthError):
    """No score set has this id: it expired or never existed."""


class AttributeNotScored(AzimuthError):
    """A target names an attribute that the score set has no score for."""


class CellsUnscored(AzimuthError):
    """The model's work on some attributes failed, so nothing can be selected by them."""


class ContextOverflow(AzimuthError):
    """A scenario does not fit the model's context, even without examples."""


class QueueFull(AzimuthError):
    """As many scenarios wait for the model as the queue may hold."""

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class DeadlinePassed(AzimuthError):
    """The scores were not there when the request's deadline passed."""


class Unavailable(AzimuthError):
    """Something that Azimuth stands on is away for now."""

    retry_after_s = 5


class StoreUnavailable(Unavailable):
    """Redis does not answer."""


class ModelNotReady(Unavailable):
    """No live worker serves the model."""


class ScoringFailed(AzimuthError):
    """A job was given up after its last attempt."""
