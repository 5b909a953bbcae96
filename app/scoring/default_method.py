"""The method of a request that names none, where the service chooses it (`auto`). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.domain.calibration.info import CalibrationInfo
from app.domain.calibration.model import AUTO, NONE
from app.domain.fingerprint import attribute_field, attribute_name, scorer_fingerprint
from app.domain.methods import METHODS
from app.domain.scenario import Attribute
from app.domain.scorer import ModelIdentity, Scorer
from app.errors import AzimuthError, UnknownMethod, UnknownModel
from app.scoring.pools import choose_pool
from app.scoring.requests import ScoreRequest, ScorerRequest, Scoring
from app.scoring.scorer_settings import scorer_settings
from app.store.fleet import FleetSnapshot

READS, WRITES = "probe", "comparative"
_E = TypeVar("_E", bound=AzimuthError)


class ReadyCalibrations(Protocol):
    """The calibrations that requests may use."""

    async def infos(self) -> Mapping[str, CalibrationInfo]:
        """Every fitted calibration of the tenant by name, and the built-in ones."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A method, and why it was chosen."""

    method: str
    why: str
    """Empty if the service has one method for all requests."""
    by_fleet: bool = False
    """Whether other workers would have led to another method."""


def decide_method(
    request: ScorerRequest,
    attributes: Sequence[Attribute],
    ready: Mapping[str, CalibrationInfo],
    fleet: FleetSnapshot,
    default_model: str | None,
) -> Decided:
    """`probe` where a calibration makes scores on all attributes of a request, else `comparative`.

    A fit of a calibration gets `probe` where a worker reads hidden states. The same request gets
    the same method while workers come and go. Raises `ModelNotReady` while the worker that would
    decide is loading for the first time.
    """
    scoring = request.scoring
    assert not isinstance(scoring.model, list), "committees name their methods"
    if options := _only_for_writing(scoring):
        return Decided(WRITES, f"the request sets {', '.join(options)}, which 'probe' does not use")
    covering: list[CalibrationInfo] = []
    if scores := isinstance(request, ScoreRequest):
        fields = [attribute_field(attribute) for attribute in attributes]
        of_states = _of_states(request.calibration, ready)
        covering = [info for info in of_states if set(fields) <= set(info.fields)]
        if not covering:
            return Decided(WRITES, _uncovered(request.calibration, fields, of_states))
    try:
        pool, _ = choose_pool(fleet, scoring.model, READS, default_model)
    except (UnknownMethod, UnknownModel):
        of = f" of model {scoring.model!r}" if scoring.model is not None else ""
        return Decided(WRITES, f"no worker reads hidden states{of}", by_fleet=True)
    if not scores:
        return Decided(READS, "a worker reads hidden states", by_fleet=True)
    fingerprint = _fingerprint(pool.model)
    own = [info.name for info in covering if info.members((fingerprint,)) is not None]
    if own:
        return Decided(READS, f"calibration {own[0]!r} covers all attributes of the request")
    names = ", ".join(repr(info.name) for info in covering)
    why = f"calibration {names} is not for the hidden states of model {pool.model.name!r}"
    return Decided(WRITES, f"{why} as its workers read them", by_fleet=True)


def because(error: _E, why: str | None) -> _E:
    """The error, with why its request got the method that failed."""
    if why is not None:
        error.detail = f"{error.detail} (method chosen by the service: {why})"
    return error


def _only_for_writing(scoring: Scoring) -> list[str]:
    """The options of a request that say how a judge writes, or reads digits.

    A bank counts even if it is null, the default: that asks for no examples.
    """
    return [
        name
        for name, field in Scoring.model_fields.items()
        if name in scoring.model_fields_set - {"method", "model"}
        and (name == "bank" or getattr(scoring, name) != field.default)
    ]


def _of_states(wanted: str, ready: Mapping[str, CalibrationInfo]) -> list[CalibrationInfo]:
    """The calibrations of hidden states that a request may mean."""
    return [
        info
        for info in ready.values()
        if any(METHODS[scorer.settings.method].reads_states for scorer in info.scorers)
        and (info.automatic if wanted == AUTO else info.name == wanted)
    ]


def _uncovered(wanted: str, fields: Sequence[str], of_states: Sequence[CalibrationInfo]) -> str:
    """Why no calibration of hidden states makes scores on all of these fields."""
    if wanted == NONE:
        return "calibration is 'none', and 'probe' needs one"
    if wanted != AUTO and not of_states:
        return f"calibration {wanted!r} is not for hidden states"
    known = {field for info in of_states for field in info.fields}
    missing = [attribute_name(field) for field in fields if field not in known]
    names = ", ".join(missing or map(attribute_name, fields))
    return f"no calibration of hidden states covers {'' if missing else 'all of '}{names}"


def _fingerprint(model: ModelIdentity) -> str:
    """Of the scorer that reads this model's states."""
    settings = scorer_settings(Scoring(method=READS), METHODS[READS], has_bank=False)
    return scorer_fingerprint(Scorer(settings, model))
