"""Settings in; one finding per thing that a worker stands on out, each fault with its remedy."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx
from aiokafka.errors import KafkaError
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from analysis_devstack.topics import compare_topics, contract_topics, describe_topics, short_lived_retries
from analysis_worker.errors import AnalysisError, Stopped
from analysis_worker.object_store import ObjectStore
from analysis_worker.transport import TransferFailed, build_client, transfer
from media_analysis.broker import connection
from media_analysis.bucket import minio_client
from media_analysis.finding import Finding
from media_contracts import topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from analysis_devstack.topics import Difference
    from analysis_worker.settings import KafkaSettings, Settings

_PATIENCE_SECONDS: Final = 10.0
_CLOCK_SECONDS: Final = 30.0
_CLOCK_REMEDY: Final = "set this machine's clock by NTP: signatures and deadlines depend on it"


async def broker_and_topics(settings: Settings) -> tuple[Finding, ...]:
    """Ask the broker for the topics of the contracts."""
    begun = time.monotonic()
    address = settings.kafka.bootstrap_servers
    try:
        found = await compare_topics(contract_topics(), client=connection(settings.kafka))
        short = await _short_lived(settings.kafka)
    except (KafkaError, OSError) as error:
        remedy = "check KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL and that the broker is up"
        return (Finding(name="broker", ok=False, seen=f"{address}: {error}", remedy=remedy),)
    broker = Finding(name="broker", ok=True, seen=f"{address} answered in {time.monotonic() - begun:.2f} s")
    missing = [one.topic for one in found if one.found is None and one.what == "topic"]
    if missing:
        remedy = "media-analysis topics --create"
        return broker, Finding(name="topics", ok=False, seen=f"missing: {', '.join(missing)}", remedy=remedy)
    if short:
        seen = ", ".join(f"{one.topic} keeps a copy for {one.found} ms" for one in short)
        remedy = f"set their retention.ms to {short[0].wanted}: a copy that expires while no worker runs is lost"
        return broker, Finding(name="topics", ok=False, seen=seen, remedy=remedy)
    others = sum(one.found is not None for one in found)
    more = f"; {others} settings differ from the cards (media-analysis topics --compare)" if others else ""
    return broker, Finding(name="topics", ok=True, seen=f"all {len(contract_topics())} are there{more}")


async def _short_lived(kafka: KafkaSettings) -> tuple[Difference, ...]:
    requested = [topics.REQUESTED, *kafka.tenant_topics]
    names = [*requested, *(name for name, _ in topics.RETRY_TOPICS)]
    return short_lived_retries(await describe_topics(names, client=connection(kafka)), requested=requested)


async def store(settings: Settings) -> tuple[Finding, ...]:
    """Write an object, try to overwrite it conditionally, and read it by the URL that the model would get."""
    bucket, key = settings.s3.results_bucket, f"probe/check-{secrets.token_hex(8)}"
    async with _client() as client:
        objects = ObjectStore(settings=settings.s3, client=client)
        try:
            # Asked first, because some stores make a bucket when something is put into it (seen with SeaweedFS).
            there = await asyncio.to_thread(minio_client(settings.s3).bucket_exists, bucket)
            if not there:
                seen = f"there is no bucket {bucket!r} at {settings.s3.endpoint}"
                return (Finding(name="bucket", ok=False, seen=seen, remedy="create it, or set S3_RESULTS_BUCKET"),)
            await objects.put(bucket, key, b"check", content_type="text/plain")
        except (MinioException, HTTPError) as error:
            remedy = "check S3_ENDPOINT and the keys"
            return (Finding(name="bucket", ok=False, seen=f"{settings.s3.endpoint}: {error}", remedy=remedy),)
        except AnalysisError as error:
            return (
                Finding(
                    name="bucket",
                    ok=False,
                    seen=error.message,
                    remedy="check S3_ENDPOINT, S3_RESULTS_BUCKET and the keys",
                ),
            )
        written = Finding(name="bucket", ok=True, seen=f"{bucket} at {settings.s3.endpoint} takes objects")
        return (
            written,
            await _conditional(objects, bucket, f"{key}-conditional"),
            await _public(settings, objects, client, bucket, key),
        )


async def _conditional(objects: ObjectStore, bucket: str, key: str) -> Finding:
    name = "conditional writes"
    try:
        await objects.require_conditional_writes(bucket, key=key)
    except Stopped as error:
        return Finding(name=name, ok=False, seen=error.message, remedy="use a store that honours If-None-Match on PUT")
    return Finding(name=name, ok=True, seen="the second PUT of a key with If-None-Match: * was refused")


async def _public(
    settings: Settings, objects: ObjectStore, client: httpx.AsyncClient, bucket: str, key: str
) -> Finding:
    name, endpoint = "public endpoint", settings.s3.public_endpoint
    if endpoint is None:
        return Finding(name=name, ok=True, seen="S3_PUBLIC_ENDPOINT is not set: media travels inline only")
    if is_private(endpoint) and not is_private(settings.model.base_url):
        seen = f"{endpoint} is no public address, and the model at {settings.model.base_url} is elsewhere"
        return Finding(
            name=name, ok=False, seen=seen, remedy="unset S3_PUBLIC_ENDPOINT (inline only), or give the public one"
        )
    url = objects.presign_public(await objects.stat(bucket, key), seconds=60)
    try:
        with transfer():
            response = await client.get(url)
    except TransferFailed as error:
        return Finding(name=name, ok=False, seen=f"{endpoint}: {error}", remedy="check S3_PUBLIC_ENDPOINT")
    if response.status_code == httpx.codes.OK:
        return Finding(name=name, ok=True, seen=f"a URL signed for {endpoint} can be read from here")
    seen = f"a URL signed for {endpoint} gives HTTP {response.status_code} from here"
    return Finding(
        name=name,
        ok=False,
        seen=seen,
        remedy="the endpoint must be the host name that the store sees: check proxies and TLS",
    )


async def key(settings: Settings) -> tuple[Finding, ...]:
    """Show the key to the model's side by listing its models, which costs nothing."""
    if settings.model.api_key is None:
        return (Finding(name="key", ok=False, seen="no key is set", remedy="set MODEL_API_KEY or DASHSCOPE_API_KEY"),)
    url = f"{settings.model.base_url}/models"
    try:
        async with _client() as client:
            with transfer():
                headers = {"Authorization": f"Bearer {settings.model.api_key.get_secret_value()}"}
                response = await client.get(url, headers=headers)
    except TransferFailed as error:
        return (Finding(name="key", ok=False, seen=f"{url}: {error}", remedy="check MODEL_BASE_URL and the network"),)
    match response.status_code:
        case httpx.codes.OK:
            return (Finding(name="key", ok=True, seen=f"{settings.model.base_url} takes it"),)
        case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
            remedy = "check the key, and that it is of this endpoint's region"
            return (Finding(name="key", ok=False, seen=f"HTTP {response.status_code} from {url}", remedy=remedy),)
        case status:
            # Not every compatible endpoint lists its models, so this proves nothing against the key.
            return (Finding(name="key", ok=True, seen=f"not proven: {url} gave HTTP {status}"),)


