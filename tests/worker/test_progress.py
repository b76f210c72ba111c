"""What is told of a request while it is asked for: little, bounded, and never in anybody's way."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import confluent_kafka
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_worker.answers.schemas import compile_schema
from analysis_worker.catalogue import load_catalogue
from analysis_worker.journey import Journey
from analysis_worker.kafka.progress_topic import ProgressTopic
from analysis_worker.profiles import load_profiles
from analysis_worker.progress import Reporting
from analysis_worker.provider.request_body import CallParameters
from analysis_worker.receive import receive
from analysis_worker.settings import KafkaSettings
from analysis_worker.tokens import InputTokens, PixelChoice
from analysis_worker.values import AnalysisPlan, Delivered, Stage
from analysis_worker.weight import weigh
from media_contracts import AnalysisRequested, Estimate, KafkaRecord, decode_progress, encode_event, topics
from tests.processes import until

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SCHEMA = compile_schema(
    {
        "properties": {
            "a": {"type": "string"},
            "b": {"type": "string"},
            "cues": {"type": "array", "items": {"type": "object"}},
        }
    }
)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def delivered(*, progress=True, **request):
    record = encode_event(
        type=topics.REQUESTED,
        data=AnalysisRequested(request_id="r-1", instruction="Tell.", progress=progress, **request),
        event_id="e-1",
        source="/shop",
        time=NOW,
        topic=topics.REQUESTED,
        key=b"the caller's",
        traceparent=TRACE,
    )
    return Delivered(record=record, partition=0, offset=0, timestamp_ms=round(NOW.timestamp() * 1000))


def plan(segment=None, **changes):
    profile, card = load_profiles().get("describe"), load_catalogue().card("qwen3.5-omni-plus")
    made = AnalysisPlan(
        model=card.name,
        card=card,
        profile=profile,
        schema=SCHEMA,
        media=(),
        messages=(),
        parameters=CallParameters(model=card.name),
        pixels=PixelChoice(),
        input_tokens=InputTokens(),
        unseen_tokens=InputTokens(),
        estimate=Estimate(input_tokens=0),
        segment=segment,
    )
    return replace(made, **changes)


class Notes:
    """An outlet that keeps what is published; it can be held."""

    def __init__(self):
        self.records = []
        self.at_seconds = []
        self.free = asyncio.Event()
        self.free.set()

    async def publish(self, record):
        self.records.append(record)
        self.at_seconds.append(time.monotonic())
        await self.free.wait()

    @property
    def told(self):
        return [decode_progress(record).data for record in self.records]

    def brief(self):
        return [(one.segment, one.attempt, one.sequence, one.stage, one.fields) for one in self.told]


class Request:
    """A request in work, whose progress is told to `notes`."""

    def __init__(self, notes, *, interval_seconds=0.0, most_bytes=100_000, first_attempt=1, **request):
        self._delivered = delivered(**request)
        self._first_attempt = first_attempt
        self._reporting = Reporting(
            outlet=notes,
            source="/media-analysis",
            interval_seconds=interval_seconds,
            most_bytes=lambda: most_bytes,
            clock=time.monotonic,
            now=lambda: NOW,
        )

    def __enter__(self):
        self._journey = Journey.begin(self._delivered, group="g")
        self.journey = self._journey.__enter__()
        job = receive(self._delivered, now=NOW, tenant_topics={}, default_deadline_seconds=3600)
        self._on = self._reporting.on(job, self.journey, first_attempt=self._first_attempt)
        self.progress = self._on.__enter__()
        return self

    def __exit__(self, *error):
        self._on.__exit__(*error)
        self._journey.__exit__(*error)

    def enter(self, stage):
        with self.journey.stage(stage):
            pass


async def test_stages_and_fields_are_told_as_the_contract_has_it():
    notes = Notes()
    with Request(notes, labels={"shop": "42"}) as request:
        request.enter(Stage.PLAN)
        await until(lambda: len(notes.told) == 1)
        request.enter(Stage.ASK)
        take = request.progress.attempt(plan(), 1)
        await until(lambda: len(notes.told) == 2)
        take('{"a": "x", "b": "y')
        await until(lambda: len(notes.told) == 3)
        take('", "cues": [{}, {"text": 1}]}')
        await until(lambda: len(notes.told) == 4)
    last = {"/a": "x", "/b": "y", "/cues/0": {}, "/cues/1": {"text": 1}}
    assert notes.brief() == [
        (None, 1, 1, "plan", {}),
        (None, 1, 2, "ask", {}),
        (None, 1, 3, "ask", {"/a": "x"}),
        (None, 1, 4, "ask", last),
    ]
    event = decode_progress(notes.records[-1])
    assert (event.data.request_id, event.data.tenant, event.data.labels) == ("r-1", "default", {"shop": "42"})
    assert (event.data.request.source, event.data.request.event_id) == ("/shop", "e-1")
    assert (event.source, event.subject, notes.records[-1].key) == ("/media-analysis", "r-1", b"the caller's")
    assert len({decode_progress(record).event_id for record in notes.records}) == 4


async def test_who_does_not_ask_for_it_gets_none():
    notes = Notes()
    with Request(notes, progress=False) as request:
        assert request.progress is None
        request.enter(Stage.PLAN)
        await asyncio.sleep(0)
    assert notes.told == []


async def test_events_keep_their_distance_and_the_newest_state_takes_the_place_of_what_waits():
    notes = Notes()
    with Request(notes, interval_seconds=0.2) as request:
        request.enter(Stage.ASK)
        take = request.progress.attempt(plan(), 1)
        await until(lambda: notes.told)
        take('{"a": "x",')
        request.enter(Stage.VALIDATE)
        take('"b": "y",')
        request.enter(Stage.ASK)
        take('"cues": [{},')
        await until(lambda: len(notes.told) == 2)
        await asyncio.sleep(0)
    assert notes.brief()[1:] == [(None, 1, 2, "ask", {"/a": "x", "/b": "y", "/cues/0": {}})]
    assert notes.at_seconds[1] - notes.at_seconds[0] >= 0.19


async def test_a_broker_that_takes_nothing_holds_up_nothing_and_gets_one_event_at_a_time():
    notes = Notes()
    notes.free.clear()
    others = asyncio.all_tasks()
    with Request(notes) as request:
        request.enter(Stage.ASK)
        take = request.progress.attempt(plan(), 1)
        await until(lambda: notes.told)
        for number in range(50):
            take('{"cues": [{}' if not number else ", {}")
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks() - others) == 1
    assert len(notes.told) == 1
    await until(lambda: asyncio.all_tasks() == others)  # what was on its way is dropped, and nobody waited for it
    take(", {}]}")
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == others


async def test_a_higher_attempt_begins_anew_and_says_so_when_something_was_told():
    notes = Notes()
    with Request(notes, first_attempt=3) as request:
        request.enter(Stage.ASK)
        take = request.progress.attempt(plan(), 3)
        take('{"a": "x",')
        await until(lambda: notes.told and notes.told[-1].fields)
        take = request.progress.attempt(plan(), 4)
        await until(lambda: notes.told[-1].attempt == 4)
        take('{"a": "other",')
        await until(lambda: notes.told[-1].fields == {"/a": "other"})
        take = request.progress.attempt(plan(prefix='{"a": "of an earlier call", "b'), 5)
        await until(lambda: notes.told[-1].attempt == 5)
        take('": "and the rest",')
        await until(lambda: len(notes.told[-1].fields) == 2)
    assert [one.sequence for one in notes.told if one.attempt == 4] == [1, 2]
    assert notes.told[-1].fields == {"/a": "of an earlier call", "/b": "and the rest"}


async def test_each_segment_is_told_for_itself_with_times_of_the_whole():
    notes = Notes()
    with Request(notes) as request:
        request.enter(Stage.ASK)
        request.progress.attempt(plan(), 1)('{"a": "of the whole",')
        await until(lambda: notes.told and notes.told[-1].fields)
        cut = {"timelines": ["/cues"], "by_seconds": 600.0}
        first = request.progress.attempt(plan(segment=0), 2)
        second = request.progress.attempt(plan(segment=1), 3, **cut)
        second('{"cues": [{"start_seconds": 1.5}, {"text": "x"}], "a": "x"}')
        first('{"a": "y"}')
        await until(lambda: {one.segment for one in notes.told} == {None, 0, 1})
        await until(lambda: notes.told[-1].segment == 0 or notes.told[-2].segment == 0)
        request.progress.attempt(plan(), 4)('{"a": "of all"}')
        await until(lambda: notes.told[-1].fields == {"/a": "of all"})
    moved = {"/cues/0": {"start_seconds": 601.5}, "/cues/1": {"text": "x"}, "/a": "x"}
    told = {(one.segment, one.attempt): one for one in notes.told}
    assert {at: (one.sequence, one.fields) for at, one in told.items()} == {
        (None, 1): (1, {"/a": "of the whole"}),
        (None, 2): (1, {}),  # what was told of the whole is void
        (0, 2): (1, {"/a": "y"}),
        (1, 3): (1, moved),
        (None, 4): (1, {"/a": "of all"}),
    }
    assert len({decode_progress(record).event_id for record in notes.records}) == len(notes.records)


@pytest.mark.parametrize(("kind", "told"), [("number", 612.3), ("integer", 612)])
async def test_the_times_of_a_clip_are_told_as_the_result_has_them(kind, told):
    cue = {"type": "object", "properties": {"start_seconds": {"type": kind}}}
    schema = compile_schema({"properties": {"cues": {"type": "array", "items": cue}, "start_seconds": {"type": kind}}})
    notes = Notes()
    with Request(notes) as request:
        take = request.progress.attempt(plan(schema=schema), 1, timelines=("**",), by_seconds=600.3)
        take('{"cues": [{"start_seconds": 12}], "start_seconds": 12}')
        await until(lambda: notes.told and notes.told[-1].fields)
    assert notes.told[-1].fields == {"/cues/0": {"start_seconds": told}, "/start_seconds": told}


async def test_what_does_not_fit_the_topic_is_left_out_and_what_was_told_stays():
    notes = Notes()
    with Request(notes, most_bytes=2_000) as request:
        request.enter(Stage.ASK)
        take = request.progress.attempt(plan(), 1)
        document = {"a": "é" * 400, "b": "x" * 900, "cues": [{"n": n} for n in range(200)]}
        take(json.dumps(document, ensure_ascii=False))
        await until(lambda: notes.told and notes.told[-1].fields)
    fields = notes.told[-1].fields
    assert "/a" in fields
    assert "/b" not in fields
    assert 1 < len(fields) < 60
    assert all(weigh(record) <= 2_000 for record in notes.records)


async def test_a_request_that_leaves_no_room_is_not_told():
    notes = Notes()
    with Request(notes, most_bytes=300) as request:
        request.enter(Stage.ASK)
        assert request.progress.attempt(plan(), 1) is None
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert notes.told == []


async def test_words_and_speech_have_no_fields():
    notes = Notes()
    profile = load_profiles().get("converse")
    assert profile.free_text
    with Request(notes) as request:
        assert request.progress.attempt(plan(profile=profile), 1) is None
        assert request.progress.attempt(plan(kind="speech"), 2) is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("attempt"), st.sampled_from([None, 0, 1])),
        st.tuples(
            st.just("text"),
            st.integers(0, 3),
            st.sampled_from(['{"a": ', '"x"', ', "b": "', 'y", "cues": [{', "}, {", "}]}"]),
        ),
        st.tuples(st.just("stage"), st.sampled_from([Stage.PLAN, Stage.ASK, Stage.VALIDATE])),
        st.tuples(st.just("turn")),
    ),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_within_an_attempt_fields_only_grow_and_never_change(steps):
    notes = asyncio.run(played(steps))
    known, sequences = {}, {}
    for one in notes.told:
        at = (one.segment, one.attempt)
        assert one.sequence == sequences.get(at, 0) + 1
        sequences[at] = one.sequence
        assert known.get(at, {}).items() <= one.fields.items()
        known[at] = one.fields
    ids = [decode_progress(record).event_id for record in notes.records]
    assert len(set(ids)) == len(ids)


async def played(steps):
    notes, takers, number = Notes(), [], 1
    with Request(notes) as request:
        for kind, *what in steps:
            if kind == "attempt":
                takers.append(request.progress.attempt(plan(segment=what[0]), number))
                number += 1
            elif kind == "text" and takers:
                takers[-1 - what[0] % len(takers)](what[1])
            elif kind == "stage":
                request.enter(what[0])
            else:
                await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
    return notes


# The topic itself.

EVENT = KafkaRecord(topic=topics.PROGRESS, key=b"k", value=b"{}", headers=(("ce_id", b"1"),))


def topic_at(address, fates, **changes):
    return ProgressTopic(KafkaSettings(bootstrap_servers=address, **changes), clock=time.monotonic, count=fates.append)


@pytest.fixture
def broker():
    """librdkafka's mock cluster: the address of a listener that speaks Kafka, in this process."""
    owner = confluent_kafka.Producer({"test.mock.num.brokers": 1, "log_level": 0})
    [one] = owner.list_topics(timeout=10).brokers.values()
    yield f"{one.host}:{one.port}"
    del owner


async def test_an_event_is_published(broker):
    fates = []
    topic = topic_at(broker, fates)
    await topic.publish(EVENT)
    await topic.publish(EVENT)
    await topic.stop()
    assert fates == ["published", "published"]


async def test_what_the_broker_refuses_is_counted_and_said_once(broker, caplog):
    fates = []
    topic = topic_at(broker, fates, max_message_bytes=65_536)
    for _ in range(3):
        await topic.publish(replace(EVENT, value=b"x" * 100_000))
    await topic.stop()
    assert fates == ["failed", "dropped", "dropped"]
    assert [record.event for record in caplog.records if record.name.startswith("analysis_worker")] == ["progress_lost"]


async def test_a_broker_that_is_away_is_no_error(unused_tcp_port):
    fates = []
    topic = topic_at(f"127.0.0.1:{unused_tcp_port}", fates)
    async with asyncio.timeout(10):
        await topic.publish(EVENT)
        await topic.publish(EVENT)
        await topic.stop()
    assert fates == ["failed", "dropped"]
