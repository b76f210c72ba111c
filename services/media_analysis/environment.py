"""Environment variables in; one group of the worker's settings out, or every fault by its variable's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click
from pydantic import ValidationError

from analysis_worker.settings import KafkaSettings, S3Settings

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

GroupT = TypeVar("GroupT", bound="BaseSettings")


def kafka_settings() -> KafkaSettings:
    """Read `KAFKA_*`. Raises click.UsageError that names every variable that is missing or wrong."""
    return _read(KafkaSettings, "KAFKA")


def s3_settings() -> S3Settings:
    """Read `S3_*`. Raises click.UsageError that names every variable that is missing or wrong."""
    return _read(S3Settings, "S3")


def _read(group: type[GroupT], prefix: str) -> GroupT:
    try:
        return group()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        lines = [f"{prefix}_{str(fault['loc'][0]).upper()}: {_words(fault['type'], fault['msg'])}" for fault in faults]
        remedy = "load the stack's settings (media-analysis devstack --env-file) or set them"
        raise click.UsageError(f"settings: {'; '.join(lines)}: {remedy}") from None


def _words(kind: str, message: str) -> str:
    return "is not set" if kind == "missing" else message.removeprefix("Value error, ")
