"""Learning the joint opinion, with its out-of-fold predictions. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.calibrations.fitting.ridge import cross_fit
from app.calibrations.fitting.rows import Indices
from app.domain.arrays import Floats
from app.domain.calibration.joint import JointOpinion, joint_inputs, scenario_means

_LEAST_DEVIATION = 1e-6


def learn_joint(
    surface: Floats,
    standard: Floats,
    labels: Floats,
    scenario: Indices,
    folds: Sequence[Indices],
) -> tuple[JointOpinion, Floats]:
    """Learn labels (R, k) from surface features (R, F) and standardised states (R, L, D).

    Also returns the predictions (R, k) of rows that were held out; no scenario is in two folds.
    """
    center, scale = surface.mean(axis=0), surface.std(axis=0)
    scale = np.where(scale > _LEAST_DEVIATION, scale, 1.0)
    inputs = joint_inputs(surface, center, scale, standard)
    mean, level = scenario_means(inputs, scenario), scenario_means(labels, scenario)
    within = cross_fit(inputs - mean, labels - level, folds)
    overall = mean.mean(axis=0)
    between = cross_fit(mean - overall, level, folds)
    opinion = JointOpinion(
        center=center.astype(np.float32),
        scale=scale.astype(np.float32),
        within=within.coefficients.astype(np.float32),
        between=between.coefficients.astype(np.float32),
        intercept=(level.mean(axis=0) - overall @ between.coefficients).astype(np.float32),
    )
    return opinion, np.clip(within.out_of_fold + between.out_of_fold, 0.0, 1.0)
