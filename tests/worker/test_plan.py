"""No plan exceeds its limits: whatever is asked, it is rejected by name or fits the card, the request and the budget."""

from __future__ import annotations

import asyncio
import io
import json
import random
import struct
import tempfile
import wave
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av import AudioFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.cutter import Cutter
from analysis_worker.cutting.shrink import SPEEDS
from analysis_worker.detail import pixel_choice
from analysis_worker.errors import (
    BudgetExceeded,
    CurrencyMismatch,
    FeatureUnsupported,
    InputTooLong,
    MediaDimensions,
    MediaForbidden,
    MediaKindUnsupported,
    MediaMissing,
    MediaTooMany,
    ParameterInvalid,
    ProfileNotSpoken,
    Rejected,
    RequestExpired,
)
from analysis_worker.local import LocalFiles
from analysis_worker.media.probe import ProbePool
from analysis_worker.plan import plan
from analysis_worker.planner import Planner
from analysis_worker.profiles import load_profiles
from analysis_worker.prompt import MediaSlot
from analysis_worker.receive import receive
from analysis_worker.values import Delivered
from media_contracts import KafkaRecord, Money

NOW = datetime(2026, 11, 21, tzinfo=UTC)
CATALOGUE, PROFILES = load_catalogue(), load_profiles()
MODELS = ("qwen3.8-omni-flash", "qwen3.5-omni-plus", "qwen3.5-omni-flash", "qwen3-omni-flash", "qwen-omni-turbo")


class Child:
    """One loop and one probing child for the whole file: starting one takes longer than a hundred plans."""

    runner: asyncio.Runner
    pool: ProbePool


CHILD = Child()


@pytest.fixture(scope="module", autouse=True)
def child():
    with asyncio.Runner() as CHILD.runner:
        CHILD.pool = ProbePool(children=1)
        CHILD.runner.run(CHILD.pool.__aenter__())
        yield
        CHILD.runner.run(CHILD.pool.__aexit__(None, None, None))


def png(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def wav(seconds=1):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16_000 * seconds))
    return buffer.getvalue()


def put(folder, name, data, kind):
    path = Path(folder) / name
    path.write_bytes(data)
    return {"kind": kind, "bucket": "local", "key": str(path)}


def planned(pictures=(), *, now=NOW, spent=None, allowed="local/*", sounds=0, past=(), url_hosts=(), **fields):
    """Plan a request for pictures of the given sides and seconds of sound, on the local disk.

    `past` has the kinds of media of each earlier user turn, each answered by the assistant.
    """
    with tempfile.TemporaryDirectory() as folder:
        media = [put(folder, f"{number}.png", png(*sides), "image") for number, sides in enumerate(pictures)]
        media += [put(folder, f"{number}.wav", wav(), "audio") for number in range(sounds)]
        of_kind = {
            "image": put(folder, "past.png", png(100, 80), "image"),
            "audio": put(folder, "past.wav", wav(), "audio"),
        }
        for kinds in past:
            turn = {"role": "user", "text": "And this?", "media": [of_kind[kind] for kind in kinds]}
            fields.setdefault("history", []).extend([turn, {"role": "assistant", "text": "{}"}])
        media += fields.pop("media", [])
        value = json.dumps({"request_id": "a", "media": media, "instruction": "x"} | fields).encode()
        record = KafkaRecord(topic="media.analysis.requested.v1", key=None, value=value)
        delivered = Delivered(record=record, partition=0, offset=0, timestamp_ms=int(NOW.timestamp() * 1000))
        job = receive(delivered, now=NOW, tenant_topics={}, default_deadline_seconds=3600)

        planner = Planner(
            store=LocalFiles(),
            pool=CHILD.pool,
            catalogue=CATALOGUE,
            profiles=PROFILES,
            allowed={"default": (allowed,)},
            url_hosts=frozenset(url_hosts),
            default_model="qwen3.5-omni-plus",
            region="beijing",
            cutter=Cutter(children=1),
            scratch_bytes=10 * 1024**3,
            reduce_model="qwen-plus",
            speeds=SPEEDS,
        )
        return CHILD.runner.run(plan(job, planner=planner, now=now, spent=spent))


def told_by_nobody(path, *, quiet_seconds, loud_seconds):
    """A stream of AAC, whose length is guessed from its first packets: silence takes next to no bytes."""
    loud = random.Random(0).randbytes(16_000)
    with av.open(str(path), "w", format="adts") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        for second in range(quiet_seconds + loud_seconds):
            frame = AudioFrame(format="s16", layout="mono", samples=8000)
            frame.planes[0].update(
                (bytes(16_000) if second < quiet_seconds else loud).ljust(frame.planes[0].buffer_size)
            )
            frame.sample_rate, frame.time_base, frame.pts = 8000, Fraction(1, 8000), second * 8000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize(("loud_seconds", "segments"), [(90, 2), (30, 0)])
