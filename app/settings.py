"""Settings: small frozen groups, read once from the environment; unknown keys are refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX = "AZIMUTH_"
_G = TypeVar("_G", bound="_Group")


class UnknownSetting(ValueError):
    """The environment has an `AZIMUTH_…` variable that nothing reads: most likely a slip."""


class InvalidSetting(ValueError):
    """The environment has a value that a setting cannot take."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ApiSettings(_Group):
    """The HTTP side."""

    host: str = "127.0.0.1"
    """Address that the API listens on."""
    port: int = Field(8000, ge=0, le=65535)
    """Port that the API listens on."""
    max_body_bytes: int = Field(8_000_000, ge=1)
    """Largest body of a request, banks excepted."""
    max_bank_bytes: int = Field(200_000_000, ge=1)
    """Largest bank that can be stored."""
    wait_s: float = Field(120.0, gt=0)
    """Longest that a request waits for scores; then it answers 202 with a place to poll."""
    deadline_s: float = Field(600.0, gt=0)
    """A request's own deadline unless it says otherwise; after it, unstarted work is dropped."""
    max_deadline_s: float = Field(86_400.0, gt=0)
    """Latest deadline that a request may ask for."""
    default_model: str | None = None
    """Model that requests get which name none; unset: the one announced last."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log records to print, API and worker."""


class StoreSettings(_Group):
    """Redis: score cache, queue, banks."""

    redis_url: str = "redis://127.0.0.1:6379/0"
    """Where Redis is; `REDIS_URL` is read as well."""
    redis_connections: int = Field(64, ge=1)
    """Connections to Redis that one process opens at most; further calls wait for a free one."""
    redis_connection_wait_s: float = Field(30.0, gt=0)
    """Longest that a call waits for a free connection; then Redis counts as unavailable."""
    cache_ttl_s: int = Field(2_592_000, ge=1)
    """How long scores are kept after they were last written."""
    queue_limit: int = Field(1000, ge=1)
    """Scenarios that may wait or be under way for one model; beyond, requests get 429."""


class WorkerSettings(_Group):
    """How a worker claims and keeps jobs."""

    concurrency: int = Field(8, ge=1)
    """Scenarios that one worker has in flight at once."""
    lease_s: float = Field(15.0, gt=0)
    """A worker silent for this long has lost its jobs to the others."""
    max_attempts: int = Field(3, ge=1)
    """Starts of a job before it goes to the dead-letter stream."""
    drain_s: float = Field(30.0, ge=0)
    """How long a worker that was asked to stop finishes what it has begun."""
    canary_s: float = Field(30.0, gt=0)
    """Seconds between checks that the model still answers."""
    canary_timeout_s: float = Field(120.0, gt=0)
    """A model silent for this long is hung: the worker ends and is started again."""
    metrics_port: int = Field(0, ge=0, le=65535)
    """Port for the worker's own Prometheus metrics on the same host; 0: none."""


