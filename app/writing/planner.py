"""From a request to a plan of texts: the model, the group and its bank, and the settings."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from app.domain.fingerprint import text_field
from app.domain.methods import WRITE
from app.domain.scorer import Scorer, ScorerSettings
from app.domain.writing import Style, Turn, Writing
from app.domain.writing_plan import plan_texts
from app.errors import AzimuthError, FieldError, UnsuitableBank
from app.people.fitted import FittedBanks
from app.people.reading import person_row
from app.people.requests import PersonIn
from app.scoring.groups import for_group
from app.scoring.planned import PlannedJudge, PlannedRequest
from app.scoring.planner import Planner, bank_ref
from app.scoring.requests import Scoring
from app.scoring.scorer_settings import SAMPLING_TEMPERATURE
from app.store.banks import BankInfo, BankStore
from app.store.tenancy import tenant_tag
from app.writing.requests import GenerateRequest, RespondRequest, WritingOptions

_POINTERS = {
    "#/scoring/group": "#/group",
    "#/scoring/bank": "#/bank",
    "#/scoring/": "#/writing/",
}


@dataclass(frozen=True, slots=True)
class PlannedTexts:
    """Texts to write."""

    planned: PlannedRequest
    writings: tuple[Writing, ...]
    """In the order of the answer."""
    fields: tuple[str, ...]
    """The cell of each."""


class TextPlanner:
    """Plans texts. Reads the store, but queues nothing."""

    def __init__(self, planner: Planner, banks: BankStore, fitted: FittedBanks) -> None:
        self._planner = planner
        self._banks = banks
        self.fitted = fitted

    async def plan(self, request: GenerateRequest) -> PlannedTexts:
        """Plan the texts of a request.

        Raises `UnknownBank`, `UnknownGroup`, `UnsuitableBank`, `UnknownModel`, `UnknownMethod`,
        `InvalidRequest`, or `ModelNotReady` if no worker has announced a model yet.
        """
        options = request.writing
        settings = settings_of(options)
        warnings: list[str] = []
        bank: BankInfo | None = None
        style: Style | None = None
        worth: dict[str, float] = {}
        if not request.control and request.bank is not None:
            style = request.style
            if request.person is not None:
                bank, worth = await self._for_person(request.bank, request.person)
            else:
                with repointed():
                    bank = await self.bank(request.bank)
                    settings, warnings = for_group(settings, _as_scoring(request), bank)
            _check_style(style, bank)
        writings = [
            Writing(options.max_tokens, sample, style=style, worth=worth)
            for sample in range(options.samples)
        ]
        return await self.planned(
            request.turns, writings, settings, bank, options, warnings, streams=request.stream
        )

    async def planned(
        self,
        turns: Sequence[Turn],
        writings: Sequence[Writing],
        settings: ScorerSettings,
        bank: BankInfo | None,
        options: WritingOptions,
        warnings: Sequence[str] = (),
        *,
        streams: bool = False,
    ) -> PlannedTexts:
        """Plan given texts for the model that writes them."""
        with repointed():
            pool, live = await self._planner.pool(options.model, WRITE)
        if bank is None:
            settings = replace(settings, examples=0)
        scorer = Scorer(settings, pool.model, bank_ref(bank, settings) if bank else None)
        plan = plan_texts(turns, writings, scorer, owner=tenant_tag(), streams=streams)
        return PlannedTexts(
            PlannedRequest(plan, (PlannedJudge(plan, pool, live),), tuple(warnings)),
            tuple(writings),
            tuple(map(text_field, writings)),
        )

    async def _for_person(self, name: str, person: PersonIn) -> tuple[BankInfo, dict[str, float]]:
        """The bank, and the ratings to expect of a person for each class, on [0, 1].

        Raises `UnsuitableBank` without classes: other scenarios then say nothing of the person.
        """
        fitted = await self.fitted.get(name, "#/bank")
        people = fitted.people
        if not people.table.classes:
            detail = f"bank {name!r} has no response classes, without which no person is known"
            raise UnsuitableBank(
                detail, fields=[FieldError("#/bank", detail)], extensions={"lacks": "classes"}
            )
        mean = person_row(people, person).estimate.mean
        low, high = people.model.scale
        expected = np.clip((mean - low) / (high - low), 0.0, 1.0).round(3).tolist()
        return fitted.info, dict(zip(people.model.classes, expected, strict=True))

    async def candidates(
        self, request: RespondRequest, writings: Sequence[Writing], warnings: Sequence[str]
    ) -> PlannedTexts:
        """Plan candidates, which are written with the plain prompt. Raises as `plan` does."""
        options, settings = request.writing, settings_of(request.writing)
        return await self.planned(request.turns, writings, settings, None, options, warnings)

    async def bank(self, name: str) -> BankInfo:
        """What a bank holds. Raises `UnknownBank`."""
        info = await self._banks.info(name)
        if info is None:
            raise await self._banks.unknown(name, "#/bank")
        return info


def settings_of(options: WritingOptions) -> ScorerSettings:
    """The settings of a request, normalised: the seed matters only if something is drawn."""
    temperature = options.temperature
    if temperature is None:
        temperature = SAMPLING_TEMPERATURE if options.samples > 1 else 0.0
    seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
    return ScorerSettings(
        method=WRITE,
        examples=options.examples,
        reasoning=False,
        reasoning_chars=0,
        temperature=temperature,
        seed=seed if temperature > 0 else 0,
    )


@contextmanager
def repointed() -> Iterator[None]:
    """Have errors point to where requests to write have what scoring requests have elsewhere."""
    try:
        yield
    except AzimuthError as error:
        error.fields = tuple(
            FieldError(_repointed(field.pointer), field.detail) for field in error.fields
        )
        raise


def _repointed(pointer: str) -> str:
    for old, new in _POINTERS.items():
        if pointer.startswith(old):
            return new + pointer.removeprefix(old)
    return pointer


def _as_scoring(request: GenerateRequest) -> Scoring:
    """The options of retrieval, as scoring requests have them."""
    options = request.writing
    given = {
        "retrieval": options.retrieval,
        "retrieval_weights": options.retrieval_weights,
    }
    return Scoring(
        group=request.group,
        bank=request.bank,
        examples=options.examples,
        **{name: value for name, value in given.items() if value is not None},
    )


def _check_style(style: Style, bank: BankInfo) -> None:
    """Raise `UnsuitableBank` if the bank has no instructions for a style that shows them."""
    classes = bank.ratings.response_classes if bank.ratings else {}
    if style in ("P-I", "C-I") and not any(classes.values()):
        detail = (
            f"bank {bank.name!r} has no instructions for its response classes, which style "
            f"{style!r} shows: use 'P-R' or 'C-R'"
        )
        raise UnsuitableBank(
            detail, fields=[FieldError("#/style", detail)], extensions={"lacks": "classes"}
        )
