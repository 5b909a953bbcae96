"""The attributes of a run: of a file, of the service, or of those that ship with Azimuth."""

from __future__ import annotations

from app.domain.scenario import Attribute
from app.store.attribute_sets import builtin_attribute_sets
from scripts.client.service import Service
from scripts.scorer_options import ScorerOptions, read_attributes

Definitions = dict[str, Attribute]
"""Name -> attribute."""


async def declared_attributes(scorer: ScorerOptions, service: Service | None) -> Definitions:
    """The attributes of a run's set or file. Without a service only built-in sets are known."""
    if scorer.attributes:
        return read_attributes(scorer.attributes)
    if service is not None:
        answer = await service.attribute_set(scorer.attribute_set)
        return {
            one.name: Attribute(one.name, one.definition, one.low, one.high, tuple(one.levels))
            for one in answer.attributes
        }
    known = builtin_attribute_sets().get(scorer.attribute_set)
    return {attribute.name: attribute for attribute in known.attributes} if known else {}
