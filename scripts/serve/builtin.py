"""Which built-in calibration is for the states of the model in the settings.

`python -m scripts.serve.builtin`: the exit status is 0 if one is for them as they would be read.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from app.domain.scorer import ModelIdentity
from app.settings import EngineSettings, Settings
from app.store.builtin_calibrations import DATA_TYPES, builtin_calibrations
from workers.engines.identity import model_name, model_revision

READER = "states"
"""The engine that built-in calibrations are fitted with."""


def has_builtin(settings: EngineSettings) -> bool:
    """Whether there is one for this model, its weights and its data type."""
    dtype = _dtype(settings)
    fitted = [one.settings.removeprefix("dtype=") for one in _read_models(settings)]
    return dtype in fitted or (dtype in DATA_TYPES and not set(DATA_TYPES).isdisjoint(fitted))


def reading_environment(settings: EngineSettings) -> Mapping[str, str] | None:
    """The settings of a worker that reads states as the built-in calibrations need them.

    The data type is that of the settings if it serves them, else the one they were fitted with.
    None if no calibration ships for the model.
    """
    model = next(iter(_read_models(settings)), None)
    if model is None:
        return None
    layers = re.search(r"layers=([\d+]+)", model.profiles["probe"])
    dtype = model.settings.removeprefix("dtype=")
    if {dtype, settings.dtype} <= set(DATA_TYPES):
        dtype = settings.dtype
    return {
        "AZIMUTH_ENGINE": READER,
        "AZIMUTH_DTYPE": dtype,
        "AZIMUTH_STATE_LAYERS": layers[1].replace("+", ",") if layers else "",
        "AZIMUTH_CONTEXT_LENGTH": "",  # the model's own
    }


def _read_models(settings: EngineSettings) -> list[ModelIdentity]:
    """The models of built-in calibrations that are this one, in any data type."""
    if not Path(settings.model).is_dir():
        return []
    name = model_name(settings.model, settings.model_name)
    models = [one.info.scorer.model for one in builtin_calibrations().values()]
    named = [one for one in models if (one.engine, one.name) == (READER, name)]
    revision = model_revision(settings.model, settings.model_revision) if named else ""
    return [one for one in named if one.revision == revision]


def _dtype(settings: EngineSettings) -> str:
    if settings.dtype != "auto":
        return settings.dtype
    config = json.loads((Path(settings.model) / "config.json").read_bytes())
    return str(config.get("dtype") or config.get("torch_dtype"))


if __name__ == "__main__":
    sys.exit(0 if has_builtin(Settings.from_environment().engine) else 1)
