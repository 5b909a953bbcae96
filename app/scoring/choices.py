"""Methods of a request, and the input of methods that choose without scoring. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.methods import METHODS, MethodTraits
from app.domain.scenario import Attribute, Choice
from app.domain.selection.distributions import Decisions
from app.domain.selection.targets import Bounds, Wish
from app.errors import FieldError, InvalidRequest, UnknownMethod, escaped


def traits_of(method: str, *, may_choose: bool) -> MethodTraits:
    """The traits of a method.

    Raises `UnknownMethod` if there is no such method, or if it chooses and `may_choose` is false.
    """
    known = [name for name, traits in METHODS.items() if may_choose or traits.kind == "score"]
    if method not in known:
        detail = f"no method is called {method!r}"
        if method in METHODS:
            detail = f"method {method!r} chooses without scoring: use it with /select"
        raise UnknownMethod(
            detail,
            fields=[FieldError("#/scoring/method", f"known: {', '.join(known)}")],
            extensions={"known": known},
        )
    return METHODS[method]


def choice_of(
    method: str,
    traits: MethodTraits,
    attributes: Sequence[Attribute],
    target: Mapping[str, Wish],
    persona: str = "",
) -> Choice | None:
    """The choice to make for a request; None for methods that score.

    Raises `InvalidRequest` if the target has bounds or distributions.
    """
    if traits.kind == "score":
        return None
    if not traits.reads_target:
        return Choice()
    values: dict[str, float] = {}
    for attribute in attributes:
        wish = target.get(attribute.name)
        if isinstance(wish, Bounds | Decisions):
            kind = "bounds" if isinstance(wish, Bounds) else "distributions"
            detail = f"method {method!r} accepts values as targets, not {kind}"
            pointer = f"#/target/{escaped(attribute.name)}"
            raise InvalidRequest(detail, fields=[FieldError(pointer, detail)])
        if wish is not None:
            values[attribute.name] = float(wish)
    # Sorted, and reduced to what the prompts show: nothing else may split the cache.
    asked = sorted((a for a in attributes if a.name in values), key=lambda a: a.name)
    return Choice(tuple(Attribute(a.name, a.definition) for a in asked), values, persona)
