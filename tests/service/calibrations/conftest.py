"""One service with two simulated judges and a fitted calibration, shared by this folder."""

from __future__ import annotations

import pytest

from tests.service.calibrations.support import (
    BANK,
    DIGITS,
    HELD_OUT,
    JUDGE,
    LEASE,
    fitted,
    lines,
    models,
    put,
    ready,
    second_api,
    store_banks,
    too_long,
)
from tests.support import running_service, wait_until


@pytest.fixture(scope="package")
def labels(tmp_path_factory):
    """Settings of a worker whose simulated judge sees these labels through noise."""
    path = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    path.write_text(lines(*BANK, *HELD_OUT))
    return {"AZIMUTH_FAKE_LABELS": str(path), **JUDGE}


@pytest.fixture(scope="package")
def judged(labels, tmp_path_factory):
    """A judge of known quality, one that is as good but slow, and labelled banks."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        running.start_api(**LEASE)
        running.start_worker(ready=False, **labels)
        running.start_worker(
            ready=False,
            AZIMUTH_MODEL_NAME="slow",
            AZIMUTH_FAKE_LATENCY_S="0.2",
            AZIMUTH_WORKER_CONCURRENCY="2",
            **labels,
        )
        store_banks(running)
        wait_until(lambda: len(models(running)) == 2, what="both judges")
        yield running


@pytest.fixture(scope="package")
def second(judged, tmp_path_factory):
    """Another API process on the same Redis."""
    with second_api(judged, tmp_path_factory.mktemp("second")) as other:
        yield other


@pytest.fixture(scope="package")
def accepted(judged):
    """The response that starts `house`, a calibration for the judge of known quality."""
    return put(judged, "house")


@pytest.fixture(scope="package")
def house(judged, accepted):
    """`house`, once it is fitted."""
    return ready(judged, "house")


@pytest.fixture(scope="package")
def by_digits(judged):
    """A calibration for digit readings; two scenarios of its bank do not fit into a prompt."""
    with judged.client() as client:
        client.put("/v1/banks/long", content=lines(*too_long(2), *BANK[2:]))
    return fitted(judged, "by-digits", bank="long", scoring=DIGITS)
