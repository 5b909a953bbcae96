"""Which calibration a request means for a score set, and what it is refused for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from app.calibrations.applied import Raw, Refused
from app.domain import features
from app.domain.calibration.info import CalibrationInfo
from app.domain.calibration.model import AUTO, NONE, Calibration
from app.domain.fingerprint import attribute_name
from app.domain.score_set import ScoreSet

AS_GIVEN = "scores are as the model gave them"


def choose(
    wanted: str,
    ready: Mapping[str, CalibrationInfo],
    fingerprint: str,
    asked: Collection[str],
) -> CalibrationInfo | Raw | Refused:
    """The calibration for a scorer's scores on some cell fields, or why there is none.

    Under `auto` it is the latest that was fitted for this scorer and covers all the fields.
    """
    if wanted != AUTO:
        if wanted not in ready:
            return unknown(wanted, ready)
        return not_for(ready[wanted], fingerprint, asked) or ready[wanted]
    own = _automatic(ready, fingerprint)
    covering = [info for info in own if set(asked) <= set(info.fields)]
    if covering:
        return max(covering, key=_preference)
    if own:
        latest = max(own, key=_preference)
        missing = ", ".join(_names(set(asked) - set(latest.fields)))
        return Raw(
            f"calibration {latest.name!r} is for this scorer but does not cover {missing}: "
            f"{AS_GIVEN}"
        )
    return Raw()


def choose_for_states(
    wanted: str,
    ready: Mapping[str, CalibrationInfo],
    fingerprint: str,
    asked: Collection[str],
) -> CalibrationInfo | Refused:
    """The calibration that makes scores of a scorer's states, or why there is none.

    `asked` are names or cell fields of attributes. Under `auto` it is the latest that covers most
    of them; whoever asks has to look which it covers.
    """
    if wanted == NONE:
        detail = "scores are made of hidden states by a calibration: calibration cannot be none"
        return Refused("inapplicable", detail)
    if wanted != AUTO:
        if wanted not in ready:
            return unknown(wanted, ready)
        return not_for(ready[wanted], fingerprint, ()) or ready[wanted]
    own = _automatic(ready, fingerprint)
    if not own:
        return Refused("inapplicable", f"no calibration is fitted for this scorer: {FIT_FIRST}")
    return max(own, key=lambda info: (len(covered(info, asked)), *_preference(info)))


FIT_FIRST = (
    "store labelled scenarios as a bank and run "
    "`python -m scripts.calibrate NAME --bank BANK --method probe`"
)


def covered(info: CalibrationInfo, asked: Collection[str]) -> set[str]:
    """Those of the asked attributes, by name or cell field, that a calibration covers."""
    return {one for one in asked if one in info.fields} | {
        one for one in asked if one in map(attribute_name, info.fields)
    }


def _automatic(ready: Mapping[str, CalibrationInfo], fingerprint: str) -> Sequence[CalibrationInfo]:
    """The calibrations for a scorer that `auto` may choose."""
    return [one for one in ready.values() if one.automatic and one.applies_to(fingerprint)]


def _preference(info: CalibrationInfo) -> tuple[bool, int]:
    """What `auto` takes the greatest of: calibrations of one's own before built-in ones."""
    return not info.builtin, info.created_ms


def not_for(info: CalibrationInfo, fingerprint: str, asked: Collection[str]) -> Refused | None:
    """Why a calibration that was asked for by name is not for a scorer's scores on some fields."""
    if not info.applies_to(fingerprint):
        return Refused("inapplicable", f"calibration {info.name!r} was fitted for another scorer")
    if missing := _names(set(asked) - set(info.fields)):
        return Refused(
            "inapplicable", f"calibration {info.name!r} does not cover {', '.join(missing)}"
        )
    return None


def without_features(
    info: CalibrationInfo, calibration: Calibration, score_set: ScoreSet
) -> Refused | None:
    """Why the surface features of a calibration or a score set do not allow applying it."""
    if calibration.features != features.VERSION:
        return Refused(
            "inapplicable",
            f"calibration {info.name!r} was fitted on an older version of the surface features: "
            "fit it again",
        )
    if score_set.surface is None or score_set.surface.version != features.VERSION:
        return Refused(
            "inapplicable",
            "the score set has no surface features of the current version, which calibration "
            "needs: ask for its scores again (they are cached), or set calibration to none",
        )
    return None


def unusable(info: CalibrationInfo, reason: str) -> Refused:
    """The content of a calibration is missing or cannot be read."""
    return Refused("unknown", f"calibration {info.name!r} cannot be used: {reason}; fit it again")


def unknown(name: str, ready: Mapping[str, CalibrationInfo]) -> Refused:
    """There is no calibration of this name."""
    known = f"known: {', '.join(ready)}" if ready else "no calibration is fitted yet"
    return Refused("unknown", f"no calibration is called {name!r}", known, tuple(ready))


def _names(fields: Collection[str]) -> list[str]:
    return sorted(map(attribute_name, fields))