async def clock(settings: Settings) -> tuple[Finding, ...]:
    """Compare this machine's clock with the store's."""
    try:
        async with _client() as client:
            with transfer():
                response = await client.head(settings.s3.endpoint)
    except TransferFailed as error:
        return (
            Finding(
                name="clock", ok=False, seen=f"the store did not tell the time: {error}", remedy="check S3_ENDPOINT"
            ),
        )
    now = datetime.now(UTC)
    told = response.headers.get("date")
    if told is None:
        return (Finding(name="clock", ok=True, seen="not compared: the store sends no Date"),)
    off_seconds = (now - parsedate_to_datetime(told)).total_seconds()
    seen = f"{off_seconds:+.0f} s from the store's"
    ok = abs(off_seconds) <= _CLOCK_SECONDS
    return (Finding(name="clock", ok=ok, seen=seen, remedy="" if ok else _CLOCK_REMEDY),)


def is_private(url: str) -> bool:
    """Say whether a URL names this machine or a private network; a name that is no address counts as public."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith((".local", ".internal", ".svc")):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host  # a bare name is a container's or a cluster's


@asynccontextmanager
async def _client() -> AsyncIterator[httpx.AsyncClient]:
    async with build_client(connections=4, connect_seconds=_PATIENCE_SECONDS, read_seconds=_PATIENCE_SECONDS) as client:
        yield client