class EngineSettings(_Group):
    """The language model or judge and what runs it."""

    engine: Literal["vllm", "openai", "outlines", "fake", "reward", "kaleido"] = "vllm"
    """What runs the model: `vllm`, `openai`, `outlines` or `fake` for a language model, `reward`
    for a reward model, `kaleido` for Kaleido."""
    model: str = ".azimuth/models/SmolLM2-135M-Instruct"
    """Folder or Hugging Face name of the model."""
    model_revision: str | None = None
    """Branch, tag or commit of a Hugging Face model."""
    model_name: str | None = None
    """Name to announce; unset: the folder's or the model's own."""
    context_length: int | None = Field(None, ge=256)
    """Tokens of prompt and answer together; unset: what the model can take."""
    dtype: str = "auto"
    """Data type of the weights."""
    max_num_seqs: int = Field(64, ge=1)
    """Sequences that vLLM decodes at once."""
    max_num_batched_tokens: int = Field(8192, ge=64)
    """Tokens that vLLM works on in one step."""
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1)
    """Share of the GPU's memory that vLLM takes."""
    tensor_parallel_size: int = Field(1, ge=1)
    """GPUs that one model is spread over."""
    kv_cache_gb: int = Field(4, ge=1)
    """Memory for the KV cache on a CPU, GiB."""
    openai_url: str | None = None
    """Base URL of an OpenAI-compatible endpoint, e.g. `http://127.0.0.1:8001/v1`."""
    openai_api_key: str | None = Field(None, repr=False)
    """Key for that endpoint."""
    openai_prompt: Literal["tokens", "chat"] = "tokens"
    """Send prompts as token ids (exact; vLLM takes them) or as chat messages (any endpoint)."""
    tokenizer: str | None = None
    """Folder or name of the tokenizer for an endpoint's model; unset: `AZIMUTH_MODEL`."""
    request_timeout_s: float = Field(300.0, gt=0)
    """Longest that one answer of an endpoint may take."""
    fake_latency_s: float = Field(0.0, ge=0)
    """Seconds that the fake engine takes for one answer."""
    fake_labels: str | None = None
    """Scenario file whose labels the fake engine sees, with noise, instead of making scores up: a
    simulated judge."""
    fake_noise: str = "0"
    """Standard deviation of that noise: one for all attributes, or `helpfulness:0.5,care:0.1`."""
    fake_seed: int = 0
    """Another seed is another simulated judge of the same quality."""
    fake_faults: str = ""
    """Faults that the fake engine injects, for tests: `invalid:0.1,overloaded:0.05`."""


class RetrievalSettings(_Group):
    """Sentence embeddings for the examples."""

    embedder: str = "minilm"
    """`minilm` (all-MiniLM-L6-v2 from its package), `hashing` (no model, for tests and the fake
    engine), or any folder or name that sentence-transformers loads."""


_GROUPS: tuple[type[_Group], ...] = (
    ApiSettings,
    StoreSettings,
    WorkerSettings,
    EngineSettings,
    RetrievalSettings,
)
_PREFIXED: dict[type[_Group], str] = {WorkerSettings: "WORKER_"}
"""Groups whose variables carry the group's name, because theirs alone would say too little."""


class Settings(_Group):
    """Everything that can be set."""

    api: ApiSettings = ApiSettings()
    store: StoreSettings = StoreSettings()
    worker: WorkerSettings = WorkerSettings()
    engine: EngineSettings = EngineSettings()
    retrieval: RetrievalSettings = RetrievalSettings()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read `AZIMUTH_…` variables (and `REDIS_URL`).

        Raises `UnknownSetting` for a variable that no setting has, `InvalidSetting` for a value
        that its setting cannot take. An empty value counts as unset.
        """
        variables = os.environ if environment is None else environment
        given = {k: v for k, v in variables.items() if k.startswith(PREFIX) and v != ""}
        if variables.get("REDIS_URL"):
            given.setdefault(PREFIX + "REDIS_URL", variables["REDIS_URL"])
        known = {variable for group in _GROUPS for variable, _ in variables_of(group)}
        if unknown := sorted(set(given) - known):
            raise UnknownSetting(f"no setting is called {', '.join(unknown)}")
        try:
            return cls(
                api=_read(ApiSettings, given),
                store=_read(StoreSettings, given),
                worker=_read(WorkerSettings, given),
                engine=_read(EngineSettings, given),
                retrieval=_read(RetrievalSettings, given),
            )
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0])
            named = [v for group in _GROUPS for v, name in variables_of(group) if name == field]
            raise InvalidSetting(f"{named[0]}={first['input']}: {first['msg']}") from error


def variables_of(group: type[_Group]) -> list[tuple[str, str]]:
    """The environment variables of a group: (variable, field), in order."""
    prefix = PREFIX + _PREFIXED.get(group, "")
    return [(prefix + name.upper(), name) for name in group.model_fields]


def _read(group: type[_G], given: Mapping[str, str]) -> _G:
    named = variables_of(group)
    return group.model_validate({field: given[v] for v, field in named if v in given})
