"""What a method that chooses without scoring is asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.methods import METHODS, MethodTraits
from app.domain.scenario import Attribute, Choice
from app.domain.selection.targets import Bounds, Wish
from app.errors import FieldError, InvalidRequest, UnknownMethod, escaped


def traits_of(method: str, *, may_choose: bool) -> MethodTraits:
    """The traits of a method.

    Raises `UnknownMethod`, also for a method that chooses where scores are asked for.
    """
    known = [name for name, traits in METHODS.items() if may_choose or traits.kind == "score"]
    if method not in known:
        detail = f"there is no method {method!r}"
        if method in METHODS:
            detail = f"{method!r} chooses without scoring: only /select takes it"
        raise UnknownMethod(
            detail,
            fields=[FieldError("#/scoring/method", f"known: {', '.join(known)}")],
            extensions={"known": known},
        )
    return METHODS[method]


def choice_of(
    method: str, traits: MethodTraits, attributes: Sequence[Attribute], target: Mapping[str, Wish]
) -> Choice | None:
    """The choice that a request asks for; None for methods that score.

    Raises `InvalidRequest` for a target with bounds.
    """
    if traits.kind == "score":
        return None
    if not traits.reads_target or not target:
        return Choice()
    values: dict[str, float] = {}
    for attribute in attributes:
        wish = target.get(attribute.name)
        if isinstance(wish, Bounds):
            detail = f"method {method!r} takes values, not bounds"
            pointer = f"#/target/{escaped(attribute.name)}"
            raise InvalidRequest(detail, fields=[FieldError(pointer, detail)])
        if wish is not None:
            values[attribute.name] = float(wish)
    # Sorted, and without what no prompt of a choice shows: neither is part of what is asked.
    asked = sorted((a for a in attributes if a.name in values), key=lambda a: a.name)
    return Choice(tuple(Attribute(a.name, a.definition) for a in asked), values)
