"""Calibrations put to use: which one a request means, and what it makes of cached scores."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.domain import features
from app.domain.calibration.artefact import InvalidArtefact, from_bytes
from app.domain.calibration.model import Calibration, Estimate, Evidence, estimate, evidence_of
from app.domain.cells import Cell
from app.domain.features import SurfaceFeatures
from app.domain.fingerprint import attribute_name
from app.domain.scorer import Scorer
from app.errors import AzimuthError, FieldError, InvalidRequest, UnknownCalibration
from app.store.calibrations import CalibrationInfo, CalibrationStore
from app.store.score_sets import StoredScoreSet

_KEPT_ARTEFACTS = 32
_KEPT_ESTIMATES = 20_000
AUTO, NONE = "auto", "none"
_AS_GIVEN = "scores are as the model gave them"


@dataclass(frozen=True, slots=True)
class Scored:
    """What a score set holds that a calibration reads."""

    score_set: str
    fingerprint: str
    scorer: Scorer
    cells: Mapping[str, Cell]
    """Cell field -> scored cell. Choices are not among them."""
    asked: Collection[str]
    """Fields that a calibration must know to be of use."""
    surface: SurfaceFeatures | None

    @classmethod
    def of(
        cls, score_set: str, stored: StoredScoreSet, asked: Collection[str] | None = None
    ) -> Scored:
        """A stored score set with all its scores; they are what is asked for, unless told."""
        scores = stored.scores
        return cls(
            score_set=score_set,
            fingerprint=stored.fingerprint,
            scorer=stored.scorer,
            cells=scores,
            asked=scores.keys() if asked is None else asked,
            surface=stored.surface,
        )


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Calibrated scores of one score set, in its canonical order of candidates."""

    name: str
    digest: str
    estimate: Estimate
    fields: tuple[str, ...]
    """Cell fields of the estimate's columns."""

    def columns(self, fields: Sequence[str]) -> list[int]:
        """Where in the estimate some fields are."""
        return [self.fields.index(field) for field in fields]


@dataclass(frozen=True, slots=True)
class Uncalibrated:
    """Why scores stay as they are, though there is a calibration for their scorer."""

    warning: str


Outcome = Calibrated | Uncalibrated | AzimuthError | None
"""None where no calibration is wanted, or none is there."""


class Calibrator:
    """Reads calibrations through a memory of this process, which notices keep fresh."""

    def __init__(self, store: CalibrationStore) -> None:
        self._store = store
        self._ready: dict[str, CalibrationInfo] | None = None
        self._age = 0
        self._loaded: OrderedDict[str, Calibration] = OrderedDict()
        self._estimates: OrderedDict[_Key, Estimate] = OrderedDict()

    def forget(self) -> None:
        """Calibrations have changed, or may have."""
        self._ready = None
        self._age += 1

    async def apply(self, wanted: str, score_sets: Sequence[Scored | None]) -> list[Outcome]:
        """What `wanted` (a name, `auto` or `none`) makes of each score set, one outcome each."""
        if wanted == NONE:
            return [None] * len(score_sets)
        ready = await self._infos()
        if wanted != AUTO and wanted not in ready:
            return [_unknown(wanted, ready)] * len(score_sets)
        if not ready:
            return [None] * len(score_sets)
        outcomes: list[Outcome] = [None] * len(score_sets)
        todo: dict[str, list[tuple[int, Scored]]] = {}
        for index, scored in enumerate(score_sets):
            if scored is None or not scored.asked:
                continue
            chosen = choose(wanted, ready, scored)
            if isinstance(chosen, CalibrationInfo):
                todo.setdefault(chosen.name, []).append((index, scored))
            else:
                outcomes[index] = chosen
        for name, members in todo.items():
            info = ready[name]
            made = await self._estimate(info, [scored for _, scored in members])
            for (index, _), found in zip(members, made, strict=True):
                if isinstance(found, Estimate):
                    known = tuple(info.fields[column] for column in found.columns)
                    outcomes[index] = Calibrated(name, info.digest, found, known)
                elif wanted == AUTO:  # nobody asked for this one: scores stay, and say why
                    outcomes[index] = Uncalibrated(f"{found.detail}: {_AS_GIVEN}")
                else:
                    outcomes[index] = found
        return outcomes

    async def apply_to_one(self, wanted: str, scored: Scored) -> Calibrated | Uncalibrated | None:
        """What `wanted` makes of one score set. Raises what keeps a named one from it."""
        (outcome,) = await self.apply(wanted, [scored])
        if isinstance(outcome, AzimuthError):
            raise outcome
        return outcome

    async def check(self, wanted: str, fingerprint: str, fields: Collection[str]) -> None:
        """Raise what would keep a named calibration from a scorer's scores on some cell fields.

        Before they are made, that is: `UnknownCalibration` or `InvalidRequest`.
        """
        if wanted in (AUTO, NONE):
            return
        ready = await self._infos()
        if wanted not in ready:
            raise _unknown(wanted, ready)
        if fields and (refused := _refused(ready[wanted], fingerprint, fields)):
            raise refused

    async def _infos(self) -> dict[str, CalibrationInfo]:
        if self._ready is None:
            age = self._age
            ready = await self._store.ready()
            if age != self._age:
                return ready  # changed while it was read: good for now, not to be kept
            self._ready = ready
        return self._ready

    async def _calibration(self, info: CalibrationInfo) -> Calibration:
        """Raises `UnknownCalibration` for one that is gone or cannot be read."""
        if info.digest not in self._loaded:
            content = await self._store.artefact(info.digest)
            try:
                if content is None:
                    raise InvalidArtefact("its content is gone")
                self._loaded[info.digest] = await asyncio.to_thread(from_bytes, content)
            except InvalidArtefact as error:
                says = f"calibration {info.name!r} cannot be used: {error}; fit it again"
                raise UnknownCalibration(
                    says, fields=[FieldError("#/calibration", says)]
                ) from error
        self._loaded.move_to_end(info.digest)
        while len(self._loaded) > _KEPT_ARTEFACTS:
            self._loaded.popitem(last=False)
        return self._loaded[info.digest]

    async def _estimate(
        self, info: CalibrationInfo, score_sets: Sequence[Scored]
    ) -> list[Estimate | AzimuthError]:
        try:
            calibration = await self._calibration(info)
        except UnknownCalibration as error:
            return [error] * len(score_sets)
        found: list[Estimate | AzimuthError | None] = []
        missing: dict[int, Evidence] = {}
        for index, scored in enumerate(score_sets):
            known = self._estimates.get(_key(info, scored))
            problem = None if known else _unfit(info, calibration, scored)
            found.append(known or problem)
            if known is None and problem is None and scored.surface is not None:
                missing[index] = evidence_of(
                    scored.cells, scored.surface.values, info.fields, scored.scorer.settings
                )
        if missing:
            work = (calibration, list(missing.values()))
            made = estimate(*work) if len(missing) < 5 else await asyncio.to_thread(estimate, *work)
            for index, one in zip(missing, made, strict=True):
                found[index] = self._estimates[_key(info, score_sets[index])] = one
            while len(self._estimates) > _KEPT_ESTIMATES:
                self._estimates.popitem(last=False)
        return [one for one in found if one is not None]


