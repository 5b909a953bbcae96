"""Errors of the client."""

from __future__ import annotations

import httpx
from pydantic import ValidationError

from app.http.schemas import Problem

_UNSCORED = {"cells-unscored", "context-overflow"}
_OF_SCENARIO = ("#/question", "#/responses", "#/attributes", "#/target", "#/bank", "#/deadline_s")
"""Fields that differ between scenarios: a refused one says nothing about the next scenario."""


class ServiceProblem(Exception):
    """The service refused a request or could not answer it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}")
        self.problem = problem

    @classmethod
    def of(cls, response: httpx.Response) -> ServiceProblem:
        """The problem in an answer; one made of the status where a proxy answered instead."""
        try:
            problem = Problem.model_validate_json(response.content)
        except ValidationError:
            problem = Problem(
                type="about:blank",
                title=response.reason_phrase,
                status=response.status_code,
                detail=response.text[:300],
                request_id="",
            )
        return cls(problem)

    @property
    def slug(self) -> str:
        """The problem's type without its path."""
        return self.problem.type.rpartition("/")[2]

    @property
    def pointers(self) -> list[str]:
        """JSON pointers to the fields at fault."""
        return [field.pointer for field in self.problem.errors or ()]

    @property
    def is_permanent(self) -> bool:
        """Whether every other scenario would meet the same problem: the settings are wrong."""
        if self.slug == "invalid-request" and self.pointers:
            return not any(pointer.startswith(_OF_SCENARIO) for pointer in self.pointers)
        return self.slug.startswith("unknown-") and self.slug != "unknown-score-set"

    @property
    def unscored_reason(self) -> str | None:
        """Why the model gave no valid answer; None for any other problem."""
        if self.slug not in _UNSCORED:
            return None
        unscored = self.problem.unscored
        return unscored[0].reason if unscored else self.slug


class ServiceAway(Exception):
    """The service could not be reached, or was full, for too long."""
