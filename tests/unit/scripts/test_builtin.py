"""Whether a built-in calibration is for the model of the settings."""

import json
from types import SimpleNamespace

import pytest

from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from app.settings import EngineSettings
from scripts.serve import builtin
from workers.engines.identity import folder_revision


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A folder of a model in bfloat16, for which a calibration ships."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"dtype": "bfloat16"}))
    (folder / "model.safetensors").write_bytes(b"weights")
    identity = ModelIdentity(
        "small", folder_revision(folder), "states", 99, "none", {}, "dtype=bfloat16"
    )
    info = SimpleNamespace(scorer=Scorer(ScorerSettings(method="probe"), identity))
    monkeypatch.setattr(builtin, "builtin_calibrations", lambda: {"x": SimpleNamespace(info=info)})
    return folder


def test_it_is_for_these_weights_in_this_data_type(model):
    assert builtin.has_builtin(EngineSettings(model=str(model)))
    assert builtin.has_builtin(EngineSettings(model=str(model), dtype="bfloat16"))
    assert not builtin.has_builtin(EngineSettings(model=str(model), dtype="float32"))


def test_it_is_not_for_a_model_of_another_name(model):
    assert not builtin.has_builtin(EngineSettings(model=str(model), model_name="mine"))


def test_it_is_not_for_other_weights(model):
    (model / "model.safetensors").write_bytes(b"others")
    assert not builtin.has_builtin(EngineSettings(model=str(model)))
