"""OpenAPI responses with examples, for endpoint decorators."""

from __future__ import annotations

from typing import Any

from app.errors import FieldError
from app.http.problem_types import HTTP, INTERNAL, PROBLEMS, ProblemType, problem_called
from app.http.problems import MEDIA_TYPE, problem_document


def problem_responses(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """Document the problem responses of an operation, each with an example."""
    responses: dict[int | str, dict[str, Any]] = {}
    for slug in (*slugs, INTERNAL.slug):
        add_problem(responses, slug)
    return responses


def add_problem(responses: dict[int | str, dict[str, Any]], slug: str) -> None:
    """Document one more problem response among the others of an operation."""
    problem = problem_called(slug)
    assert problem is not None, f"{slug} is not in the table of problem types"
    entry = responses.setdefault(
        str(problem.status),
        {
            "description": problem.title,
            "content": {
                MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
            },
        },
    )
    if problem.title not in entry["description"]:
        entry["description"] += f"; or: {problem.title}"
    reference = {"$ref": f"#/components/examples/{_component(slug)}"}
    entry["content"][MEDIA_TYPE]["examples"][slug] = reference


def problem_examples() -> dict[str, dict[str, Any]]:
    """An example of every problem, by slug, for the document's components."""
    return {
        _component(problem.slug): {"summary": problem.title, "value": _example(problem)}
        for problem in (*PROBLEMS, INTERNAL, HTTP)
    }


def answers(
    example: dict[str, Any],
    description: str,
    *,
    status: int = 200,
    media_type: str = "application/json",
    **more: Any,
) -> dict[int | str, dict[str, Any]]:
    """Document the success response of an operation, with an example."""
    content = {media_type: {"example": example}}
    return {status: {"description": description, "content": content, **more}}


def _component(slug: str) -> str:
    """Name of a problem's example among the components, which may have no colon."""
    return slug.replace(":", "-")


def _example(problem: ProblemType) -> dict[str, Any]:
    return problem_document(
        problem,
        problem.example,
        "01JD3Q6Z6K9T",
        fields=[FieldError(problem.pointer, problem.example)] if problem.pointer else [],
        extensions=dict(problem.extensions),
    )
