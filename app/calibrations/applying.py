"""Applying calibrations to score sets."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from app.calibrations.applied import Applied, Calibrated, Raw, Refused
from app.calibrations.choosing import (
    AS_GIVEN,
    choose,
    choose_for_states,
    covers_nothing,
    not_for,
    unknown,
    unusable,
    without_features,
)
from app.calibrations.opened import Opened, opened
from app.domain.calibration.artefact import InvalidArtefact
from app.domain.calibration.committee import Members, estimate_together
from app.domain.calibration.committee_artefact import Fitted, from_bytes
from app.domain.calibration.estimate import Estimate, estimate
from app.domain.calibration.evidence import Evidence, evidence_in
from app.domain.calibration.info import CalibrationInfo
from app.domain.calibration.model import AUTO, NONE, Calibration
from app.domain.committee import scored_by_all
from app.domain.fingerprint import attribute_name
from app.domain.score_set import ScoreSet
from app.store.calibrations import CalibrationStore
from app.store.tenancy import tenant_tag

_KEPT_ARTEFACTS = 32
_KEPT_ESTIMATES = 20_000
_FEW = 5
"""Fewer estimates than this are made in the event loop, not in a thread."""

_Key = tuple[str, str, frozenset[tuple[str, int]]]


@dataclass(frozen=True, slots=True)
class _Given:
    """What the judges of one score set gave."""

    members: Members
    """Which of the calibration's judges they are."""
    evidence: Sequence[Evidence]
    """One for each of them."""


class Calibrator:
    """Applies calibrations. Keeps infos, artefacts and estimates in memory.

    `forget` drops the infos; artefacts and estimates are kept by digest and never become stale.
    """

    def __init__(self, store: CalibrationStore) -> None:
        self._store = store
        self._ready: dict[str, dict[str, CalibrationInfo]] = {}
        """Tag of a tenant -> its calibrations."""
        self._age = 0
        self._artefacts: LRUCache[str, Fitted] = LRUCache(_KEPT_ARTEFACTS)
        self._estimates: LRUCache[_Key, Estimate] = LRUCache(_KEPT_ESTIMATES)

    def forget(self) -> None:
        """Read the calibrations again next time: they may have changed."""
        self._ready.clear()
        self._age += 1

    async def apply(
        self, wanted: str, score_sets: Sequence[tuple[ScoreSet, Collection[str]] | None]
    ) -> list[Applied]:
        """Apply `wanted` (a name, `auto` or `none`) to each score set; one result each.

        The fields given with a score set are those whose scores are asked for: a calibration has to
        cover them. Its other cells only add to the evidence.
        """
        results: list[Applied] = [Raw()] * len(score_sets)
        if wanted == NONE:
            return results
        ready = await self.infos()
        if wanted != AUTO and wanted not in ready:
            return [unknown(wanted, ready)] * len(score_sets)
        chosen: dict[str, list[tuple[int, ScoreSet]]] = {}
        for index, one in enumerate(score_sets):
            if one is None or not one[1]:
                continue
            choice = choose(wanted, ready, one[0].fingerprints, one[1])
            if isinstance(choice, CalibrationInfo):
                chosen.setdefault(choice.name, []).append((index, one[0]))
            else:
                results[index] = choice
        for name, members in chosen.items():
            estimates = await self._estimate(ready[name], [score_set for _, score_set in members])
            for (index, _), result in zip(members, estimates, strict=True):
                results[index] = _result(wanted, ready[name], result)
        return results

    async def apply_to_one(
        self, wanted: str, score_set: ScoreSet, asked: Collection[str]
    ) -> Calibrated | Raw:
        """Apply `wanted` to one score set.

        Raises `UnknownCalibration` or `InvalidRequest` when a named one cannot be applied.
        """
        (result,) = await self.apply(wanted, [(score_set, asked)])
        if isinstance(result, Refused):
            raise result.error()
        return result

    async def open(
        self, wanted: str, score_sets: Sequence[ScoreSet | None], asked: Collection[str]
    ) -> list[Opened | Refused | None]:
        """Score sets of states as scores on attributes; None for those of other methods.

        `asked` are names or cell fields: among several calibrations for a scorer, `auto` takes one
        that covers them. The opened set has all attributes of the calibration.
        """
        results: list[Opened | Refused | None] = [None] * len(score_sets)
        own = {
            index: one
            for index, one in enumerate(score_sets)
            if one is not None and one.cells and one.reads_states
        }
        if not own:
            return results
        ready = await self.infos()
        chosen: dict[str, list[int]] = {}
        for index, one in own.items():
            choice = choose_for_states(wanted, ready, one.fingerprints, asked)
            if isinstance(choice, Refused):
                results[index] = choice
            elif not (fields := scored_by_all(one, choice.fields)):
                results[index] = covers_nothing(choice)
            elif one.states is None:
                results[index] = opened(one, fields, None)
            else:
                chosen.setdefault(choice.name, []).append(index)
        for name, indices in chosen.items():
            info = ready[name]
            estimates = await self._estimate(info, [own[index] for index in indices])
            for index, result in zip(indices, estimates, strict=True):
                results[index] = _opened(info, own[index], result)
        return results

    async def open_one(
        self, wanted: str, score_set: ScoreSet, fields: Collection[str]
    ) -> Opened | None:
        """One score set of states as scores on some fields, in this order, or on all it can.

        None for a score set of another method. Raises `UnknownCalibration` or `InvalidRequest`.
        """
        (result,) = await self.open(wanted, [score_set], fields)
        if isinstance(result, Refused):
            raise result.error()
        if result is None or not fields:
            return result
        if missing := [field for field in fields if field not in result.score_set.cells]:
            names = ", ".join(map(attribute_name, missing))
            detail = f"no calibration that is fitted for this scorer covers {names}"
            raise Refused("inapplicable", detail).error()
        return result.only(list(fields))

    async def check(
        self,
        wanted: str,
        fingerprints: Sequence[str],
        fields: Collection[str],
        *,
        reads_states: bool = False,
    ) -> None:
        """Check before scoring that `wanted` can be applied to scores on some fields.

        `fingerprints` are those of the scorer, or of all of a committee, sorted. Raises
        `UnknownCalibration` or `InvalidRequest`.
        """
        if reads_states:
            chosen = choose_for_states(wanted, await self.infos(), fingerprints, fields)
            if not isinstance(chosen, Refused):
                chosen = not_for(chosen, fingerprints, fields) or chosen
            if isinstance(chosen, Refused):
                raise chosen.error()
            return
        if wanted in (AUTO, NONE):
            return
        ready = await self.infos()
        if wanted not in ready:
            raise unknown(wanted, ready).error()
        if fields and (refused := not_for(ready[wanted], fingerprints, fields)):
            raise refused.error()

    async def infos(self) -> dict[str, CalibrationInfo]:
        """Every fitted calibration of the tenant by name, and the built-in ones."""
        tag = tenant_tag()
        if tag not in self._ready:
            age = self._age
            ready = await self._store.ready()
            if age != self._age:
                return ready  # they changed meanwhile: do not keep these
            self._ready[tag] = ready
        return self._ready[tag]

    async def _artefact(self, info: CalibrationInfo) -> Fitted | Refused:
        """The calibration with its arrays."""
        calibration = self._artefacts.get(info.digest)
        if calibration is None:
            content = await self._store.artefact(info.digest)
            if content is None:
                return unusable(info, "its content is gone")
            try:
                calibration = await asyncio.to_thread(from_bytes, content)
            except InvalidArtefact as error:
                return unusable(info, str(error))
            self._artefacts[info.digest] = calibration
        return calibration

    async def _estimate(
        self, info: CalibrationInfo, score_sets: Sequence[ScoreSet]
    ) -> list[Estimate | Refused]:
        """Estimates of score sets that the calibration is for."""
        calibration = await self._artefact(info)
        if isinstance(calibration, Refused):
            return [calibration] * len(score_sets)
        results: dict[int, Estimate | Refused] = {}
        missing: dict[int, _Given] = {}
        for index, score_set in enumerate(score_sets):
            known = self._estimates.get(_key(info, score_set))
            result = known or without_features(info, calibration, score_set)
            if result is not None:
                results[index] = result
                continue
            missing[index] = _given(info, score_set)
        if missing:
            made = await _estimates(calibration, list(missing.values()))
            for index, one in zip(missing, made, strict=True):
                results[index] = self._estimates[_key(info, score_sets[index])] = one
        return [results[index] for index in range(len(score_sets))]


