"""The date that chat templates print: always the same, so that prompts are the same every day."""

from __future__ import annotations

from datetime import datetime
from typing import Any

_DAY = datetime(2025, 1, 1)
FIXED_DATE: dict[str, Any] = {"date_string": "1 January 2025", "strftime_now": _DAY.strftime}
"""Arguments for `apply_chat_template`: templates read the one or call the other."""
