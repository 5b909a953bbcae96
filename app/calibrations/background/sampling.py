"""Which scenarios of a bank a calibration is fitted on. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence

from app.calibrations.fitting.rows import LEAST_SCENARIOS
from app.calibrations.schemas import CalibrationRequest
from app.domain.bank import Bank, LabelledScenario
from app.errors import FieldError, InvalidRequest

_BANK = "#/bank"


def labelled_scenarios(
    bank: Bank, attributes: Sequence[str], request: CalibrationRequest
) -> list[LabelledScenario]:
    """The scenarios with labels on any of the attributes, in the bank's order.

    Raises `InvalidRequest` for attributes without any label, and for unknown `scenario_ids`.
    """
    named = _named(bank, request)
    labelled = [s for s in named if any(has_label(s, name) for name in attributes)]
    missing = [name for name in attributes if not any(has_label(s, name) for s in labelled)]
    if missing:
        message = f"bank {request.bank!r} has no labels for {', '.join(map(repr, missing))}"
        raise InvalidRequest(
            f"{message}; name the other attributes in `attributes`",
            fields=[FieldError(_BANK, message)],
        )
    return labelled


def _named(bank: Bank, request: CalibrationRequest) -> Sequence[LabelledScenario]:
    """The scenarios that the request names; all of the bank if it names none."""
    if request.scenario_ids is None:
        return bank.scenarios
    wanted = set(request.scenario_ids)
    if unknown := wanted - {scenario.id for scenario in bank.scenarios}:
        message = f"bank {request.bank!r} has no scenario {min(unknown)!r}"
        raise InvalidRequest(message, fields=[FieldError("#/scenario_ids", message)])
    return [scenario for scenario in bank.scenarios if scenario.id in wanted]


def sample(
    labelled: Sequence[LabelledScenario], request: CalibrationRequest
) -> Sequence[LabelledScenario]:
    """The scenarios to score, in the same order: all, or a random sample."""
    if request.scenarios is None or request.scenarios >= len(labelled):
        return labelled
    drawn = random.Random(request.sample_seed).sample(range(len(labelled)), request.scenarios)
    return [labelled[index] for index in sorted(drawn)]


def check_enough(
    scenarios: Sequence[LabelledScenario], attributes: Sequence[str], request: CalibrationRequest
) -> None:
    """Raise `InvalidRequest` if there are too few labels, even if all of them can be scored."""
    for name in attributes:
        count = sum(has_label(scenario, name) for scenario in scenarios)
        if count < LEAST_SCENARIOS:
            some = "" if request.scenarios is None else f" of the {len(scenarios)} drawn"
            message = (
                f"{count}{some} scenarios of bank {request.bank!r} are labelled on {name!r}; a "
                f"calibration needs {LEAST_SCENARIOS}"
            )
            raise InvalidRequest(message, fields=[FieldError(_BANK, message)])


def has_label(scenario: LabelledScenario, attribute: str) -> bool:
    """Whether any response of a scenario is labelled on an attribute."""
    return any(attribute in labels for labels in scenario.labels)
