"""What a fit is about: its banks and the scenarios that are scored for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from app.calibrations.background.progress import Fit
from app.calibrations.background.sampling import (
    check_enough,
    further_scenarios,
    labelled_scenarios,
    sample,
)
from app.calibrations.schemas import CalibrationRequest
from app.domain.bank import Bank
from app.errors import FieldError, InvalidRequest
from app.scoring.planned import PlannedScorer


def prepared(
    name: str,
    request: CalibrationRequest,
    planned: PlannedScorer,
    bank: Bank,
    further: Mapping[str, Bank],
) -> Fit:
    """The fit that a request asks for.

    Raises `InvalidRequest` where the banks have too few labels, or one is named twice.
    """
    names = [request.bank, *request.further_banks]
    for place, one in enumerate(request.further_banks):
        if one in names[: place + 1]:
            message = f"bank {one!r} is named twice"
            raise InvalidRequest(message, fields=[FieldError(f"#/further_banks/{place}", message)])
    attributes = [attribute.name for attribute in planned.attributes]
    labelled = labelled_scenarios(bank, attributes, request)
    scenarios = sample(labelled, request)
    check_enough(scenarios, attributes, request.bank, drawn=request.scenarios is not None)
    others = further_scenarios(further, attributes)
    for place, (other, own) in enumerate(others.items()):
        check_enough(own, attributes, other, pointer=f"#/further_banks/{place}")
    also = [scenario for own in others.values() for scenario in own]
    banks = {scenario.id: request.bank for scenario in labelled}
    banks |= {scenario.id: other for other, own in others.items() for scenario in own}
    return Fit(
        name, request, planned, bank, [*labelled, *also], [*scenarios, *also], further, banks
    )
