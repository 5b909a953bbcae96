"""New and deleted calibrations, seen by all API processes and applied to cached scores."""

from dataclasses import dataclass

import pytest

from tests.service.calibrations.support import (
    HELD_OUT,
    LATE,
    compact,
    delete,
    fitted,
    last_job,
    raw,
    score,
)
from tests.support import wait_until


@dataclass
class Late:
    """Score sets that are older than their calibration, and selections from before it."""

    score_sets: list
    before: dict
    before_elsewhere: dict
    last_job: list
    fitted: dict


@pytest.fixture(scope="module")
def late(judged, second):
    score_sets = [score(judged, scenario, scoring=LATE) for scenario in HELD_OUT[:10]]
    before, elsewhere = (compact(api, score_sets) for api in (judged, second))
    calibration = fitted(judged, "late", scoring=LATE)
    return Late(score_sets, before, elsewhere, last_job(judged), calibration)


def test_a_new_fit_applies_to_cached_scores_without_the_model(judged, late):
    assert late.before["calibrations"] == [None] * 10
    after = compact(judged, late.score_sets)
    assert {one["digest"] for one in after["calibrations"]} == {late.fitted["digest"]}
    assert after["selected"] != late.before["selected"]
    again = score(judged, HELD_OUT[0], scoring=LATE)
    assert raw(again) == raw(late.score_sets[0])
    assert again["calibration"]["digest"] == late.fitted["digest"]
    assert all(cell["cached"] for cell in again["cells"])
    assert again["usage"] == {"prompt_tokens": 0, "cached_prompt_tokens": 0, "output_tokens": 0}
    assert last_job(judged) == late.last_job


def test_other_api_processes_learn_of_new_and_deleted_calibrations(judged, second, late):
    assert late.before_elsewhere == late.before | {
        "timings_ms": late.before_elsewhere["timings_ms"]
    }

    def elsewhere():
        reference = compact(second, late.score_sets)["calibrations"][0]
        return reference and reference["digest"]

    wait_until(lambda: elsewhere() == late.fitted["digest"], timeout_s=5)
    # Deleted and put again: its scores are cached.
    assert delete(judged, "late") == 204
    wait_until(lambda: elsewhere() is None, timeout_s=5)
    assert fitted(judged, "late", scoring=LATE)["digest"] == late.fitted["digest"]
    wait_until(lambda: elsewhere() == late.fitted["digest"], timeout_s=5)
