"""Tables of what was retrieved for groups, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from app.domain.arrays import Floats
from app.domain.ratings.table import Ints
from scripts.benchmark.groups.retrieving import GroupResult, Retrieved

_T = {7: 2.447, 10: 2.262}
"""97.5 % quantile of Student's t for so many blocks of raters."""
_NORMAL = 1.96
_HEADER = """\
| group | retrieval | mismatch | minus similar | … by raters | examples | favourites | spread |
|---|---|---|---|---|---|---|---|"""


def retrieval_table(
    results: Mapping[str, GroupResult], blocks: Ints, published: Mapping[tuple[str, str], Floats]
) -> str:
    """Figures 3 and 6: for each group and kind, the mismatch, and its difference to similarity."""
    rows = [_HEADER]
    for group, result in results.items():
        similar = result.retrieved[0]
        rows += [_row(group, one.kind, [one], [similar], blocks) for one in result.retrieved]
        for condition, name in (("baseline", "similar"), ("spica", "spica")):
            if (errors := published.get((condition, group))) is not None:
                less = errors.mean() - published["baseline", group].mean()
                rows.append(
                    f"| {group} | paper's {name} | {errors.mean():.3f} | {less:+.3f} | | | | |"
                )
    each = [result.retrieved for result in results.values()]
    similar_ones = [some[0] for some in each]
    for kind in (one.kind for one in each[0]):
        of_kind = [one for some in each for one in some if one.kind == kind]
        rows.append(_row("**all**", kind, of_kind, similar_ones, blocks))
    return "\n".join(rows)


def _row(
    group: str, kind: str, some: Sequence[Retrieved], similar: Sequence[Retrieved], blocks: Ints
) -> str:
    less = np.mean(
        [one.mismatch - other.mismatch for one, other in zip(some, similar, strict=True)], axis=0
    )
    different = "/".join(str(len(np.unique(one.example))) for one in some)
    return (
        f"| {group} | {kind} | {_mean(some, 'mismatch'):.3f} "
        f"| {_interval(less, _NORMAL) if kind != 'similar' else ''} "
        f"| {_by_block(less, blocks) if kind != 'similar' else ''} "
        f"| {different} | {_mean(some, 'value'):.2f} | {_mean(some, 'spread'):.2f} |"
    )


def _mean(some: Sequence[Retrieved], name: str) -> float:
    return float(np.mean([getattr(one, name) for one in some]))


def _interval(values: Floats, quantile: float) -> str:
    half = quantile * values.std(ddof=1) / np.sqrt(len(values))
    mean = values.mean()
    return f"{mean:+.3f} [{mean - half:+.3f}, {mean + half:+.3f}]"


def _by_block(values: Floats, blocks: Ints) -> str:
    means = np.array([values[blocks == block].mean() for block in np.unique(blocks)])
    return _interval(means, _T.get(len(means), 2.5))


def weights_table(by_ratings: Mapping[str, Mapping[str, GroupResult]]) -> str:
    """Figure 9: fitted weights of each group. `by_ratings`: name of the ratings -> results."""
    rows = ["| ratings of | group | similarity | stability | contrast |", "|---|---|---|---|---|"]
    for name, results in by_ratings.items():
        for group, result in results.items():
            weights = result.weights
            rows.append(
                f"| {name} | {group} | {weights.similarity:+.3f} | {weights.stability:+.3f} "
                f"| {weights.contrast:+.3f} |"
            )
    rows.append("| the paper's text (A.4) | | small; + for -nrel | − | − |")
    return "\n".join(rows)
