"""What one prompt asks about."""

from __future__ import annotations

from typing import TypeAlias

from app.domain.scenario import Attribute, Choice

Joint: TypeAlias = tuple[Attribute, ...]
"""Attributes that one prompt asks for together, by name."""
Subject: TypeAlias = Attribute | Joint | Choice
"""One attribute, several together, or which candidate to choose."""