def _given(info: CalibrationInfo, score_set: ScoreSet) -> _Given:
    members = info.members(score_set.fingerprints)
    assert members is not None, "the calibration is for these judges"
    each = [evidence_in(one, info.fields) for one in score_set.each]
    evidence = [one for one in each if one is not None]
    assert len(evidence) == len(each), "every judge has scored"
    return _Given(members, evidence)


def _calibrated(info: CalibrationInfo, result: Estimate, fields: tuple[str, ...]) -> Calibrated:
    return Calibrated(info.name, info.digest, result, fields, info.notice)


def _opened(
    info: CalibrationInfo, score_set: ScoreSet, result: Estimate | Refused
) -> Opened | Refused:
    if isinstance(result, Refused):
        return result
    fields = tuple(info.fields[column] for column in result.columns)
    return opened(score_set, fields, _calibrated(info, result, fields))


async def _estimates(calibration: Fitted, given: Sequence[_Given]) -> list[Estimate]:
    if len(given) < _FEW:
        return _all_estimates(calibration, given)
    return await asyncio.to_thread(_all_estimates, calibration, given)


def _all_estimates(calibration: Fitted, given: Sequence[_Given]) -> list[Estimate]:
    """In the order of `given`; scenarios of the same judges are estimated together."""
    if isinstance(calibration, Calibration):
        return estimate(calibration, [one.evidence[0] for one in given])
    places: dict[Members, list[int]] = {}
    for place, one in enumerate(given):
        places.setdefault(one.members, []).append(place)
    made: dict[int, Estimate] = {}
    for members, own in places.items():
        evidence = [given[place].evidence for place in own]
        made |= zip(own, estimate_together(calibration, members, evidence), strict=True)
    return [made[place] for place in range(len(given))]


def _result(wanted: str, info: CalibrationInfo, result: Estimate | Refused) -> Applied:
    if isinstance(result, Estimate):
        fields = tuple(info.fields[column] for column in result.columns)
        return _calibrated(info, result, fields)
    if wanted == AUTO:  # the request did not name it: this is no error
        return Raw(f"{result.detail}: {AS_GIVEN}")
    return result


def _key(info: CalibrationInfo, score_set: ScoreSet) -> _Key:
    # A cell that expired and was scored again may have other scores, but has a later timestamp.
    made = frozenset(
        (f"{one.digest}:{field}", cell.created_ms)
        for one in score_set.each
        for field, cell in one.scored.items()
    )
    return info.digest, score_set.digest, made
