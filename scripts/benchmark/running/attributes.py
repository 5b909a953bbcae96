"""The attributes of a run: of a file, of the service, or of those that ship with Azimuth."""

from __future__ import annotations

from typing import Any

from app.domain.fingerprint import attribute_field
from app.domain.scenario import Attribute
from app.store.attribute_sets import builtin_attribute_sets
from scripts.benchmark.running.service import Service
from scripts.scorer_options import ScorerOptions, read_attributes

Definitions = dict[str, dict[str, Any]]
"""Name -> definition and levels, as requests and answers write them."""


async def declared_attributes(scorer: ScorerOptions, service: Service | None) -> Definitions:
    """The attributes of a run's set or file. Without a service only built-in sets are known."""
    if scorer.attributes:
        return read_attributes(scorer.attributes)
    if service is not None:
        answer = await service.get(f"/v1/attribute-sets/{scorer.attribute_set}")
        return {attribute["name"]: attribute for attribute in answer["attributes"]}
    known = builtin_attribute_sets().get(scorer.attribute_set)
    return {a.name: {"name": a.name, "levels": a.levels} for a in known.attributes} if known else {}


def definition_id(attribute: dict[str, Any]) -> str:
    """An attribute's name with a digest of its definition, as score sets call its cells."""
    return attribute_field(
        Attribute(
            attribute["name"],
            attribute["definition"],
            attribute.get("low", ""),
            attribute.get("high", ""),
            tuple(attribute.get("levels", ())),
        )
    )
