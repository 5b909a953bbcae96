"""Write the tables of settings in `docker/README.md`: `python -m scripts.documents settings`."""

from __future__ import annotations

from pathlib import Path

from app.settings import GROUPS, Group, variables_of

PATH = Path(__file__).resolve().parents[2] / "docker" / "README.md"
START, END = "<!-- settings: start -->", "<!-- settings: end -->"


def tables() -> str:
    """One Markdown table for each group of settings."""
    return "\n\n".join(_table(group) for group in GROUPS)


def document() -> str:
    """The text of the file, with the tables as they are now between its markers."""
    before, _, rest = PATH.read_text("utf-8").partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{tables()}\n{END}{after}"


def write() -> None:
    """Write the tables to their place in the repository."""
    PATH.write_text(document(), encoding="utf-8")
    print(f"wrote {PATH}")


def _table(group: type[Group]) -> str:
    title = (group.__doc__ or "").strip().rstrip(".")
    rows = [f"### {title}", "", "| Variable | Default | |", "|---|---|---|"]
    for variable, name in variables_of(group).items():
        field = group.model_fields[name]
        default = "" if field.default in (None, "") else f"`{field.default}`"
        description = " ".join((field.description or "").split())
        rows.append(f"| `{variable}` | {default} | {description} |")
    return "\n".join(rows)
