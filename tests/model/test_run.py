"""`scripts/run` without a GPU: one worker reads the real small model, another one writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.serve.processes import free_port

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[2]


def test_states_are_read_by_default_and_the_judge_writes_beside(small_model):
    """The fake engine writes here, so that no second model is loaded."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AZIMUTH_")}
    inherited.pop("REDIS_URL", None)
    done = subprocess.run(
        [sys.executable, "-m", "scripts.serve", "--beside", "--check", "--port", str(free_port())],
        cwd=ROOT, env=inherited | {"AZIMUTH_ENGINE": "fake"}, capture_output=True, text=True,
        timeout=380, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    read, written = done.stdout.split("by method comparative")
    assert "Method probe: calibration 'helpsteer2-smollm2-135m' covers all" in read
    assert "made of the model's hidden states" in read
    assert read.count("selected: ") == 9  # three scenarios, three choices each
    assert "A made-up reason" in written
    assert set(json.loads(done.stdout.splitlines()[-1])) >= {"selected", "ranking"}
