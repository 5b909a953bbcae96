"""The attributes that a request scores, and their label coverage. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.ratings.groups import APPROPRIATENESS
from app.domain.scenario import Attribute, AttributeSet
from app.errors import FieldError, InvalidRequest, UnknownAttribute, UnsuitableBank, escaped
from app.scoring.requests import AttributeIn, ScorerRequest
from app.store.banks import BankInfo


def resolve_attributes(
    request: ScorerRequest, attribute_set: AttributeSet, target: Sequence[str] | None = None
) -> list[Attribute]:
    """The attributes to score: those listed in the request, else those in its target, else all.

    `target` lists the attribute names of the request's target. Raises `UnknownAttribute`.
    """
    if request.attributes is None and not target:
        return list(attribute_set.attributes)
    if request.attributes is None:
        wanted: Sequence[str | AttributeIn] = target or ()
        pointers = [f"#/target/{escaped(name)}" for name in target or ()]
    else:
        wanted = request.attributes
        pointers = [f"#/attributes/{index}" for index in range(len(wanted))]
    resolved: list[Attribute] = []
    unknown: list[tuple[str, str]] = []
    for item, pointer in zip(wanted, pointers, strict=True):
        if isinstance(item, AttributeIn):
            resolved.append(
                Attribute(item.name, item.definition, item.low, item.high, tuple(item.levels))
            )
        elif (attribute := attribute_set.find(item)) is not None:
            resolved.append(attribute)
        else:
            unknown.append((item, pointer))
    if unknown:
        known = [a.name for a in attribute_set.attributes]
        raise UnknownAttribute(
            f"{unknown[0][0]!r} is not in attribute set {attribute_set.name!r}",
            fields=[FieldError(p, f"known: {', '.join(known)}") for _, p in unknown],
            extensions={"known": known},
        )
    return resolved


def check_label_coverage(
    request: ScorerRequest, attributes: Sequence[Attribute], bank: BankInfo | None
) -> tuple[str, ...]:
    """Warnings about attributes for which the bank of examples has no labels.

    Raises `InvalidRequest` if the request names the bank, and `UnsuitableBank` if the bank has no
    labels at all.
    """
    if bank is None:
        return ()
    known = {*bank.labels, *([APPROPRIATENESS] if request.scoring.group else [])}
    if not known:
        detail = f"bank {bank.name!r} has ratings, but no labels: name a group, or another bank"
        raise UnsuitableBank(
            detail, fields=[FieldError("#/scoring/bank", detail)], extensions={"lacks": "labels"}
        )
    missing = [a.name for a in attributes if a.name not in known]
    if not missing:
        return ()
    detail = f"bank {bank.name!r} has no labels for {', '.join(map(repr, missing))}"
    if "bank" in request.scoring.model_fields_set:
        raise InvalidRequest(
            f"{detail}; name another bank, or null to score without examples",
            fields=[FieldError("#/scoring/bank", detail)],
            extensions={"missing": missing},
        )
    # Inline attributes with the default bank of the set, which the caller did not choose.
    return (f"{detail}, so they are scored without examples",)
