"""`scripts/run`, with the fake engine."""

import json
import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from scripts.serve.processes import free_port
from tests.support import wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment():
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AZIMUTH_")}
    inherited.pop("REDIS_URL", None)
    return inherited


def children_of(pid: int) -> list[int]:
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            children.append(int(stat.parent.name))
    return children


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_check_prints_the_selection_last_and_exits_0(environment):
    port = str(free_port())
    done = subprocess.run(
        ["./scripts/run", "--check", "--engine", "fake", "--port", port],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    selection = json.loads(done.stdout.splitlines()[-1])
    assert selection["selected"] == selection["ranking"][0]
    assert done.stdout.count("curl ") == 3


def test_a_service_that_asks_for_keys_starts_without_a_sample_request(environment):
    port = str(free_port())
    done = subprocess.run(
        ["./scripts/run", "--check", "--engine", "fake", "--port", port],
        cwd=ROOT, env=environment | {"AZIMUTH_AUTH": "keys"}, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "it would need an API key" in done.stdout + done.stderr
    assert "curl " not in done.stdout


def test_a_service_without_keys_says_why_it_does_not_start_for_all_networks(environment):
    done = subprocess.run(
        ["./scripts/run", "--check", "--engine", "fake", "--port", str(free_port())],
        cwd=ROOT, env=environment | {"AZIMUTH_HOST": "0.0.0.0"}, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "AZIMUTH_AUTH=keys" in done.stderr


def test_a_killed_worker_is_restarted_and_ctrl_c_stops_all_processes(environment):
    port = free_port()
    process = subprocess.Popen(
        ["./scripts/run", "--engine", "fake", "--port", str(port)],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert any("Serving on" in line for line in process.stdout)
        parts = children_of(process.pid)
        (worker,) = [p for p in parts if "workers.main" in command_of(p)]
        os.kill(worker, signal.SIGKILL)
        wait_until(
            lambda: any(
                "workers.main" in command_of(p) and p != worker for p in children_of(process.pid)
            ),
            what="a new worker",
        )
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: httpx.get(url + "/readyz").status_code == 200, what="readiness")
        parts = children_of(process.pid)
        assert len(parts) == 3  # Redis, worker, API
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert not [p for p in parts if running(p)]
    finally:
        process.kill()
        process.communicate()


def test_a_port_in_use_is_reported_at_once(environment, azimuth):
    azimuth.client().close()
    done = subprocess.run(
        ["./scripts/run", "--check", "--engine", "fake", "--port", str(azimuth.api_port)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "is taken" in done.stderr


def test_an_unknown_environment_variable_is_reported_by_name(environment):
    done = subprocess.run(
        ["./scripts/run", "--check", "--engine", "fake"],
        cwd=ROOT, env=environment | {"AZIMUTH_PROT": "1"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "AZIMUTH_PROT" in done.stderr


@pytest.mark.parametrize("arguments", [["--engine", "nonsense"], ["--bogus"]])
def test_an_invalid_command_line_is_rejected(environment, arguments):
    done = subprocess.run(
        ["./scripts/run", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stderr