_Key = tuple[str, str, frozenset[tuple[str, int]]]


def _key(info: CalibrationInfo, scored: Scored) -> _Key:
    # With when each cell was made: one that expired and was scored again may say something else.
    made = frozenset((field, cell.created_ms) for field, cell in scored.cells.items())
    return info.digest, scored.score_set, made


def choose(
    wanted: str, ready: Mapping[str, CalibrationInfo], scored: Scored
) -> CalibrationInfo | Uncalibrated | InvalidRequest | None:
    """The calibration that `wanted` means for a score set, or why it means none; of those that fit
    and know all that is asked for, the latest. A name that is wanted must be ready."""
    if wanted != AUTO:
        info = ready[wanted]
        return _refused(info, scored.fingerprint, scored.asked) or info
    fitting = [info for info in ready.values() if info.fingerprint == scored.fingerprint]
    covering = [info for info in fitting if set(scored.asked) <= set(info.fields)]
    if covering:
        return max(covering, key=lambda info: info.created_ms)
    if fitting:
        latest = max(fitting, key=lambda info: info.created_ms)
        lacking = _names(set(scored.asked) - set(latest.fields))
        return Uncalibrated(
            f"calibration {latest.name!r} is for this scorer but does not know "
            f"{', '.join(lacking)}: {_AS_GIVEN}"
        )
    return None


def _refused(
    info: CalibrationInfo, fingerprint: str, fields: Collection[str]
) -> InvalidRequest | None:
    """Why a calibration that was asked for by name is not for a scorer's cells."""
    if info.fingerprint != fingerprint:
        return _refusal(f"calibration {info.name!r} was fitted for another scorer")
    lacking = _names(set(fields) - set(info.fields))
    if lacking:
        return _refusal(f"calibration {info.name!r} does not know {', '.join(lacking)}")
    return None


def _names(fields: Collection[str]) -> list[str]:
    return sorted(map(attribute_name, fields))


def _unfit(
    info: CalibrationInfo, calibration: Calibration, scored: Scored
) -> InvalidRequest | None:
    if calibration.features != features.VERSION:
        return _refusal(
            f"calibration {info.name!r} was fitted on surface features of another version: fit it "
            "again"
        )
    if scored.surface is None or scored.surface.version != features.VERSION:
        return _refusal(
            "the score set has no surface features of this version, which calibrating needs: ask "
            "for its scores again (they are cached), or give calibration none"
        )
    return None


def _refusal(says: str) -> InvalidRequest:
    return InvalidRequest(says, fields=[FieldError("#/calibration", says)])


def _unknown(name: str, ready: Mapping[str, CalibrationInfo]) -> UnknownCalibration:
    known = ", ".join(ready) if ready else "none is fitted"
    return UnknownCalibration(
        f"no calibration is called {name!r}",
        fields=[FieldError("#/calibration", f"known are {known}")],
        extensions={"known": list(ready)},
    )
