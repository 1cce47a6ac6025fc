"""One typed Settings. Every field can be set as an environment variable with the prefix DIGITSERVE_, or in a file."""

import json
import os
import re
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from app.config_file import VARIABLE, ConfigFile, unknown
from app.cores import usable_cores

MIB = 1024 * 1024
# What Kubernetes sets in every pod beside a Service called digitserve.
KUBERNETES_VARIABLE = re.compile(r"DIGITSERVE_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_\d+_.*)")
SENDABLE_KEY = re.compile(r"[\x21-\x7e]{16,}")
PREFIX = "DIGITSERVE_"
BUNDLED = Path(__file__).parent / "models"  # that a wheel carries
# The file of settings; and where training data are, and of which commit its code is: of no use here, and no mistake.
OTHER_VARIABLES = {VARIABLE, "DIGITSERVE_DATA", "DIGITSERVE_HANDS", "DIGITSERVE_COMMIT"}


def networks(addresses: str) -> list[IPv4Network | IPv6Network]:
    """The networks that are named with commas between them. Raises ValueError."""
    return [ip_network(name.strip(), strict=False) for name in addresses.split(",") if name.strip()]


class Right(StrEnum):
    """What an API key may be used for."""

    PREDICT = "predict"
    METRICS = "metrics"
    REPOSITORY = "repository"


ORDINARY = frozenset({Right.PREDICT, Right.METRICS})  # what a key may do that names no rights: it changes nothing


