"""Whether a built-in calibration is for the states of the model in the settings.

`python -m scripts.serve.builtin`: the exit status is 0 if one is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from app.settings import EngineSettings, Settings
from app.store.builtin_calibrations import builtin_calibrations
from workers.engines.identity import model_name, model_revision


def has_builtin(settings: EngineSettings) -> bool:
    """Whether there is one for this model, its weights and its data type."""
    wanted = (
        "states",
        model_name(settings.model, settings.model_name),
        model_revision(settings.model, settings.model_revision),
        f"dtype={_dtype(settings)}",
    )
    models = [one.info.scorer.model for one in builtin_calibrations().values()]
    return wanted in [(one.engine, one.name, one.revision, one.settings) for one in models]


def _dtype(settings: EngineSettings) -> str:
    if settings.dtype != "auto":
        return settings.dtype
    config = json.loads((Path(settings.model) / "config.json").read_bytes())
    return str(config.get("dtype") or config.get("torch_dtype"))


if __name__ == "__main__":
    sys.exit(0 if has_builtin(Settings.from_environment().engine) else 1)
