"""Examples for a group: which requests allow them, and how they are retrieved. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from app.domain.methods import Retrieval
from app.domain.ratings.coverage import RatingCoverage
from app.domain.ratings.retrieval import VERSION
from app.domain.scorer import ExampleGroup, ScorerSettings
from app.errors import FieldError, InvalidRequest, UnknownGroup, UnsuitableBank
from app.scoring.requests import Scoring
from app.store.banks import BankInfo

GROUP_SET = "appropriateness"
"""The attribute set of requests that name a group, but no set."""
_FOR_GROUPS = ("spica", "expected")


def for_group(
    settings: ScorerSettings, scoring: Scoring, bank: BankInfo | None
) -> tuple[ScorerSettings, list[str]]:
    """The settings with the group that a request names, and warnings.

    Raises `InvalidRequest`, `UnknownGroup` or `UnsuitableBank` if the request or its bank does not
    allow the retrieval.
    """
    _check_options(scoring)
    if scoring.group is None or settings.examples == 0:
        return settings, _without_effect(scoring, bank)
    assert bank is not None, "there are no examples without a bank"
    ratings = _ratings_of(bank, scoring.group)
    kind, warnings = _kind_of(scoring, ratings, bank.name)
    given = scoring.retrieval_weights
    weights = None if given is None else (given.similarity, given.stability, given.contrast)
    if not ratings.response_classes and (kind == "expected" or (kind == "spica" and not weights)):
        detail = (
            f"bank {bank.name!r} has no response classes, without which ratings of different "
            f"scenarios cannot be compared: set retrieval to 'similar', or to 'spica' with "
            "retrieval_weights"
        )
        raise UnsuitableBank(
            detail, fields=[FieldError("#/scoring/retrieval", detail)], extensions=_lacks("classes")
        )
    return replace(
        settings, retrieval=kind, group=ExampleGroup(scoring.group, VERSION, weights)
    ), warnings


def _check_options(scoring: Scoring) -> None:
    if scoring.group is None and scoring.retrieval in _FOR_GROUPS:
        raise _refused("retrieval", f"{scoring.retrieval!r} is retrieval for a group: name a group")
    if scoring.retrieval_weights is not None and scoring.retrieval != "spica":
        raise _refused("retrieval_weights", "retrieval_weights are for retrieval 'spica' only")


def _without_effect(scoring: Scoring, bank: BankInfo | None) -> list[str]:
    """Warnings about a group without examples. Raises `InvalidRequest` if the bank is missing."""
    if scoring.group is None:
        return []
    if bank is None and scoring.examples:
        raise _refused("bank", f"group {scoring.group!r} needs a bank with its ratings: name one")
    return ["prompts show no examples, so the group has no effect"]


def _ratings_of(bank: BankInfo, group: str) -> RatingCoverage:
    if bank.ratings is None or not bank.ratings.groups:
        detail = f"bank {bank.name!r} has no ratings of groups: name another, or no group"
        raise UnsuitableBank(
            detail, fields=[FieldError("#/scoring/bank", detail)], extensions=_lacks("ratings")
        )
    if group not in bank.ratings.groups:
        known = list(bank.ratings.groups)
        raise UnknownGroup(
            f"bank {bank.name!r} has no ratings of group {group!r}",
            fields=[FieldError("#/scoring/group", f"known: {', '.join(known)}")],
            extensions={"known": known},
        )
    return bank.ratings


def _kind_of(scoring: Scoring, ratings: RatingCoverage, bank: str) -> tuple[Retrieval, list[str]]:
    """The kind of retrieval: that of the request, else the one that suits the bank."""
    if "retrieval" in scoring.model_fields_set:
        return scoring.retrieval, []
    if ratings.response_classes:
        return "expected", []
    return "similar", [
        f"examples are the most similar ones: bank {bank!r} has no response classes, without which "
        "nothing can be expected of other scenarios"
    ]


def _lacks(what: str) -> dict[str, object]:
    return {"lacks": what}


def _refused(option: str, why: str) -> InvalidRequest:
    return InvalidRequest(why, fields=[FieldError(f"#/scoring/{option}", why)])
