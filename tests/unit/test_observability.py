"""Prometheus and Grafana of the compose profile `observability` fit the service and each other."""

import json
from pathlib import Path

import yaml

from tests.unit.test_deployment import COMPOSE, ROOT, WORKERS, settings_of

FOLDER = ROOT / "docker" / "observability"
PROMETHEUS = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
DASHBOARD = json.loads((FOLDER / "grafana" / "azimuth.json").read_text("utf-8"))
SERVICES = {name: COMPOSE["services"][name] for name in ("prometheus", "grafana")}


def test_they_start_with_the_profile_only_and_listen_on_loopback_only():
    for service in SERVICES.values():
        assert service["profiles"] == ["observability"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["image"].rpartition(":")[2] not in ("", "latest")


def test_they_mount_files_that_exist():
    mounts = [m.split(":") for service in SERVICES.values() for m in service["volumes"]]
    files = [source for source, *_ in mounts if source.startswith("./")]
    assert len(files) == 4
    assert all((ROOT / source).is_file() for source in files)
    volumes = {source for source, *_ in mounts} - set(files)
    assert volumes <= set(COMPOSE["volumes"])


def test_prometheus_reads_the_api_and_every_worker_at_their_ports():
    api, workers = PROMETHEUS["scrape_configs"]
    (target,) = api["static_configs"][0]["targets"]
    assert target == f"api:{settings_of('api').api.port}"
    (by_name,) = workers["dns_sd_configs"]
    every = {*WORKERS, "reader-cpu"}
    assert set(by_name["names"]) == every
    assert {settings_of(name).worker.metrics_port for name in every} == {by_name["port"]}


def test_grafana_reads_prometheus_and_finds_the_dashboard():
    (source,) = yaml.safe_load((FOLDER / "grafana" / "datasource.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    (provider,) = yaml.safe_load((FOLDER / "grafana" / "dashboards.yml").read_text())["providers"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(home).parent == Path(provider["options"]["path"])
    assert any(mount.split(":")[1] == home for mount in SERVICES["grafana"]["volumes"])


def test_nobody_logs_in_to_grafana_or_changes_it():
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