def test_a_recording_whose_file_does_not_tell_its_length_is_cut_by_its_true_one(tmp_path, loud_seconds, segments):
    data = told_by_nobody(tmp_path / "a.aac", quiet_seconds=10, loud_seconds=loud_seconds)
    item = put(tmp_path, "b.aac", data, "audio")
    made = planned(media=[item], model={"detail": "fine"})
    length = made.media[0].probed.duration_seconds
    assert abs(length - loud_seconds - 10) < 0.5
    assert made.duration_seconds == length
    assert len(made.cut.segments if made.cut else ()) == segments


@settings(max_examples=40)
@given(
    pictures=st.lists(st.tuples(st.integers(1, 9000), st.integers(1, 9000)), max_size=3),
    model=st.sampled_from(MODELS),
    most_input=st.none() | st.integers(1, 5000),
    most_output=st.none() | st.integers(1, 200_000),
    budget=st.none() | st.decimals("0.000001", "2", places=6),
    detail=st.sampled_from(["quick", "extract", "standard", "fine"]),
    reasons=st.booleans(),
)
def test_a_plan_never_exceeds_its_limits(pictures, model, most_input, most_output, budget, detail, reasons):
    limits = {} if most_input is None else {"max_input_tokens": most_input}
    thinks = reasons and model in {"qwen3.8-omni-flash", "qwen3-omni-flash"}
    if budget is not None:
        limits["max_cost"] = {"amount": f"{budget:f}", "currency": "CNY"}
    choice = {"name": model, "detail": detail, "reasoning": {"enabled": True} if thinks else None}
    choice |= {} if most_output is None else {"max_output_tokens": most_output}
    try:
        made = planned(pictures, model=choice, limits=limits)
    except Rejected:
        return
    card = made.card
    tokens, output = made.input_tokens.total, made.parameters.max_tokens
    assert output <= card.context.max_output_tokens
    assert tokens <= (card.context.max_input_tokens or card.context.context_tokens - output)
    assert made.parameters.json_mode == (card.capabilities.json_mode and not thinks)
    assert made.pixels == pixel_choice(card, CATALOGUE.details[detail])
    assert most_input is None or tokens <= most_input
    assert most_output is None or output <= most_output
    assert budget is None or made.estimate.cost.decimal <= budget
    for medium in made.media:
        assert min(medium.probed.width, medium.probed.height) > 10
        assert max(medium.probed.width, medium.probed.height) <= 200 * min(medium.probed.width, medium.probed.height)


@pytest.mark.parametrize(
    ("sides", "passes"),
    [((11, 11), True), ((10, 500), False), ((11, 2200), True), ((11, 2201), False), ((30_000, 30_000), False)],
    ids=["just large enough", "ten pixels", "200:1", "over 200:1", "900 megapixels"],
)
def test_the_sides_of_a_picture(sides, passes):
    if passes:
        assert planned([sides]).media[0].probed.width == sides[0]
        return
    with pytest.raises(MediaDimensions):
        planned([sides])


def test_what_was_spent_before_counts_against_the_budget():
    limits = {"max_cost": {"amount": "1", "currency": "CNY"}}
    bound = planned(limits=limits).estimate.cost.decimal
    with pytest.raises(BudgetExceeded):
        planned(limits=limits, spent=Money.of(Decimal(1) - bound / 2, "CNY"))


def test_a_deadline_is_looked_at_first():
    with pytest.raises(RequestExpired):
        planned(now=NOW + timedelta(hours=2), profile="nobody")


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"limits": {"max_input_tokens": 1}}, InputTooLong),
        ({"model": {"max_output_tokens": 65_537}}, ParameterInvalid),
        ({"model": {"temperature": 2.0}}, ParameterInvalid),
        ({"model": {"name": "qwen3-omni-flash", "search": True}}, FeatureUnsupported),
        ({"model": {"name": "qwen-omni-turbo", "reasoning": {"enabled": True}}}, FeatureUnsupported),
        ({"model": {"reasoning": {"effort": "low", "budget_tokens": 9}}}, ParameterInvalid),
        ({"model": {"search": True}, "limits": {"max_cost": {"amount": "9", "currency": "CNY"}}}, CurrencyMismatch),
        ({"sounds": 2, "model": {"name": "qwen-omni-turbo"}}, MediaTooMany),
        ({"past": [["audio", "audio"]], "model": {"name": "qwen-omni-turbo"}}, MediaTooMany),
    ],
)
def test_one_over_is_rejected(fields, fault):
    with pytest.raises(fault):
        planned(**fields)


def test_what_the_tenant_may_not_read_is_not_even_looked_at():
    with pytest.raises(MediaForbidden):
        planned([(64, 64)], allowed="elsewhere/*")


def roles_and_slots(made):
    return [
        (message.role, [part.index for part in message.parts if isinstance(part, MediaSlot)])
        for message in made.messages
    ]


