"""Which scenarios of a bank a calibration is fitted on. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from app.calibrations.fitting.rows import LEAST_SCENARIOS
from app.calibrations.schemas import CalibrationRequest
from app.domain.bank import Bank, LabelledScenario
from app.errors import FieldError, InvalidRequest, UnsuitableBank

_BANK = "#/bank"


def labelled_scenarios(
    bank: Bank, attributes: Sequence[str], request: CalibrationRequest
) -> list[LabelledScenario]:
    """The scenarios with labels on any of the attributes, in the bank's order.

    Raises `InvalidRequest` for attributes without any label, and for unknown `scenario_ids`,
    and `UnsuitableBank` for a bank without labels.
    """
    return _with_labels(_named(bank, request), attributes, request.bank, _BANK)


def further_scenarios(
    banks: Mapping[str, Bank], attributes: Sequence[str]
) -> dict[str, list[LabelledScenario]]:
    """The labelled scenarios of each further bank by its name, with the name before their ids.

    Raises `InvalidRequest` for a bank that has no labels on one of the attributes.
    """
    return {
        name: [
            replace(scenario, id=f"{name}/{scenario.id}")
            for scenario in _with_labels(
                bank.scenarios, attributes, name, f"#/further_banks/{place}"
            )
        ]
        for place, (name, bank) in enumerate(banks.items())
    }


def _with_labels(
    scenarios: Sequence[LabelledScenario], attributes: Sequence[str], bank: str, pointer: str
) -> list[LabelledScenario]:
    if not any(any(one.labels) for one in scenarios):
        message = f"bank {bank!r} has no labels, and nothing can be fitted without them"
        raise UnsuitableBank(
            message, fields=[FieldError(pointer, message)], extensions={"lacks": "labels"}
        )
    labelled = [s for s in scenarios if any(has_label(s, name) for name in attributes)]
    missing = [name for name in attributes if not any(has_label(s, name) for s in labelled)]
    if missing:
        message = f"bank {bank!r} has no labels for {', '.join(map(repr, missing))}"
        raise InvalidRequest(
            f"{message}; name the other attributes in `attributes`",
            fields=[FieldError(pointer, message)],
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
    scenarios: Sequence[LabelledScenario],
    attributes: Sequence[str],
    bank: str,
    *,
    pointer: str = _BANK,
    drawn: bool = False,
) -> None:
    """Raise `InvalidRequest` if there are too few labels, even if all of them can be scored."""
    for name in attributes:
        count = sum(has_label(scenario, name) for scenario in scenarios)
        if count < LEAST_SCENARIOS:
            some = f" of the {len(scenarios)} drawn" if drawn else ""
            message = (
                f"{count}{some} scenarios of bank {bank!r} are labelled on {name!r}; a "
                f"calibration needs {LEAST_SCENARIOS}"
            )
            raise InvalidRequest(message, fields=[FieldError(pointer, message)])


def has_label(scenario: LabelledScenario, attribute: str) -> bool:
    """Whether any response of a scenario is labelled on an attribute."""
    return any(attribute in labels for labels in scenario.labels)
