"""Settings: small frozen groups, read once from the environment. Unknown variables are refused."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Literal, Self, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.domain.methods import AUTO_METHOD, METHODS

PREFIX = "AZIMUTH_"
_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^\s/?#@A-Z]+")
"""An origin as browsers send it: in lower case, without a path or a slash at the end."""
_HOST_NAME = re.compile(r"\*|[a-z0-9_.-]+|\[[0-9a-f:.]+\]")
"""A name or an address in `Host`, in lower case, without a port."""


class UnknownSetting(ValueError):
    """The environment has an `AZIMUTH_…` variable that no setting reads: most likely a typo."""


class InvalidSetting(ValueError):
    """The environment has a value that its setting does not accept."""


class Group(BaseSettings):
    """Settings of one part, built from arguments; `Settings.from_environment` reads variables."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing behind the caller's back: a group has the defaults and its arguments."""
        return (init_settings,)


_G = TypeVar("_G", bound=Group)


class ApiSettings(Group):
    """The API process."""

    host: str = "127.0.0.1"
    """Address that the API listens on."""
    port: int = Field(8000, ge=0, le=65535)
    """Port that the API listens on."""
    api_processes: int = Field(1, ge=1, le=256)
    """Processes that serve the API on its port, for machines with several cores (Linux only)."""
    auth: Literal["none", "keys", "unprotected"] = "none"
    """Who may use the API. `none`: all programs of this machine; it then listens on a loopback
    address only. `keys`: those who have an API key. `unprotected`: all who can reach the address,
    for a network of which nobody else is part, or behind a proxy that checks who calls."""
    allowed_hosts: str | None = None
    """Names by which requests may call the service besides loopback ones, as in `Host` but without
    the port, separated by commas; `*`: any. Unset: none if it listens on loopback, else any."""
    open_metrics: bool = False
    """With `AZIMUTH_AUTH=keys`: whether `/metrics` needs no key."""
    max_body_bytes: int = Field(8_000_000, ge=1)
    """Largest request body, except for banks, in bytes."""
    max_bank_bytes: int = Field(200_000_000, ge=1)
    """Largest bank that can be stored, in bytes."""
    wait_s: float = Field(50.0, gt=0)
    """Longest wait of a request for scores, in seconds; then it answers 202 with a URL to poll.
    Keep it below the time-outs of proxies in front, often 60 s."""
    deadline_s: float = Field(600.0, gt=0)
    """Default deadline of a request, in seconds; work that has not started by then is dropped."""
    max_deadline_s: float = Field(86_400.0, gt=0)
    """Latest deadline that a request may set, in seconds."""
    default_model: str | None = None
    """Model for requests that name none; unset: the one announced last."""
    hostile: Literal["ignore", "flag"] = "ignore"
    """For requests without `hostile`: whether answers list candidates that look like attacks on the
    judge."""
    default_method: str = "comparative"
    """Method for requests that name none. `auto`: `probe` for attributes that a calibration of
    hidden states covers, else `comparative`; the answer says which, and why."""
    fit_lease_s: int = Field(10, ge=1)
    """Longest silence of a process that fits a calibration, in seconds; then another can start."""
    keep_alive_s: int = Field(75, ge=1)
    """Seconds that an idle connection is kept open. Keep it above the idle time-out of a load
    balancer in front, often 60 s, or requests may meet a connection that is being closed."""
    cors_origins: str | None = None
    """Origins whose web pages may call the API, separated by commas, or `*` for all; unset: none.
    `https://app.example.org,http://localhost:5173`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level of log records, for API and worker."""
    log_texts: bool = False
    """Whether log records about a request have its question, its candidates and the judge's
    reasonings; else they are left out wherever a message would quote them. For API and worker."""

    @field_validator("default_method")
    @classmethod
    def _known(cls, given: str) -> str:
        if given not in (known := (AUTO_METHOD, *METHODS)):
            raise ValueError(f"no method is called {given!r}; known: {', '.join(known)}")
        return given

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, given: str | None) -> str | None:
        for origin in given.split(",") if given else ():
            if not _ORIGIN.fullmatch(origin.strip()):
                raise ValueError(
                    f"{origin.strip()!r} is not an origin: write scheme, host and port as browsers "
                    "send them, such as https://app.example.org, or *"
                )
        return given

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, given: str | None) -> str | None:
        for name in given.split(",") if given else ():
            if not _HOST_NAME.fullmatch(name.strip()):
                raise ValueError(
                    f"{name.strip()!r} is not a name: write it in lower case, without scheme and "
                    "port, such as azimuth.example.org or [::1], or *"
                )
        return given

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names of `allowed_hosts`, one by one."""
        return tuple(one.strip() for one in (self.allowed_hosts or "").split(",") if one)

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The origins of `cors_origins`, one by one."""
        return tuple(one.strip() for one in (self.cors_origins or "").split(",") if one)


