"""A server's address in; returns once it answers in its own protocol, raises NotReady while it does not."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from typing import TYPE_CHECKING, Any

import httpx
import urllib3
from aiokafka.errors import KafkaError
from minio import Minio
from minio.error import MinioException

from analysis_devstack.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from minio.lifecycleconfig import LifecycleConfig

    from analysis_devstack.topics import TopicSpec

_PAUSE_SECONDS = 0.03
_ANSWER_SECONDS = 2.0


class NotReady(Exception):
    """Not yet; says what was seen."""


async def wait_until(
    probe: Callable[[], Awaitable[None]], *, seconds: float, alive: Callable[[], bool] = lambda: True
) -> None:
    """Call the probe until it returns. Raises NotReady with what was seen last, at the deadline or once not `alive`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            await probe()
        except NotReady:
            if not alive() or time.monotonic() > deadline:
                raise
        else:
            return
        await asyncio.sleep(_PAUSE_SECONDS)


async def port_answers(port: int) -> None:
    """A TCP connection is accepted on 127.0.0.1."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), _ANSWER_SECONDS)
    except (OSError, TimeoutError) as error:
        raise NotReady(f"nothing listens on port {port} ({type(error).__name__})") from error
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def broker_has_topics(port: int, topics: Sequence[TopicSpec]) -> None:
    """Its metadata answers and every topic is there (made if need be)."""
    await port_answers(port)  # first, because the client logs an error for every refused connection
    try:
        await create_topics(topics, client={"bootstrap_servers": f"127.0.0.1:{port}"})
    except KafkaError as error:
        raise NotReady(f"its topics cannot be created: {error}") from error


async def trace_sink_answers(port: int) -> None:
    """An empty OTLP export is accepted."""
    await _answers("POST", f"http://127.0.0.1:{port}/v1/traces", headers={"content-type": "application/x-protobuf"})


async def simulator_answers(port: int) -> None:
    """It says which scenario it plays, which needs no key."""
    await _answers("GET", f"http://127.0.0.1:{port}/simulator/scenario")


async def store_takes_objects(client: Minio, buckets: tuple[str, ...]) -> None:
    """Every bucket is there (made if need be) and takes an object: the port answers well before that."""
    await asyncio.to_thread(_put_everywhere, client, buckets)


async def store_has_lifecycle(client: Minio, bucket: str, rules: LifecycleConfig) -> None:
    """The bucket's lifecycle rules are these."""
    try:
        await asyncio.to_thread(client.set_bucket_lifecycle, bucket, rules)
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise NotReady(f"its lifecycle rules cannot be set: {error}") from error


def store_client(*, port: int, access_key: str, secret_key: str, region: str) -> Minio:
    """A client that gives up quickly and never retries by itself, so that a probe is one question."""
    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=_ANSWER_SECONDS))
    return Minio(
        f"127.0.0.1:{port}",
        access_key=access_key,
        secret_key=secret_key,
        region=region,
        secure=False,
        http_client=pool,
    )


def _put_everywhere(client: Minio, buckets: tuple[str, ...]) -> None:
    try:
        for bucket in buckets:
            if not client.bucket_exists(bucket):
                client.make_bucket(bucket)
            client.put_object(bucket, ".ready", io.BytesIO(b"."), 1)
            client.remove_object(bucket, ".ready")
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise NotReady(f"a first PUT fails: {error}") from error


async def _answers(method: str, url: str, **options: Any) -> None:
    # trust_env=False: a proxy of the user's shell must not see loopback traffic.
    async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as client:
        try:
            response = await client.request(method, url, **options)
        except httpx.HTTPError as error:
            raise NotReady(f"{method} {url}: {type(error).__name__}") from error
    if response.status_code != httpx.codes.OK:
        raise NotReady(f"{method} {url}: status {response.status_code}")
