"""`GET /v1/attribute-sets`; `GET`, `PUT` and `DELETE /v1/attribute-sets/{name}`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from app.attribute_sets.schemas import AttributeSetIn, AttributeSetOut, AttributeSetsOut
from app.domain.scenario import Attribute, AttributeSet
from app.errors import UnknownAttributeSet
from app.http.paths import PathName
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.http.routing import JsonRoute
from app.store.attribute_sets import AttributeSetStore
from app.store.banks import BankStore

Sets = Annotated[AttributeSetStore, provided(AttributeSetStore)]
Banks = Annotated[BankStore, provided(BankStore)]

router = APIRouter(tags=["attribute sets"], route_class=JsonRoute)

_EXAMPLE_IN: dict[str, Any] = {
    "description": "Tone of customer support",
    "bank": "my-bank",
    "attributes": [
        {
            "name": "warmth",
            "definition": "How much the response sounds like it cares about the customer.",
            "low": "cold and scripted",
            "high": "warm and personal",
            "levels": [],
        }
    ],
}
_EXAMPLE: dict[str, Any] = {"name": "support-tone", **_EXAMPLE_IN}


@router.get(
    "/attribute-sets",
    operation_id="list_attribute_sets",
    summary="List attribute sets",
    responses=answers({"attribute_sets": [_EXAMPLE]}, "All attribute sets")
    | problem_responses("store-unavailable"),
)
async def list_attribute_sets(sets: Sets) -> AttributeSetsOut:
    """The built-in and the stored attribute sets."""
    return AttributeSetsOut(
        attribute_sets=[AttributeSetOut.model_validate(one) for one in await sets.all()]
    )


@router.get(
    "/attribute-sets/{name:name}",
    operation_id="get_attribute_set",
    summary="Read an attribute set",
    responses=answers(_EXAMPLE, "The attribute set")
    | problem_responses("invalid-request", "unknown-attribute-set", "store-unavailable"),
)
async def get_attribute_set(sets: Sets, name: PathName) -> AttributeSetOut:
    """The attributes of a set with their definitions and levels."""
    attribute_set = await sets.get(name)
    if attribute_set is None:
        raise UnknownAttributeSet(f"no attribute set is called {name!r}")
    return AttributeSetOut.model_validate(attribute_set)


@router.put(
    "/attribute-sets/{name:name}",
    operation_id="put_attribute_set",
    summary="Store an attribute set",
    response_model=AttributeSetOut,
    responses=answers(_EXAMPLE, "Replaced")
    | answers(_EXAMPLE, "Created", status=201, model=AttributeSetOut)
    | problem_responses(
        "malformed-body",
        "invalid-request",
        "unknown-bank",
        "body-too-large",
        "unsupported-format",
        "store-unavailable",
    ),
    openapi_extra={
        "requestBody": {"content": {"application/json": {"example": _EXAMPLE_IN}}},
    },
)
async def put_attribute_set(
    sets: Sets, banks: Banks, name: PathName, body: AttributeSetIn, response: Response
) -> AttributeSetOut:
    """Store a set under a name. It hides a built-in set of that name.

    A changed definition makes new cells; scores under the old one stay with the old one.
    """
    if body.bank is not None and await banks.info(body.bank) is None:
        raise await banks.unknown(body.bank, "#/bank")
    attribute_set = AttributeSet(
        name=name,
        description=body.description,
        bank=body.bank,
        attributes=tuple(
            Attribute(a.name, a.definition, a.low, a.high, tuple(a.levels)) for a in body.attributes
        ),
    )
    response.status_code = 201 if await sets.put(attribute_set) else 200
    return AttributeSetOut.model_validate(attribute_set)


@router.delete(
    "/attribute-sets/{name:name}",
    operation_id="delete_attribute_set",
    summary="Delete a stored attribute set",
    status_code=204,
    responses=problem_responses("invalid-request", "unknown-attribute-set", "store-unavailable"),
)
async def delete_attribute_set(sets: Sets, name: PathName) -> None:
    """Delete a stored set. A built-in set of that name becomes visible again."""
    if not await sets.delete(name):
        raise UnknownAttributeSet(f"no attribute set is stored as {name!r}")