class StoreSettings(Group):
    """Redis: the score cache, the queue and the banks."""

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias=AliasChoices("AZIMUTH_REDIS_URL", "REDIS_URL"),
        repr=False,  # it may hold a password
    )
    """URL of Redis, perhaps with Sentinels or encrypted; `REDIS_URL` is read as well."""
    redis_connections: int = Field(64, ge=1)
    """Most connections to Redis of one process; further calls wait for a free one."""
    redis_connection_wait_s: float = Field(30.0, gt=0)
    """Longest wait for a free connection, in seconds; then Redis counts as unavailable."""
    cache_ttl_s: int = Field(2_592_000, ge=1)
    """Seconds that scores are kept after they were last written."""
    queue_limit: int = Field(1000, ge=1)
    """Most scenarios queued or started for one model; further requests get 429."""


class WorkerSettings(Group):
    """How a worker claims and keeps jobs."""

    model_config = SettingsConfigDict(env_prefix="AZIMUTH_WORKER_")

    concurrency: int = Field(8, ge=1)
    """Scenarios that one worker scores at once."""
    lease_s: float = Field(15.0, gt=0)
    """Seconds without a sign of life after which other workers take over the jobs of a worker."""
    max_attempts: int = Field(3, ge=1)
    """Attempts at a job before it goes to the dead-letter stream."""
    drain_s: float = Field(30.0, ge=0)
    """Seconds that a worker may take to finish its jobs when it is asked to stop."""
    canary_s: float = Field(30.0, gt=0)
    """Seconds between checks that the model answers."""
    canary_timeout_s: float = Field(120.0, gt=0)
    """Seconds without an answer after which the model counts as hung: the worker exits."""
    answer_s: float = Field(3600.0, gt=0)
    """Seconds that a job may take for its next scores while the model answers others; then it is
    retried."""
    warm_up_s: float = Field(600.0, gt=0)
    """Seconds that a loaded model may take for its first answer; then the worker exits."""
    take_over_s: float = Field(1.0, gt=0)
    """Seconds between searches for jobs of workers that went silent."""
    retry_s: float = Field(1.0, gt=0)
    """Seconds before a failed job is retried; doubled for each outage of the model in a row."""
    max_retry_s: float = Field(30.0, gt=0)
    """Most seconds before a failed job is retried."""
    store_retry_s: float = Field(0.5, gt=0)
    """Seconds before a retry when Redis is away, or when a bank could not be indexed."""
    metrics_port: int = Field(0, ge=0, le=65535)
    """Port for the worker's Prometheus metrics; 0: none."""


