"""Write `openapi/openapi.json`, the API's contract: `python -m scripts.documents openapi`."""

from __future__ import annotations

import json
from pathlib import Path

from app.main import create_app
from app.settings import Settings

PATH = Path(__file__).resolve().parents[2] / "openapi" / "openapi.json"


def document() -> str:
    """The OpenAPI document of the app as it is, as the text of the committed file."""
    app = create_app(Settings.from_environment({}))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


def write() -> None:
    """Write the document to its place in the repository."""
    PATH.write_text(document(), encoding="utf-8")
    print(f"wrote {PATH}")
