"""The computation of a fit, from scored scenarios to a stored form. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from app.calibrations.fitting.committee import Member
from app.calibrations.fitting.kinds import fit_committee_kinds, fit_kinds
from app.calibrations.fitting.rows import LabelledEvidence, labels_of
from app.domain.bank import LabelledScenario
from app.domain.calibration.committee_artefact import Fitted, to_bytes, with_digest
from app.domain.calibration.evidence import Evidence
from app.domain.features import surface_of
from app.domain.fingerprint import attribute_field, scorer_fingerprint
from app.domain.methods import reads_digits
from app.domain.plan import ScorePlan, canonical_scenario, plan_scores
from app.domain.scenario import Attribute, Candidate
from app.domain.scorer import Scorer

Given = Sequence[LabelledEvidence | None]
"""What each judge gave for one scenario; None for one that gave nothing."""


def fit_to_bank(
    scored: Mapping[str, Given],
    labelled: Sequence[LabelledScenario],
    scorers: Sequence[Scorer],
    attributes: Sequence[Attribute],
    banks: Mapping[str, str],
) -> tuple[Fitted, bytes]:
    """Fit a calibration, with its digest and its bytes. Raises `UnfitBank`.

    `banks` has the name of each scenario's bank, by its id, and `scored` the evidence of scored
    scenarios. From the other labelled ones only surface features are used. `scorers` are sorted by
    fingerprint.
    """
    fields = [attribute_field(attribute) for attribute in attributes]
    kinds: dict[str, list[LabelledScenario]] = {}
    for one in labelled:
        kinds.setdefault(banks[one.id], []).append(one)

    def member(place: int, scorer: Scorer, scenarios: Sequence[LabelledScenario]) -> Member:
        own = {id_: given[place] for id_, given in scored.items()}
        name = f"{scorer.model.name} ({_way(scorer)})"
        return Member(scorer_fingerprint(scorer), name, _evidence(own, scenarios, attributes))

    members = {
        name: [member(place, scorer, scenarios) for place, scorer in enumerate(scorers)]
        for name, scenarios in kinds.items()
    }
    fitted: Fitted
    if len(scorers) == 1:
        alone = {name: own[0].scenarios for name, own in members.items()}
        fitted = fit_kinds(alone, scorer=scorer_fingerprint(scorers[0]), fields=fields)
    else:
        fitted = fit_committee_kinds(members, fields=fields)
    fitted = with_digest(fitted)
    return fitted, to_bytes(fitted)


def _way(scorer: Scorer) -> str:
    """How a scorer asks its model, in a word."""
    settings = scorer.settings
    digits = reads_digits(settings.method, reasoning=settings.reasoning)
    return "digits" if digits else settings.method


def _evidence(
    scored: Mapping[str, LabelledEvidence | None],
    labelled: Sequence[LabelledScenario],
    attributes: Sequence[Attribute],
) -> list[LabelledEvidence]:
    """The evidence of one judge for every labelled scenario."""
    given = [one for one in scored.values() if one is not None]
    numbers = max((one.evidence.readings.shape[2] for one in given), default=1)

    def not_scored(scenario: LabelledScenario) -> LabelledEvidence:
        read, presentation = canonical_scenario(scenario.question, _candidates(scenario))
        surface = np.array(surface_of(read).values)
        readings = np.full((len(surface), len(attributes), numbers), np.nan)
        evidence = Evidence(surface, readings)
        return _with_labels(evidence, scenario, presentation.positions, attributes)

    return [scored.get(one.id) or not_scored(one) for one in labelled]


def _candidates(scenario: LabelledScenario) -> list[Candidate]:
    return [Candidate(str(i), text) for i, text in enumerate(scenario.responses)]


def plan_of(
    scenario: LabelledScenario, attributes: Sequence[Attribute], scorer: Scorer, owner: str = ""
) -> ScorePlan:
    """The plan for scoring a scenario of a bank; the score set is `owner`'s."""
    return plan_scores(scenario.question, _candidates(scenario), attributes, scorer, owner=owner)


def with_labels(
    evidence: Evidence,
    scenario: LabelledScenario,
    plan: ScorePlan,
    attributes: Sequence[Attribute],
) -> LabelledEvidence:
    """A scenario's evidence together with its labels, both in the order of its plan."""
    return _with_labels(evidence, scenario, plan.presentation.positions, attributes)


def _with_labels(
    evidence: Evidence,
    scenario: LabelledScenario,
    positions: Sequence[int],
    attributes: Sequence[Attribute],
) -> LabelledEvidence:
    names = [attribute.name for attribute in attributes]
    return LabelledEvidence(scenario.question, evidence, labels_of(scenario, positions, names))
