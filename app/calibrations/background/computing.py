"""The computation of a fit, from scored scenarios to a stored form. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from app.calibrations.fitting.kinds import fit_kinds
from app.calibrations.fitting.rows import LabelledEvidence, labels_of
from app.domain.bank import LabelledScenario
from app.domain.calibration.artefact import to_bytes, with_digest
from app.domain.calibration.evidence import Evidence
from app.domain.calibration.model import Calibration
from app.domain.fingerprint import attribute_field, scorer_fingerprint
from app.domain.plan import ScorePlan, plan_scores
from app.domain.scenario import Attribute, Candidate
from app.domain.scorer import Scorer


def fit_to_bank(
    scored: Mapping[str, LabelledEvidence],
    labelled: Sequence[LabelledScenario],
    scorer: Scorer,
    attributes: Sequence[Attribute],
    banks: Mapping[str, str],
) -> tuple[Calibration, bytes]:
    """Fit a calibration, with its digest and its bytes. Raises `UnfitBank`.

    `banks` has the name of each scenario's bank, by its id, and `scored` the evidence of scored
    scenarios. From the other labelled ones only surface features are used.
    """
    numbers = max((one.evidence.readings.shape[2] for one in scored.values()), default=1)

    def not_scored(scenario: LabelledScenario) -> LabelledEvidence:
        plan = plan_of(scenario, attributes, scorer)
        surface = np.array(plan.surface.values)
        readings = np.full((len(surface), len(attributes), numbers), np.nan)
        return with_labels(Evidence(surface, readings), scenario, plan, attributes)

    kinds: dict[str, list[LabelledEvidence]] = {}
    for one in labelled:
        kinds.setdefault(banks[one.id], []).append(scored.get(one.id) or not_scored(one))
    fields = [attribute_field(attribute) for attribute in attributes]
    calibration = with_digest(fit_kinds(kinds, scorer=scorer_fingerprint(scorer), fields=fields))
    return calibration, to_bytes(calibration)


def plan_of(
    scenario: LabelledScenario, attributes: Sequence[Attribute], scorer: Scorer, owner: str = ""
) -> ScorePlan:
    """The plan for scoring a scenario of a bank; the score set is `owner`'s."""
    candidates = [Candidate(str(i), text) for i, text in enumerate(scenario.responses)]
    return plan_scores(scenario.question, candidates, attributes, scorer, owner=owner)


def with_labels(
    evidence: Evidence,
    scenario: LabelledScenario,
    plan: ScorePlan,
    attributes: Sequence[Attribute],
) -> LabelledEvidence:
    """A scenario's evidence together with its labels, both in the order of its plan."""
    names = [attribute.name for attribute in attributes]
    labels = labels_of(scenario, plan.presentation.positions, names)
    return LabelledEvidence(scenario.question, evidence, labels)
