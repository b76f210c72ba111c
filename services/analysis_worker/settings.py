"""Environment variables in, one validated `Settings` value out; every fault is reported at once by its variable.

One group per prefix, as DESIGN.md §3 lists them; the chart offers the same names (`variables()`, compared by test).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from analysis_worker.errors import Stopped

# Read by the OpenTelemetry SDK itself; named here so that the chart offers them.
OTEL_VARIABLES: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
)

Seconds = Annotated[float, Field(gt=0)]
# An empty variable means "unset": charts and shells write KEY= for what they do not know.
_CONFIG: Final = {"extra": "ignore", "frozen": True, "env_ignore_empty": True, "hide_input_in_errors": True}


def _from_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # Docker's --env-file takes quotes literally that a shell would strip.
    quoted = len(value) > 1 and value[0] == value[-1] == "'"
    try:
        return json.loads(value[1:-1] if quoted else value)
    except ValueError as error:
        raise ValueError(
            f'{value[:80]!r} is no JSON object ({error}): write e.g. {{"default": ["bucket/*"]}}'
        ) from None


# Our own decoding, because the one of pydantic-settings hides the other faults of its group.
JsonObject = (NoDecode, BeforeValidator(_from_json))


class KafkaSettings(BaseSettings):
    """The broker: where it is, who we are, how much a record may weigh (bytes)."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", **_CONFIG)  # type: ignore[typeddict-item]

    bootstrap_servers: str = "localhost:9092"
    group_id: str = "analysis-worker"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_file: str | None = None
    ssl_certificate_file: str | None = None
    ssl_key_file: str | None = None
    tenant_topics: Annotated[dict[str, str], *JsonObject] = Field(default_factory=dict)
    """Requested topic → tenant that alone may use it; a topic that is not listed is shared (law 9)."""
    producer_idempotence: bool = True
    fetch_max_wait_ms: Annotated[int, Field(ge=1)] = 500
    session_timeout_ms: Annotated[int, Field(ge=1000)] = 45_000
    max_poll_interval_ms: Annotated[int, Field(ge=1000)] = 300_000
    max_message_bytes: Annotated[int, Field(ge=65_536)] = 1_048_576
    """The most a record may weigh; a topic's own limit counts when it is smaller, and 16 KiB of either are kept free."""


class S3Settings(BaseSettings):
    """The object store: endpoint, keys, results bucket and what each tenant may read."""

    model_config = SettingsConfigDict(env_prefix="S3_", **_CONFIG)  # type: ignore[typeddict-item]

    endpoint: str
    public_endpoint: str | None = None
    """The endpoint as the model sees it; unset means that it cannot reach the store: inline only."""
    region: str = "us-east-1"
    access_key: str
    secret_key: SecretStr
    results_bucket: str
    allowed: Annotated[dict[str, tuple[str, ...]], *JsonObject] = Field(default_factory=dict)
    """Tenant → patterns `bucket/prefix*`; nothing is allowed by default (law 9)."""

    @field_validator("endpoint", "public_endpoint")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is no URL: write http://host:port or https://host")
        return value.rstrip("/") if value else value


class ModelSettings(BaseSettings):
    """The model's OpenAI-compatible endpoint and the time-outs of one call (seconds)."""

    model_config = SettingsConfigDict(env_prefix="MODEL_", **_CONFIG)  # type: ignore[typeddict-item]

    base_url: str = "https://dashscope.aliyuncs.com/compatible-mode/v1"
    api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("api_key", "MODEL_API_KEY", "DASHSCOPE_API_KEY")
    )
    name: str = "qwen3.5-omni-plus"
    reduce_name: str = "qwen-plus"
    """The text model that makes one answer out of those about the segments of a long medium."""
    region: str = "beijing"
    """Selects the price list of the catalogue."""
    catalogue_file: str | None = None
    """Operators' own model cards, laid over the shipped ones."""
    connect_seconds: Seconds = 10
    first_token_seconds: Seconds = 120
    chunk_seconds: Seconds = 60
    total_seconds: Seconds = 1800

    @field_validator("base_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is no URL: write https://host/compatible-mode/v1")
        return value.rstrip("/")


class WorkerSettings(BaseSettings):
    """The worker itself: how much at once, how long it waits, where it answers probes."""

    model_config = SettingsConfigDict(env_prefix="WORKER_", **_CONFIG)  # type: ignore[typeddict-item]

    max_in_flight: Annotated[int, Field(ge=1, le=4096)] = 64
    drain_seconds: Seconds = 60
    revoke_seconds: Seconds = 5
    max_starts: Annotated[int, Field(ge=1)] = 3
    max_attempts: Annotated[int, Field(ge=1)] = 5
    default_deadline_seconds: Seconds = 86_400
    scratch_bytes: Annotated[int, Field(ge=0)] = 10 * 1024**3
    event_source: str = "/media-analysis"
    http_host: str = "0.0.0.0"
    http_port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    claim_stale_seconds: Seconds = 30
    """A claim not refreshed for this long by the store's clock is taken over; refreshed every third of it."""
    commit_seconds: Seconds = 0.5
    progress_seconds: Seconds = 1.0
    """A request's progress events are at least so far apart."""
    stall_seconds: Seconds = 120
    """`/livez` fails when a partition that is neither paused nor at its end has not moved for so long."""
    flood_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """A partition stops when more than this share of its last `flood_window` records were dead letters; 1: never."""
    flood_window: Annotated[int, Field(ge=1, le=100_000)] = 100
    profiles_directory: str | None = None
    url_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts that media URLs may name, comma-separated; none by default (law 9)."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("url_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(host.strip() for host in value.split(",") if host.strip()) if isinstance(value, str) else value


_GROUPS: Final[dict[str, type[BaseSettings]]] = {
    "kafka": KafkaSettings,
    "s3": S3Settings,
    "model": ModelSettings,
    "worker": WorkerSettings,
}


class Settings:
    """All groups together.

    :raises Stopped: from `load`, naming every variable that is missing or wrong.
    """

    __slots__ = ("kafka", "model", "s3", "worker")

    def __init__(self, *, kafka: KafkaSettings, s3: S3Settings, model: ModelSettings, worker: WorkerSettings) -> None:
        self.kafka, self.s3, self.model, self.worker = kafka, s3, model, worker

    @classmethod
    def load(cls) -> Settings:
        """Read the environment; report every fault at once."""
        groups: dict[str, Any] = {}
        faults: list[str] = []
        for name, group in _GROUPS.items():
            try:
                groups[name] = group()
            except ValidationError as error:
                faults += [_fault(name, dict(fault)) for fault in error.errors(include_url=False, include_input=False)]
        if faults:
            raise Stopped("settings: " + "; ".join(faults))
        return cls(**groups)


def _fault(group: str, fault: dict[str, Any]) -> str:
    first = str(fault["loc"][0]) if fault["loc"] else ""
    variable = first if first.isupper() else f"{group}_{first}".upper()
    return f"{variable}: {'is not set' if fault['type'] == 'missing' else fault['msg'].removeprefix('Value error, ')}"


def variables() -> tuple[str, ...]:
    """Every environment variable the worker reads, sorted."""
    own = (f"{group}_{field}".upper() for group, model in _GROUPS.items() for field in model.model_fields)
    return tuple(sorted([*own, *OTEL_VARIABLES]))
