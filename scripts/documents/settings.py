"""Write the tables of settings in `docker/README.md`: `python -m scripts.documents settings`."""

from __future__ import annotations

from app.settings import GROUPS, Group, variables_of
from scripts.documents.tables import Tables


def tables() -> str:
    """One Markdown table for each group of settings."""
    return "\n\n".join(_table(group) for group in GROUPS)


def _table(group: type[Group]) -> str:
    title = (group.__doc__ or "").strip().rstrip(".")
    rows = [f"### {title}", "", "| Variable | Default | |", "|---|---|---|"]
    for variable, name in variables_of(group).items():
        field = group.model_fields[name]
        default = "" if field.default in (None, "") else f"`{field.default}`"
        description = " ".join((field.description or "").split())
        rows.append(f"| `{variable}` | {default} | {description} |")
    return "\n".join(rows)


TABLES = Tables("settings", tables)
