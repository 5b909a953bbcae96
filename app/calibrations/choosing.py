"""Which calibration a request means for a score set, and what it is refused for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from app.calibrations.applied import Raw, Refused
from app.domain import features
from app.domain.calibration.committee_artefact import Fitted
from app.domain.calibration.info import CalibrationInfo
from app.domain.calibration.model import AUTO, NONE
from app.domain.fingerprint import attribute_name
from app.domain.score_set import ScoreSet

AS_GIVEN = "scores are as the model gave them"


def choose(
    wanted: str,
    ready: Mapping[str, CalibrationInfo],
    fingerprints: Sequence[str],
    asked: Collection[str],
) -> CalibrationInfo | Raw | Refused:
    """The calibration for scores on some cell fields, or why there is none.

    `fingerprints` are those of the scorer, or of all of a committee, sorted. Under `auto` it is the
    latest that covers all the fields, among those that were fitted for exactly these scorers if
    there are any, else among those for committees that they belong to.
    """
    if wanted != AUTO:
        if wanted not in ready:
            return unknown(wanted, ready)
        return not_for(ready[wanted], fingerprints, asked) or ready[wanted]
    own = _automatic(ready, fingerprints)
    covering = [info for info in own if set(asked) <= set(info.fields)]
    if covering:
        return max(covering, key=lambda info: _preference(info, fingerprints))
    if own:
        latest = max(own, key=lambda info: _preference(info, fingerprints))
        missing = ", ".join(_names(set(asked) - set(latest.fields)))
        return Raw(
            f"calibration {latest.name!r} is for {_these(fingerprints)} but does not cover "
            f"{missing}: {AS_GIVEN}"
        )
    return Raw()


def choose_for_states(
    wanted: str,
    ready: Mapping[str, CalibrationInfo],
    fingerprints: Sequence[str],
    asked: Collection[str],
) -> CalibrationInfo | Refused:
    """The calibration that makes scores of a scorer's states, or why there is none.

    A committee whose judges do not all read states needs one as well.

    `asked` are names or cell fields of attributes. Under `auto` it is the latest that covers most
    of them; whoever asks has to look which it covers.
    """
    if wanted == NONE:
        detail = "scores are made of hidden states by a calibration: calibration cannot be none"
        return Refused("inapplicable", detail)
    if wanted != AUTO:
        if wanted not in ready:
            return unknown(wanted, ready)
        return not_for(ready[wanted], fingerprints, ()) or ready[wanted]
    own = _automatic(ready, fingerprints)
    if not own:
        each = " with a --model for each of them" if len(fingerprints) > 1 else ""
        return Refused(
            "inapplicable",
            f"no calibration is fitted for {_these(fingerprints)}: {FIT_FIRST}{each}",
        )
    return max(own, key=lambda info: (len(covered(info, asked)), *_preference(info, fingerprints)))


FIT_FIRST = (
    "store labelled scenarios as a bank and run "
    "`python -m scripts.calibrate NAME --bank BANK --method probe`"
)


def _these(fingerprints: Sequence[str]) -> str:
    return "this scorer" if len(fingerprints) == 1 else "this committee"


def covered(info: CalibrationInfo, asked: Collection[str]) -> set[str]:
    """Those of the asked attributes, by name or cell field, that a calibration covers."""
    return {one for one in asked if one in info.fields} | {
        one for one in asked if one in map(attribute_name, info.fields)
    }


def _automatic(
    ready: Mapping[str, CalibrationInfo], fingerprints: Sequence[str]
) -> Sequence[CalibrationInfo]:
    """The calibrations for some scorers that `auto` may choose."""
    return [
        one for one in ready.values() if one.automatic and one.members(fingerprints) is not None
    ]


def _preference(info: CalibrationInfo, fingerprints: Sequence[str]) -> tuple[int, bool, int]:
    """What `auto` takes the greatest of: calibrations of fewer other judges before those of more,
    then those of one's own before built-in ones, then the latest."""
    return len(fingerprints) - len(info.scorers), not info.builtin, info.created_ms


def not_for(
    info: CalibrationInfo, fingerprints: Sequence[str], asked: Collection[str]
) -> Refused | None:
    """Why a calibration that was asked for by name is not for scores on some fields."""
    if info.members(fingerprints) is None:
        others = "another scorer" if len(info.scorers) == 1 else "other judges"
        return Refused("inapplicable", f"calibration {info.name!r} was fitted for {others}")
    if missing := _names(set(asked) - set(info.fields)):
        return Refused(
            "inapplicable", f"calibration {info.name!r} does not cover {', '.join(missing)}"
        )
    return None


def covers_nothing(info: CalibrationInfo) -> Refused:
    """A committee was asked for scores on other attributes only."""
    return Refused(
        "inapplicable",
        f"calibration {info.name!r} covers none of the attributes that all judges have scored",
    )


def without_features(
    info: CalibrationInfo, calibration: Fitted, score_set: ScoreSet
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