class ApiKey(BaseModel):
    """One caller's key, and what it may do."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key: SecretStr
    rights: frozenset[Right] = Field(default=ORDINARY, min_length=1)

    @field_validator("key")
    @classmethod
    def _key_can_be_sent(cls, key: SecretStr) -> SecretStr:
        if not SENDABLE_KEY.fullmatch(key.get_secret_value()):
            raise ValueError("a key is at least 16 printable ASCII characters, without spaces")
        return key


def _models() -> Path:
    """Where bundles are if nothing says so. In a checkout the package has none of its own."""
    here = Path("models")
    return BUNDLED if BUNDLED.is_dir() and not any(here.glob("*/*/model.onnx")) else here


class Settings(BaseSettings):
    """How the service runs. Values that would make it unsafe or useless are refused at start."""

    # An error never shows what came: that may be a key.
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What comes first has the last word. Raises ConfigFileError."""
        del dotenv_settings, file_secret_settings  # other files than that which the documentation names
        return init_settings, env_settings, ConfigFile(settings_cls)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    grpc_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="TCP port for gRPC, with the extra `grpc`; 0 takes a free one; unset: no gRPC.",
    )
    workers: int = Field(
        default_factory=usable_cores, ge=1, le=256, description="Worker processes; unset: one for each usable core."
    )

    models: Path = Field(
        default_factory=_models,
        description="Folder of bundles: NAME/VERSION/{model.onnx,manifest.json}; unset: ./models, or where that holds "
        "none, those that the installed package brings.",
    )
    default_model: str = Field("digits", description="Model that answers without ?model=.")
    line_reader: str = Field("numbers", description="Model that reads whole numbers beside cutting, where it is live.")
    model_control: bool = Field(
        False,
        description="Whether models may be loaded and unloaded where no API keys are set. Where some are, those with "
        "the right repository may.",
    )
    live_versions: int = Field(2, ge=1, description="Newest versions of each model that are kept live.")

    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto takes CUDA when it really works; cuda refuses to start without it."
    )
    intra_op_threads: int = Field(
        1, ge=1, le=256, description="ONNX Runtime threads that each worker runs a model with."
    )
    max_batch_size: int = Field(64, ge=1, description="Rows (images) in one ONNX Runtime run at most.")

    max_run_bytes: int = Field(
        256 * MIB,
        ge=16 * MIB,
        description="Bytes of memory that runs of models for named tensors take in one worker at most, beside their "
        "weights; beyond, 422.",
    )

    max_body_bytes: int = Field(32 * MIB, ge=1, description="Bytes in a request's body at most.")
    max_image_pixels: int = Field(64_000_000, ge=1, description="Pixels in one image at most, read off its header.")
    max_batch_images: int = Field(16_384, ge=1, description="Images in one batch at most.")
    max_batch_pixels: int = Field(512_000_000, ge=1, description="Pixels of all images of one batch together at most.")
    max_unpacked_bytes: int = Field(256 * MIB, ge=1, description="Bytes that a ZIP archive may unpack to at most.")
    max_queue_images: int = Field(
        65_536, ge=1, description="Images that wait, for decoding or for one model version, in one worker; beyond, 429."
    )
    max_wait_seconds: float = Field(
        2.0, gt=0, description="How long a request may be expected to wait for its turn; beyond, 429."
    )
    max_held_bytes: int = Field(
        64 * MIB, ge=1, description="Bytes of all requests' bodies that one worker holds at a time; beyond, 429."
    )
    deadline_seconds: float = Field(
        20.0, gt=0, description="How long a request may take from its head to its answer; beyond, 504."
    )
    body_seconds: float = Field(30.0, gt=0, description="How long a request's body may take to arrive; beyond, 408.")

    head_seconds: float = Field(
        10.0,
        gt=0,
        description="How long a request's head may take, from connecting or its first byte; beyond, 408.",
    )
    write_seconds: float = Field(
        30.0, gt=0, description="How long a caller may read nothing of its answer; beyond, the connection is cut."
    )
    max_connections: int | None = Field(
        None,
        ge=1,
        description="Connections of one worker at a time; unset: as file descriptors allow, up to 1,024.",
    )

    api_keys: Annotated[tuple[ApiKey, ...], NoDecode] = Field(
        (),
        description='JSON list of {"key", "rights"}; empty: no key is asked for. Rights: predict, metrics (both where '
        "none are named), repository.",
    )
    rate_images_per_second: float | None = Field(
        None, gt=0, description="Images a second that one caller (key or address) may send to one worker."
    )

    trusted_proxies: str = Field(
        "",
        description="Addresses or networks (10.0.0.0/8), with commas, of proxies whose X-Forwarded-For names the "
        "caller; empty: none.",
    )

    drain_seconds: float = Field(
        1.0, ge=0, le=300, description="After SIGTERM, how long to go on accepting while callers move away."
    )
    grace_seconds: int = Field(30, ge=1, description="After that, how long requests in flight may take to finish.")
    otlp_endpoint: str | None = Field(
        None,
        pattern="https?://.+",
        description="URL of an OpenTelemetry collector (OTLP over HTTP, as http://127.0.0.1:4318) that traces are sent "
        "to, with the extra `tracing`; unset: none are made.",
    )
    trace_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Part of the requests without a traceparent that are traced; of those with one, the sampled are.",
    )
    golden_seconds: float = Field(
        30.0, gt=0, description="How often live models are asked ten known digits, for /metrics to say what they read."
    )
    access_lines: float = Field(
        5.0,
        ge=0,
        description="Requests that one worker logs a second at most, of each class of status (2xx, 4xx, 5xx); the next "
        "line says how many it left out. 0: none.",
    )
    stall_seconds: float = Field(
        30.0, ge=1, description="How long a worker's event loop may stand still before the worker is replaced."
    )
    log_format: Literal["console", "json"] = Field("console", description="How log lines look.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")

    @field_validator("models")
    @classmethod
    def _models_is_a_folder(cls, path: Path) -> Path:
        if not path.is_dir():
            raise ValueError(f"{path} is not a folder; expected one that holds NAME/VERSION/model.onnx bundles")
        return path

    @field_validator("port", mode="before")
    @classmethod
    def _port_is_not_a_service_link(cls, port: object) -> object:
        if isinstance(port, str) and port.startswith("tcp://"):
            raise ValueError(
                "Kubernetes set DIGITSERVE_PORT for a Service called digitserve; set enableServiceLinks: false"
            )
        return port

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, addresses: str) -> str:
        try:
            networks(addresses)
        except ValueError as error:
            raise ValueError(
                f"{error}; expected addresses or networks with commas, as in 127.0.0.1, 10.0.0.0/8"
            ) from error
        return addresses

    @field_validator("api_keys", mode="before")
    @classmethod
    def _keys_are_json(cls, keys: object) -> object:
        if not isinstance(keys, str):
            return keys
        try:
            return json.loads(keys)
        except json.JSONDecodeError as error:
            at = f"{error.msg} at character {error.pos}"
            raise ValueError(f'no JSON ({at}); expected [{{"key": "...", "rights": ["predict"]}}]') from None

    @field_validator("api_keys")
    @classmethod
    def _keys_differ(cls, keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        if len({key.key for key in keys}) < len(keys):
            raise ValueError("a key stands twice; give each its rights in one place")
        return keys

    @model_validator(mode="after")
    def _a_full_batch_must_fit(self) -> Self:
        if self.max_queue_images < self.max_batch_images:
            raise ValueError(
                f"max_queue_images ({self.max_queue_images}) is below max_batch_images ({self.max_batch_images}): "
                "a full batch could never be queued"
            )
        if self.max_held_bytes < self.max_body_bytes:
            raise ValueError(
                f"max_held_bytes ({self.max_held_bytes}) is below max_body_bytes ({self.max_body_bytes}): "
                "the largest body could never be held"
            )
        return self

    @model_validator(mode="after")
    def _no_variable_is_misspelt(self) -> Self:
        """A setting that is meant to protect must not be ignored because of its spelling."""
        known = {f"{PREFIX}{name}".upper() for name in type(self).model_fields} | OTHER_VARIABLES
        given = {name.upper() for name in os.environ if name.upper().startswith(PREFIX)}
        for name in sorted(given - known):
            if not KUBERNETES_VARIABLE.fullmatch(name):
                raise ValueError(unknown(name, known))
        return self
