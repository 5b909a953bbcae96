"""Docker files, locks and documents agree with the code."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from app.access.exposure import check_address
from app.access.hosts import names_of
from app.settings import (
    GROUPS,
    PREFIX,
    ApiSettings,
    ClientSettings,
    EngineSettings,
    InvalidSetting,
    RetrievalSettings,
    Settings,
    StoreSettings,
    WorkerSettings,
    variables_of,
)
from app.store.builtin_calibrations import builtin_calibrations
from app.telemetry.metrics import REGISTRY as API_METRICS
from scripts.documents import metrics
from scripts.documents import settings as documents
from scripts.documents.tables import PATH as TABLES_PATH
from workers.judges.states.base import chosen_layers, states_profile
from workers.metrics import REGISTRY as WORKER_METRICS

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
VARIABLES = {variable for group in GROUPS for variable in variables_of(group)}
WORKERS = ("worker", "worker-cpu")
FIXED = {"AZIMUTH_REDIS_URL", "AZIMUTH_HOST", "AZIMUTH_PORT"}
"""Settings that docker-compose.yml fixes: the address of Redis, and the container's own."""


def environment_of(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """A container's environment as compose expands it from `given`, a .env file or a shell."""

    def fill(match: re.Match[str]) -> str:
        return given.get(match[1]) or match[2]

    environment = COMPOSE["services"][name]["environment"]
    return {k: re.sub(r"\$\{(\w+):-(.*?)\}", fill, v) for k, v in environment.items()}


def settings_of(name: str, **given: str) -> Settings:
    return Settings.from_environment(environment_of(name, given))


def read_by(name: str) -> set[str]:
    """The variables that the process in a container reads."""
    if name == "api":
        groups = (ApiSettings, StoreSettings)
        return {variable for group in groups for variable in variables_of(group)}
    groups = (StoreSettings, WorkerSettings, EngineSettings, RetrievalSettings)
    source = (ROOT / "workers" / "main.py").read_text()
    named = {PREFIX + field.upper() for field in re.findall(r"settings\.api\.(\w+)", source)}
    return named | {variable for group in groups for variable in variables_of(group)}


def test_compose_has_redis_api_and_workers_for_both_kinds_of_machine():
    services = COMPOSE["services"]
    assert set(services) - {"prometheus", "grafana"} == {
        "redis",
        "api",
        "worker",
        "worker-cpu",
        "reader-cpu",
    }
    for name in ("worker-cpu", "reader-cpu"):
        assert services[name]["profiles"] == ["cpu"]
    assert "profiles" not in services["worker"]
    devices = services["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]
    assert "healthcheck" in services["redis"]
    assert services["api"]["ports"][0].startswith("127.0.0.1:")


@pytest.mark.parametrize("name", ["api", *WORKERS])
def test_every_setting_reaches_the_containers_that_read_it(name):
    for variable in read_by(name) - FIXED:
        assert environment_of(name, {variable: "given"}).get(variable) == "given", variable


def test_every_setting_is_read_by_some_container():
    read = set.union(*(read_by(name) for name in ("api", *WORKERS)))
    assert read | set(variables_of(ClientSettings)) == VARIABLES


@pytest.mark.parametrize("name", ["api", *WORKERS])
def test_a_variable_without_a_setting_reaches_no_container(name):
    """The processes refuse unknown variables, and .env may hold some for other programs."""
    assert "env_file" not in COMPOSE["services"][name]
    ours = {key for key in COMPOSE["services"][name]["environment"] if key.startswith(PREFIX)}
    assert ours <= VARIABLES - FIXED


@pytest.mark.parametrize("name", ["api", *WORKERS])
def test_containers_always_use_the_redis_and_the_addresses_of_compose(name):
    elsewhere = {"AZIMUTH_REDIS_URL": "redis://127.0.0.1/9", "REDIS_URL": "redis://127.0.0.1/9"}
    here = {"AZIMUTH_HOST": "127.0.0.1", "AZIMUTH_PORT": "9000"}
    settings = settings_of(name, **elsewhere, **here)
    assert settings.store.redis_url == "redis://redis:6379/0"
    assert settings.api.port == 8000
    image = Path(COMPOSE["services"][name]["build"]["dockerfile"])
    assert "ENV AZIMUTH_HOST=0.0.0.0" in (ROOT / image).read_text()


def test_the_api_listens_in_its_container_by_the_choice_of_compose_and_not_by_itself():
    everywhere = {"AZIMUTH_HOST": "0.0.0.0"}
    check_address(Settings.from_environment(environment_of("api", {}) | everywhere).api)
    with pytest.raises(InvalidSetting, match="AZIMUTH_AUTH"):
        check_address(Settings.from_environment(everywhere).api)
    assert names_of(settings_of("api").api) >= {"localhost", "127.0.0.1", "api"}


def test_api_and_workers_keep_scores_for_the_same_time():
    for name in ("api", *WORKERS):
        assert settings_of(name, AZIMUTH_CACHE_TTL_S="3600").store.cache_ttl_s == 3600


def test_each_worker_has_a_model_unless_one_is_named():
    gpu, cpu = (settings_of(name).engine for name in WORKERS)
    assert (gpu.model, gpu.context_length) == ("Qwen/Qwen3-4B-Instruct-2507", 16384)
    assert cpu == EngineSettings()  # the small model that its image carries
    for name in WORKERS:
        engine = settings_of(name, AZIMUTH_MODEL="m", AZIMUTH_CONTEXT_LENGTH="999").engine
        assert (engine.model, engine.context_length) == ("m", 999)


def test_the_cpu_profile_reads_states_by_default_as_the_built_in_calibrations_need_them():
    given = {"AZIMUTH_MODEL": "m", "AZIMUTH_ENGINE": "openai"}
    engine = settings_of("reader-cpu", **given, AZIMUTH_CONTEXT_LENGTH="999").engine
    assert engine == EngineSettings(engine="states")
    layers = "+".join(map(str, chosen_layers(None, 30)))
    for one in builtin_calibrations().values():
        model = one.info.scorer.model
        assert (model.engine, model.settings) == ("states", "dtype=bfloat16")
        assert model.profiles == states_profile(f"mean,layers={layers}")
    assert settings_of("api").api.default_method == "auto"
    differing = {*given, "AZIMUTH_CONTEXT_LENGTH", "OMP_NUM_THREADS"}
    same = ("reader-cpu", "worker-cpu")
    reads, writes = (environment_of(name, {"AZIMUTH_CACHE_TTL_S": "9"}) for name in same)
    assert {k: v for k, v in reads.items() if k not in differing} == {
        k: v for k, v in writes.items() if k not in differing
    }


def test_a_worker_for_an_endpoint_takes_no_gpu():
    assert "deploy" not in COMPOSE["services"]["worker-cpu"]
    engine = settings_of(
        "worker-cpu",
        AZIMUTH_ENGINE="openai",
        AZIMUTH_OPENAI_URL="http://my-cluster:8000/v1",
        AZIMUTH_MODEL="m",
        AZIMUTH_CONTEXT_LENGTH="32768",
    ).engine
    assert (engine.engine, engine.model, engine.context_length) == ("openai", "m", 32768)


def test_the_gpu_worker_gets_one_gpu_for_each_part_of_the_model():
    (devices,) = COMPOSE["services"]["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices["count"] == "${AZIMUTH_TENSOR_PARALLEL_SIZE:-1}"


@pytest.mark.parametrize("name", ["api", "worker"])
def test_images_have_a_health_check_and_copy_existing_files(name):
    text = (ROOT / "docker" / f"{name}.Dockerfile").read_text()
    assert "HEALTHCHECK" in text
    assert "USER azimuth" in text
    for source in re.findall(r"^COPY (\S+) ", text, re.MULTILINE):
        assert (ROOT / source).exists()


@pytest.mark.parametrize("name", ["api", *WORKERS])
def test_containers_send_traces_to_an_endpoint_that_is_given(name):
    """The images have what that needs; an empty variable is no endpoint and no sampler."""
    lock = (ROOT / "locks" / ("api.txt" if name == "api" else "cpu.txt")).read_text()
    assert "opentelemetry-sdk==" in lock
    assert "opentelemetry-exporter-otlp-proto-http==" in lock
    given = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "key=secret",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
        "OTEL_TRACES_SAMPLER": "traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
    }
    assert given.items() <= environment_of(name, given).items()
    unset = {k: v for k, v in environment_of(name, {}).items() if k.startswith("OTEL_")}
    assert unset == dict.fromkeys(given, "") | {"OTEL_TRACES_SAMPLER": "parentbased_always_on"}


def test_the_api_image_has_no_library_of_the_worker():
    packages = (ROOT / "locks" / "api.txt").read_text()
    for heavy in ("torch", "vllm", "faiss", "transformers"):
        assert not re.search(rf"^{heavy}", packages, re.MULTILINE)


def test_the_example_environment_names_settings_only():
    names = re.findall(r"^#? ?(AZIMUTH_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert names
    assert set(names) <= VARIABLES


def test_the_example_environment_leaves_each_worker_its_own_model():
    text = (ROOT / ".env.example").read_text()
    given = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    for name in WORKERS:
        assert settings_of(name, **given).engine == settings_of(name).engine


def test_the_tables_of_settings_are_generated_from_the_settings():
    text = TABLES_PATH.read_text("utf-8")
    assert text == documents.TABLES.document(), "run: python -m scripts.documents settings"
    rows = dict(re.findall(r"^\| `(AZIMUTH_\w+)` \| (.*?) \|", text, re.MULTILINE))
    assert set(rows) == VARIABLES


def test_every_setting_is_described():
    for group in GROUPS:
        for variable, name in variables_of(group).items():
            assert group.model_fields[name].description, variable


def test_locks_agree_on_the_versions_that_they_share():
    versions: dict[str, set[str]] = {}
    for name in ("api", "base", "cpu"):
        for line in (ROOT / "locks" / f"{name}.txt").read_text().splitlines():
            if match := re.match(r"([\w.-]+)==(\S+)( ; .*?)?(  #|$)", line):
                versions.setdefault(f"{match[1]}{match[3] or ''}"[:60], set()).add(match[2])
    assert {k: v for k, v in versions.items() if len(v) > 1} == {}


def test_the_tables_of_metrics_are_generated_from_the_registries():
    text = TABLES_PATH.read_text("utf-8")
    assert text == metrics.TABLES.document(), "run: python -m scripts.documents metrics"
    named = set(re.findall(r"^\| `(azimuth_\w+)` \|", text, re.MULTILINE))
    families = [f for one in (API_METRICS, WORKER_METRICS) for f in one.collect()]
    assert named == {f.name + "_total" * (f.type == "counter") for f in families}


def test_no_label_of_a_metric_has_values_that_users_choose_but_model_and_pool():
    rows = re.findall(r"^\| `azimuth_\w+` \| \w+ \| (.*?) \|", metrics.tables(), re.MULTILINE)
    labels = {label for row in rows for label in re.findall(r"`(\w+)`", row)}
    assert labels - {"model", "pool"} == {
        "operation",  # of the contract
        "status",
        "result",
        "reason",
        "kind",
        "state",
        "outcome",
    }
