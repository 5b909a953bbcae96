"""The first five minutes: the default install on a CPU makes choices that nobody would dispute."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from scripts.everyday.__main__ import rightly_chosen
from scripts.everyday.scenarios import HALVES
from tests.support import wait_until

pytestmark = pytest.mark.model
GOAL = 0.85
ROUNDING = 0.02
"""Of the choices of one half: processors round differently, and some choices are close."""


@pytest.fixture
def default_install(service, small_model):
    """What `scripts/run` starts on a CPU, without the worker that writes."""
    service.start_api(AZIMUTH_DEFAULT_METHOD="auto", AZIMUTH_WAIT_S="300")
    settings = {"AZIMUTH_ENGINE": "states", "AZIMUTH_MODEL": str(small_model)}
    service.start_worker(ready=False, **settings)
    service.client().close()  # which waits for the API
    wait_until(
        lambda: httpx.get(service.url + "/readyz").json()["status"] == "ready",
        timeout_s=120, what="the worker",
    )  # fmt: skip
    return service


@pytest.mark.timeout(500)
def test_everyday_choices_are_right(default_install):
    """The calibration that ships was built without looking at the closed half."""
    right = asked = 0
    for half in HALVES:
        of_half, all_of_half = asyncio.run(rightly_chosen(default_install.url, half))
        assert of_half / all_of_half >= GOAL - ROUNDING, half
        right, asked = right + of_half, asked + all_of_half
    assert right / asked >= GOAL