def test_search_is_asked_for_with_the_models_own_strategy():
    made = planned(model={"search": True})
    assert made.parameters.search
    assert made.estimate.cost is None


def test_media_are_spread_over_messages_where_the_model_takes_one_kind_a_message():
    mixed = {"pictures": [(100, 80), (90, 70)], "sounds": 1}
    assert roles_and_slots(planned(**mixed)) == [("system", []), ("user", [0, 1, 2])]
    spread = planned(**mixed, model={"name": "qwen3-omni-flash"})
    assert roles_and_slots(spread) == [("system", []), ("user", [0, 1]), ("user", [2])]
    assert [medium.item.kind for medium in spread.media] == ["image", "image", "audio"]


def test_earlier_turns_bring_their_own_media_and_their_own_counts():
    made = planned(sounds=1, past=[["audio"], ["image", "audio"]], model={"name": "qwen-omni-turbo"})
    assert roles_and_slots(made) == [
        ("system", []),
        ("user", [1]), ("assistant", []),
        ("user", [2]), ("user", [3]), ("assistant", []),
        ("user", [0]),
    ]  # fmt: skip
    assert made.input_tokens.audio == 3 * 25
    assert made.input_tokens.image == 14


def test_an_assistants_turn_holds_no_media():
    turn = {"role": "assistant", "text": "x", "media": [{"kind": "image", "bucket": "local", "key": "x"}]}
    with pytest.raises(MediaKindUnsupported, match=r"history\[0\]"):
        planned(history=[turn])


def test_media_that_nobody_here_has_seen_count_as_much_as_they_can_against_the_budget():
    film = {"kind": "video", "url": "https://films.example/a.mp4"}
    made = planned(media=[film], url_hosts=["films.example"])
    # 180,226 visual tokens and an hour of sound at the family's prices, with the margin of a plan.
    assert made.estimate.cost.decimal > Decimal("1.2") * (180_226 * 7 + 25_200 * 53) / 1_000_000
    assert made.input_tokens.video == 0
    with pytest.raises(BudgetExceeded):
        planned(media=[film], url_hosts=["films.example"], limits={"max_cost": {"amount": "1", "currency": "CNY"}})


@pytest.mark.parametrize(
    ("frames", "fault"), [(1, MediaTooMany), (2, MediaMissing), (2049, MediaTooMany)], ids=["one", "two", "2,049"]
)
def test_a_list_of_frames_is_counted_before_the_store_is_asked(frames, fault):
    media = [{"kind": "frames", "bucket": "local", "keys": ["/nowhere"] * frames}]
    with pytest.raises(fault):
        planned(media=media)


@pytest.mark.parametrize("fps", [0.05, 10.1])
def test_the_distance_of_frames_has_the_bounds_of_the_api(fps):
    media = [{"kind": "frames", "bucket": "local", "keys": ["/nowhere"] * 4, "fps": fps}]
    with pytest.raises(ParameterInvalid, match="fps"):
        planned(media=media)
    with pytest.raises(MediaMissing):  # a model that takes no fps is sent none
        planned(media=media, model={"name": "qwen-omni-turbo"})


def test_a_conversation_is_asked_in_free_text_and_with_a_voice_when_one_is_wanted():
    plain = planned(profile="converse")
    assert (plain.parameters.voice, plain.parameters.json_mode, plain.speech) == (None, False, None)
    assert "JSON" not in "".join(part.text for message in plain.messages for part in message.parts)
    spoken = planned([(64, 48)], profile="converse", speech={"voice": "Tina"})
    assert spoken.parameters.voice == "Tina"
    assert [message.role for message in spoken.messages] == ["system", "user"]
    # The hidden prompt of a spoken answer is counted (S1: 207 input tokens with speech and 11 without).
    silent = planned([(64, 48)], profile="converse")
    assert spoken.input_tokens.text - silent.input_tokens.text == 196
    assert spoken.estimate.cost.decimal > silent.estimate.cost.decimal


def test_a_model_that_takes_no_system_message_with_speech_gets_none():
    spoken = planned(profile="converse", speech={"voice": "Cherry"}, model={"name": "qwen-omni-turbo"})
    assert [message.role for message in spoken.messages] == ["user"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"profile": "transcribe", "sounds": 1}, ProfileNotSpoken),
        ({"profile": "converse", "model": {"name": "qwen3.8-omni-flash"}}, FeatureUnsupported),
        (
            {"profile": "converse", "model": {"name": "qwen3-omni-flash", "reasoning": {"enabled": True}}},
            FeatureUnsupported,
        ),
        ({"profile": "converse", "model": {"name": "qwen-omni-turbo"}}, ParameterInvalid),
        ({"profile": "converse", "output_schema": {"type": "object"}}, ParameterInvalid),
    ],
)
def test_what_cannot_be_spoken_is_rejected_by_name(fields, error):
    with pytest.raises(error):
        planned(speech={"voice": "Tina"}, **fields)
