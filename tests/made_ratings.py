"""Simulated rated banks: what differs, and by how much, is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import Floats
from app.domain.ratings.table import RatingTable

CLASSES = ("refuse", "terse", "detailed", "perspectives", "stance")
SCALE = (1.0, 5.0)


@dataclass(frozen=True)
class MadeBank:
    """Ratings, and the truth that they were drawn from."""

    table: RatingTable
    groups: Floats
    """(G, K) what groups add to the class means"""
    people: Floats
    """(P, K) true mean ratings of people, before rounding and clipping"""
    mean: Floats
    """(K,)"""


def made_bank(
    seed: int = 0,
    *,
    groups: int = 4,
    people: int = 40,
    prompts: int = 15,
    group_sd: float = 0.0,
    person_sd: float = 0.7,
    noise_sd: float = 0.8,
    missing: float = 0.0,
    rounded: bool = True,
    mean: tuple[float, ...] = (2.6, 3.2, 3.8, 3.6, 2.9),
) -> MadeBank:
    """`people` in each of the groups rate the same number of prompts, each its own block's."""
    source = np.random.default_rng(seed)
    size, count = len(mean), groups * people
    centre = np.array(mean)
    of_groups = group_sd * source.standard_normal((groups, size))
    group = np.repeat(np.arange(groups), people)
    true = centre + of_groups[group] + person_sd * source.standard_normal((count, size))
    # As in SPICA, one or two people of each group rate the same block of prompts.
    block = np.tile(np.arange(people) // 2, groups)
    scenario = (block[:, None] * prompts + np.arange(prompts))[:, :, None]
    value = true[:, None] + noise_sd * source.standard_normal((count, prompts, size))
    if rounded:
        value = np.clip(np.round(value), *SCALE)
    kept = source.random(value.shape) >= missing
    shape = value.shape
    scenarios = int(scenario.max()) + 1
    return MadeBank(
        RatingTable(
            scenario=np.broadcast_to(scenario, shape)[kept],
            response=np.broadcast_to(np.arange(size), shape)[kept],
            rater=np.broadcast_to(np.arange(count)[:, None, None], shape)[kept],
            value=value[kept],
            scenarios=tuple(f"s{i}" for i in range(scenarios)),
            raters=tuple(f"r{i:04}" for i in range(count)),
            groups=tuple(f"g{i}" for i in range(groups)),
            membership=group[:, None] == np.arange(groups),
            classes=CLASSES[:size],
            response_class=np.tile(np.arange(size), (scenarios, 1)),
            scale=SCALE,
        ),
        of_groups,
        true,
        centre,
    )
