"""Limits of keys as clients see them: header fields and the refusal."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import RateLimited
from app.store.key_usage import WINDOW_S, Allowance

Headers = list[tuple[bytes, bytes]]


def limit_headers(allowances: Sequence[Allowance]) -> Headers:
    """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10)."""
    if not allowances:
        return []
    policy = ", ".join(f'"{a.unit}";q={a.limit};qu="{a.unit}";w={WINDOW_S}' for a in allowances)
    left = ", ".join(f'"{a.unit}";r={a.remaining};t={a.reset_s}' for a in allowances)
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


def refusal(allowances: Sequence[Allowance]) -> RateLimited:
    """The error for a request beyond a limit."""
    reached = [a for a in allowances if a.remaining == 0]
    limits = " and ".join(f"{a.limit} {a.unit} a minute" for a in reached)
    return RateLimited(
        f"the API key has used its limit of {limits}",
        retry_after_s=max(a.reset_s for a in reached),
    )
