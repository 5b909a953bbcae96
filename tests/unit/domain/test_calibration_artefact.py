"""Serialised calibrations and forests."""

import contextlib
import io
import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from app.calibrations.fitting.fit import fit
from app.calibrations.fitting.learners import as_forest
from app.domain.calibration.artefact import InvalidArtefact, from_bytes, to_bytes, with_digest
from app.domain.calibration.forest import Forest
from tests.made_evidence import FIELDS, scenarios

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def fresh():
    """A calibration with trees in both layers, before serialisation."""
    return fit(scenarios(120, noise=0.2), scorer="s", fields=FIELDS)


@pytest.fixture(scope="module")
def stored(fresh):
    return with_digest(fresh)


def test_the_digest_depends_on_the_bank_alone():
    def digest(noise):
        known = scenarios(30, noise=noise)
        return with_digest(fit(known, scorer="s", fields=FIELDS)).digest

    assert digest(0.2) == digest(0.2) != digest(0.3)


def test_an_artefact_is_unchanged_by_writing_and_reading(fresh):
    back = from_bytes(to_bytes(fresh))
    assert back.digest
    np.testing.assert_equal(asdict(replace(back, digest="")), asdict(fresh))
    assert from_bytes(to_bytes(back)).digest == back.digest


@pytest.mark.parametrize("version", [1, 2])
def test_an_artefact_of_a_former_format_is_read(fresh, version):
    """Two members of reports had other names."""
    with np.load(io.BytesIO(to_bytes(fresh))) as archive:
        arrays = {name: archive[name] for name in archive.files}
    head = json.loads(arrays["head"].tobytes())
    head["format"] = f"azimuth-calibration/{version}"
    for report in head["reports"]:
        report["error_judge"] = report.pop("error_combined")
        report["says"] = report.pop("summary")
    arrays["head"] = np.frombuffer(json.dumps(head).encode().replace(b": ", b":"), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    assert from_bytes(buffer.getvalue()).reports == fresh.reports


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04K\x01."], ids=repr)
def test_bytes_that_are_not_an_artefact_are_rejected(content):
    with pytest.raises(InvalidArtefact):
        from_bytes(content)


def test_a_modified_artefact_is_rejected(stored):
    content = bytearray(to_bytes(stored))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(InvalidArtefact):
        from_bytes(bytes(content))


def test_a_corrupt_byte_raises_only_invalid_artefact(stored):
    whole = to_bytes(stored)
    for place in np.linspace(0, len(whole) - 1, 60, dtype=int).tolist():
        content = bytearray(whole)
        content[place] ^= 0xFF
        with contextlib.suppress(InvalidArtefact):
            from_bytes(bytes(content))


def test_a_forest_with_a_cycle_is_rejected():
    loop = {
        "feature": np.array([0, -1], np.int16),
        "threshold": np.zeros(2),
        "left": np.array([0, 0], np.int32),
        "right": np.array([1, 0], np.int32),
        "value": np.zeros((2, 1), np.float32),
        "roots": np.array([0], np.int32),
    }
    with pytest.raises(ValueError, match="do not describe a forest"):
        Forest(**loop)


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_forest_predicts_the_same_as_scikit_learn_to_half_precision(outputs):
    from sklearn.ensemble import ExtraTreesRegressor

    x, y = RNG.normal(size=(200, 4)), RNG.normal(size=(200, outputs))
    grown = ExtraTreesRegressor(20, min_samples_leaf=3, random_state=0)
    grown.fit(x, y if outputs > 1 else y[:, 0])
    forest = as_forest([tree.tree_ for tree in grown.estimators_])
    test = np.vstack([RNG.normal(size=(100, 4)), x])
    expected = grown.predict(test).reshape(len(test), outputs)
    assert forest.predict(test) == pytest.approx(expected, abs=1e-3)
