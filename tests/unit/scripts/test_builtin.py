"""Whether a built-in calibration is for the model of the settings."""

import json
from types import SimpleNamespace

import pytest

from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from app.settings import EngineSettings
from app.store.builtin_calibrations import builtin_calibrations
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
        "small",
        folder_revision(folder),
        "states",
        99,
        "none",
        {"probe": "probe/1:mean,layers=2+5"},
        "dtype=bfloat16",
    )
    info = SimpleNamespace(scorer=Scorer(ScorerSettings(method="probe"), identity))
    monkeypatch.setattr(builtin, "builtin_calibrations", lambda: {"x": SimpleNamespace(info=info)})
    return folder


def test_it_is_for_these_weights_in_this_data_type(model):
    assert builtin.has_builtin(EngineSettings(model=str(model)))
    assert builtin.has_builtin(EngineSettings(model=str(model), dtype="bfloat16"))
    assert builtin.has_builtin(EngineSettings(model=str(model), dtype="float32"))
    assert not builtin.has_builtin(EngineSettings(model=str(model), dtype="float16"))


def test_it_is_not_for_a_model_of_another_name(model):
    assert not builtin.has_builtin(EngineSettings(model=str(model), model_name="mine"))


def test_it_is_not_for_other_weights(model):
    (model / "model.safetensors").write_bytes(b"others")
    assert not builtin.has_builtin(EngineSettings(model=str(model)))


def test_states_are_read_as_the_calibration_needs_them_whatever_the_other_worker_has(model):
    settings = EngineSettings(model=str(model), dtype="float16", context_length=512)
    assert builtin.reading_environment(settings) == {
        "AZIMUTH_ENGINE": "states",
        "AZIMUTH_DTYPE": "bfloat16",
        "AZIMUTH_STATE_LAYERS": "2,5",
        "AZIMUTH_CONTEXT_LENGTH": "",
    }


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_states_are_read_in_the_data_type_of_the_other_worker_where_it_serves(model, dtype):
    read = builtin.reading_environment(EngineSettings(model=str(model), dtype=dtype))
    assert read["AZIMUTH_DTYPE"] == dtype


def test_no_states_are_read_where_no_calibration_ships(model):
    assert builtin.reading_environment(EngineSettings(model="org/model")) is None
    assert builtin.reading_environment(EngineSettings(model=str(model), model_name="x")) is None


def test_all_calibrations_that_ship_for_a_model_are_for_the_same_reading_of_it():
    """One worker then serves all of them."""
    scorers = [one.info.scorer for one in builtin_calibrations().values()]
    readings = {(one.model.name, one.model.revision): one for one in scorers}
    assert all(one == readings[one.model.name, one.model.revision] for one in scorers)
