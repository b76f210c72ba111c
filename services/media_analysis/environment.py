"""Environment variables in; one group of the worker's settings out, or every fault by its variable's name."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import click
from pydantic import ValidationError

from analysis_worker.settings import KafkaSettings, S3Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_settings import BaseSettings

GroupT = TypeVar("GroupT", bound="BaseSettings")


_OURS: Final = ("KAFKA_", "S3_", "MODEL_", "WORKER_", "OTEL_", "DASHSCOPE_")


@contextmanager
def adopted(environment: Mapping[str, str]) -> Iterator[None]:
    """Let this process and its children see these settings and none of the shell's own; the shell's come back."""
    before = {name: text for name, text in os.environ.items() if name.startswith(_OURS)}
    for name in before:
        del os.environ[name]
    os.environ.update(environment)
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith(_OURS)]:
            del os.environ[name]
        os.environ.update(before)


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