class EngineSettings(Group):
    """The judge: a model and what runs it."""

    engine: Literal[
        "vllm", "openai", "outlines", "fake", "reward", "kaleido",
        "states", "vllm_states", "pooling",
    ] = "vllm"  # fmt: skip
    """What runs the model: `vllm`, `openai`, `outlines` or `fake` for a language model; `reward`;
    `kaleido`; `states`, `vllm_states` or `pooling` for one whose hidden states are read."""
    model: str = ".azimuth/models/SmolLM2-135M-Instruct"
    """Folder or Hugging Face name of the model."""
    model_revision: str | None = None
    """Branch, tag or commit of a Hugging Face model."""
    model_name: str | None = None
    """Name to announce; unset: the folder's or the model's own."""
    context_length: int | None = Field(None, ge=256)
    """Tokens of prompt and answer together; unset: the model's own limit."""
    dtype: str = "auto"
    """Data type of the weights."""
    state_layers: str | None = None
    """With method `probe`: the layers whose states are read, e.g. `12,18,24`, counted from 1;
    unset: those at two, three and four fifths of its depth, or an endpoint's last one."""
    max_num_seqs: int = Field(64, ge=1)
    """Sequences that vLLM decodes at once."""
    max_num_batched_tokens: int = Field(8192, ge=64)
    """Tokens that vLLM processes in one step."""
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
    """Folder or name of the tokenizer for an endpoint's model; unset: `AZIMUTH_MODEL`. The fake
    engine counts tokens with it, and what a prefix cache would serve."""
    request_timeout_s: float = Field(300.0, gt=0)
    """Longest wait for one answer of an endpoint, in seconds."""
    fake_latency_s: float = Field(0.0, ge=0)
    """Seconds that the fake engine takes for an answer."""
    fake_labels: str | None = None
    """Scenario file whose labels, with noise, the fake engine answers with."""
    fake_noise: str = "0"
    """Standard deviation of that noise: one for all attributes, or `helpfulness:0.5,care:0.1`."""
    fake_seed: int = 0
    """Seed of that noise: another seed is another judge of the same quality."""
    fake_faults: str = ""
    """Faults that the fake engine injects: `invalid:0.1,overloaded:0.05`."""
    fake_record: str | None = None
    """Folder in which the fake engine records which prompts it answers, for tests of faults."""


class RetrievalSettings(Group):
    """Sentence embeddings, by which examples are retrieved."""

    embedder: str = "minilm"
    """`minilm` (all-MiniLM-L6-v2 from its package), `hashing` (no model, for tests and the fake
    engine), or any folder or name that sentence-transformers loads."""
    index_dir: str = ".azimuth/indexes"
    """Folder in which a worker saves embeddings and indexes of banks, for its next start and for
    other workers of the host. A bank of a million scenarios takes 2 GB."""


class ClientSettings(Group):
    """Scripts that call a service: calibrate and benchmark."""

    api_key: str | None = Field(None, repr=False)
    """API key for a service that asks for keys."""


GROUPS: tuple[type[Group], ...] = (
    ApiSettings,
    StoreSettings,
    WorkerSettings,
    EngineSettings,
    RetrievalSettings,
    ClientSettings,
)


class Settings(BaseModel):
    """All settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api: ApiSettings = ApiSettings()
    store: StoreSettings = StoreSettings()
    worker: WorkerSettings = WorkerSettings()
    engine: EngineSettings = EngineSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    client: ClientSettings = ClientSettings()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read `AZIMUTH_…` variables (and `REDIS_URL`). An empty value counts as unset.

        Raises `UnknownSetting` for an `AZIMUTH_…` variable without a setting, and `InvalidSetting`
        for a value that its setting does not accept.
        """
        variables = os.environ if environment is None else environment
        given = {name: value for name, value in variables.items() if value != ""}
        known = {variable for group in GROUPS for variable in variables_of(group)}
        if unknown := sorted(
            name for name in given if name.startswith(PREFIX) and name not in known
        ):
            raise UnknownSetting(f"unknown setting: {', '.join(unknown)}")
        return cls(
            api=_read(ApiSettings, given),
            store=_read(StoreSettings, given),
            worker=_read(WorkerSettings, given),
            engine=_read(EngineSettings, given),
            retrieval=_read(RetrievalSettings, given),
            client=_read(ClientSettings, given),
        )


def variables_of(group: type[Group]) -> dict[str, str]:
    """The environment variables of a group, in order: variable -> field."""
    prefix = group.model_config["env_prefix"]
    return {f"{prefix}{field}".upper(): field for field in group.model_fields}


def _read(group: type[_G], given: Mapping[str, str]) -> _G:
    source = EnvSettingsSource(group)
    source.env_vars = {name.lower(): value for name, value in given.items()}
    try:
        return group(**source())
    except ValidationError as error:
        first = error.errors()[0]
        variable = next(
            variable for variable, field in variables_of(group).items() if field == first["loc"][0]
        )
        raise InvalidSetting(f"{variable}={first['input']}: {first['msg']}") from error
