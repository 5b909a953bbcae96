"""What ships around the code agrees with the code."""

import re
from pathlib import Path

import pytest
import yaml

from app.settings import _GROUPS, Settings, variables_of

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
VARIABLES = {variable for group in _GROUPS for variable, _ in variables_of(group)}


def test_compose_has_redis_api_and_workers_for_both_kinds_of_machine():
    services = COMPOSE["services"]
    assert set(services) == {"redis", "api", "worker", "worker-cpu"}
    assert services["worker-cpu"]["profiles"] == ["cpu"]
    assert "profiles" not in services["worker"]
    devices = services["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]
    assert "healthcheck" in services["redis"]
    assert services["api"]["ports"][0].startswith("127.0.0.1:")


@pytest.mark.parametrize("name", ["api", "worker", "worker-cpu"])
def test_what_compose_sets_is_a_setting(name):
    environment = COMPOSE["services"][name]["environment"]
    ours = {key for key in environment if key.startswith("AZIMUTH_")}
    assert ours <= VARIABLES
    filled = {k: re.sub(r"\$\{\w+:-(.*)\}", r"\1", v) for k, v in environment.items()}
    assert Settings.from_environment(filled).store.redis_url == "redis://redis:6379/0"


@pytest.mark.parametrize("name", ["api", "worker"])
def test_images_have_a_health_check_and_copy_what_is_there(name):
    text = (ROOT / "docker" / f"{name}.Dockerfile").read_text()
    assert "HEALTHCHECK" in text
    assert "USER azimuth" in text
    for source in re.findall(r"^COPY (\S+) ", text, re.MULTILINE):
        assert (ROOT / source).exists()


def test_the_api_image_has_nothing_of_the_worker():
    packages = (ROOT / "locks" / "api.txt").read_text()
    for heavy in ("torch", "vllm", "faiss", "transformers"):
        assert not re.search(rf"^{heavy}", packages, re.MULTILINE)


def test_the_example_environment_names_settings_only():
    names = re.findall(r"^#? ?(AZIMUTH_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert names
    assert set(names) <= VARIABLES


def test_the_readme_s_table_has_every_setting_and_its_default():
    text = (ROOT / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(AZIMUTH_\w+)` \| (.*?) \|", text, re.MULTILINE))
    assert set(rows) == VARIABLES
    for group in _GROUPS:
        for variable, name in variables_of(group):
            default = group.model_fields[name].default
            shown = rows[variable].strip("`")
            assert shown == ("" if default in (None, "") else f"{default}"), variable


def test_locks_agree_on_every_version_that_they_share():
    versions: dict[str, set[str]] = {}
    for name in ("api", "base", "cpu"):
        for line in (ROOT / "locks" / f"{name}.txt").read_text().splitlines():
            if match := re.match(r"([\w.-]+)==(\S+)( ; .*?)?(  #|$)", line):
                versions.setdefault(f"{match[1]}{match[3] or ''}"[:60], set()).add(match[2])
    assert {k: v for k, v in versions.items() if len(v) > 1} == {}
