"""What trial fits show about a calibration, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.calibrations.background.sampling import labelled_scenarios, sample
from app.calibrations.schemas import CalibrationRequest, FittedOut
from app.domain.bank import Bank, InvalidLines, LabelledScenario, bank_of
from app.domain.bank_files.reading import Options, read_bank_file
from app.scoring.schemas import BankRefOut
from app.store.banks import builtin_banks
from scripts.benchmark.records.scenario_files import UnusableData
from scripts.calibrate.pages.draws import draws_of, sizes_of
from scripts.calibrate.pages.trials import Kept, Trial, run_trials
from scripts.client.service import Body, Service

_SEED = 0

_NO_TEXTS = (
    "The service does not give out the scenarios of bank {name!r}, so there is nothing here about "
    "scenarios that the fit has not seen. Give the bank's file by --bank-file as well."
)
_OTHER_FILE = (
    "The file does not have the scenarios that bank {name!r} had when the calibration was fitted."
)
_TOO_FEW = (
    "{count} scenarios are too few to keep a quarter of them aside: there is nothing here about "
    "scenarios that the fit has not seen."
)


@dataclass(frozen=True, slots=True)
class Findings:
    """Trials, and the scenarios that they are about."""

    trials: Sequence[Trial] = ()
    scenarios: Mapping[str, LabelledScenario] = field(default_factory=dict)
    """By id."""
    note: str = ""
    """Why there are no trials."""


def scenarios_of(stored: BankRefOut, content: bytes | None, labels: Options) -> Bank | str:
    """The bank of a fit, from its file or from those that ship; or why it is not known.

    Raises `UnusableData`.
    """
    if content is None:
        packaged = builtin_banks().get(stored.name)
        if packaged is None or packaged.bank.digest != stored.digest:
            return _NO_TEXTS.format(name=stored.name)
        return packaged.bank
    try:
        bank = bank_of(read_bank_file(content, labels).scenarios)
    except InvalidLines as error:
        raise UnusableData(str(error)) from error
    return bank if bank.digest == stored.digest else _OTHER_FILE.format(name=stored.name)


async def find(
    service: Service, name: str, body: Body, fitted: FittedOut, given: Bank | str, kept: Kept
) -> Findings:
    """Run the trials that are not kept. Raises `ServiceAway`."""
    if isinstance(given, str):
        return Findings(note=given)
    request = CalibrationRequest.model_validate(body)
    scored = sample(labelled_scenarios(given, fitted.attributes, request), request)
    draws = draws_of(scored, _SEED)
    if not draws:
        return Findings(note=_TOO_FEW.format(count=len(scored)))
    trials = await run_trials(service, name, body, draws, sizes_of(draws), kept)
    return Findings(trials, {one.id: one for one in scored})
