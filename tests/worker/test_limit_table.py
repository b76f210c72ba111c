"""One row per cell of the catalogue's limits: just within is planned, one over is rejected by name, and the simulator,
asked directly, refuses it as well. The rows are made from the cards, so a cell without a row cannot be.
"""

from __future__ import annotations

import asyncio
import io
import json
import wave
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from analysis_worker.cards import Capabilities, MediaLimits
from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.cutter import FilmLook
from analysis_worker.cutting.shrink import Speeds
from analysis_worker.errors import Rejected
from analysis_worker.limits import check_context, check_features, check_parameters, inline_bytes
from analysis_worker.media.probe import PathSource
from analysis_worker.media.probed import ProbedMedia
from analysis_worker.plan import plan
from analysis_worker.planner import Planner
from analysis_worker.profiles import load_profiles
from analysis_worker.receive import receive
from analysis_worker.values import Delivered, StoredObject
from media_contracts import KafkaRecord
from tests.simulator import samples
from tests.simulator.servers import run_file_server, run_simulator

NOW = datetime(2026, 11, 21, tzinfo=UTC)
CATALOGUE, PROFILES = load_catalogue(), load_profiles()
CARDS = list(CATALOGUE.cards.values())
TYPES = {"image": "image/jpeg", "audio": "audio/wav", "video": "video/mp4", "frames": "image/jpeg"}
# Two seconds are the least that the oldest family takes, and 11 by 11 pixels the least of every family.
SMALL = {
    "image": {"width": 11, "height": 11},
    "audio": {"duration_seconds": 2.0},
    "video": {"width": 11, "height": 11, "duration_seconds": 2.0, "fps": 25.0},
    "frames": {"width": 11, "height": 11},
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Media as a store and a probe would describe them; none of these bytes exist."""

    kind: str
    count: int = 1
    size_bytes: int = 1000
    frames: int = 4
    facts: dict[str, Any] = field(default_factory=dict)
    public: bool = True

    async def stat(self, bucket, key, version_id=None):
        return StoredObject(
            bucket=bucket, key=key, version_id=None, etag="e", size_bytes=self.size_bytes, content_type=None
        )

    async def read_head(self, stored, *, size_bytes):
        return b""

    def film_source(self, stored, *, index, kind):
        return PathSource(index=index, kind=kind, size_bytes=stored.size_bytes, path=Path("nowhere"))

    async def look(self, source):
        """What a child that looks where it may be cut would answer."""
        return FilmLook(key_frames=None, copies=True)

    async def ask(self, job, head):
        """What a probing child would answer."""
        form = TYPES[self.kind]
        return {"facts": {"format": form.partition("/")[2], "content_type": form} | SMALL[self.kind] | self.facts}


# What of an earlier turn has too many bytes is refused, but a picture is encoded smaller.
TOO_LARGE = {"image": "smaller", "frames": "smaller", "audio": "media_too_large", "video": "media_too_large"}


def planned(card, asked, *, earlier=True):
    """The code with which planning rejects these media, or null; "cut" or "smaller" when it takes them so.

    What has a length is asked about with an earlier turn, where nothing is cut, unless it is asked for itself.
    """
    item = {"kind": asked.kind, "bucket": "b"}
    item |= {"keys": ["k"] * asked.frames} if asked.kind == "frames" else {"key": "k"}
    document = {"request_id": "a", "media": [item] * asked.count, "model": {"name": card.name}}
    if earlier and asked.kind in {"audio", "video"}:
        turns = [{"role": "user", "text": "?", "media": document.pop("media")}, {"role": "assistant", "text": "{}"}]
        document |= {"instruction": "Why?", "history": turns}
    record = KafkaRecord(topic="media.analysis.requested.v1", key=None, value=json.dumps(document).encode())
    delivered = Delivered(record=record, partition=0, offset=0, timestamp_ms=int(NOW.timestamp() * 1000))
    job = receive(delivered, now=NOW, tenant_topics={}, default_deadline_seconds=3600)
    planner = Planner(
        store=asked,
        pool=asked,
        catalogue=CATALOGUE,
        profiles=PROFILES,
        allowed={"default": ("b/*",)},
        url_hosts=frozenset(),
        default_model="-",
        region="beijing",
        cutter=asked,
        scratch_bytes=10 * 1024**3,
        reduce_model="qwen-plus",
        speeds=Speeds(upload_bytes_per_second=10**12),
    )
    return code_of(lambda: asyncio.run(plan(job, planner=planner, now=NOW, spent=None)))


def code_of(call):
    try:
        made = call()
    except Rejected as fault:
        return fault.code
    if made is None:
        return None
    return "cut" if made.cut is not None else "smaller" if made.pictures else None


def largest_inline(kind, limit):
    """The most bytes whose data URI stays below the limit; base64 grows by four for every three."""
    empty = ProbedMedia(index=0, kind=kind, format="", content_type=TYPES[kind], size_bytes=0)
    return (limit - 1 - inline_bytes(empty)) // 4 * 3


@cache
def silence(seconds):
    """A long recording in few bytes: 8 bits, 400 times a second."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 1, 400, 0, "NONE", ""))
        file.writeframes(b"\x80" * int(400 * seconds))
    return buffer.getvalue()


@cache
def film(seconds, width=64, height=48):
    """A film of one picture a second (ten for a short one)."""
    if seconds < 10:
        return samples.clip(seconds, width, height)
    buffer = io.BytesIO()
    with samples.av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = samples.av.VideoFrame(width, height, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for number in range(int(seconds)):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def part(kind, *references):
    one = {"image": samples.image, "audio": samples.audio, "video": samples.video}
    return samples.frames(*references) if kind == "frames" else one[kind](*references)


def inline(kind, data):
    return samples.data_uri(data, TYPES[kind] if kind in {"image", "frames"} else "")


def of(kind, data):
    """One part with these bytes inline; a list has them four times."""
    return part(kind, *[inline(kind, data)] * (4 if kind == "frames" else 1))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A cell of one card: what passes, what does not and by which code, and the same for the simulator."""

    within: Asked
    over: Asked
    code: str
    refused: str
    """The simulator's row; its reading of the same page."""
    body: Any
    """Files → the parts that go over, as the provider is asked directly."""


def counts(kind, name, limit):
    by_url = name == "count_by_url"
    within = Asked(kind=kind, count=limit, public=by_url)
    reference = "https://media.example/a" if by_url else "data:;base64,"
    parts = [part(kind, *[reference] * (4 if kind == "frames" else 1))] * (limit + 1)
    return Row(
        within=within,
        over=replace(within, count=limit + 1),
        code="media_too_many",
        refused="too_many",
        body=lambda _files: parts,
    )


def bytes_by_url(kind, name, limit):
    def body(files):
        url = files.put(f"{kind}{limit}", b"x", TYPES[kind], **{"Content-Length": str(limit + 1)})
        return [part(kind, *[url] * (4 if kind == "frames" else 1))]

    within = Asked(kind=kind, size_bytes=limit)
    return Row(
        within=within,
        over=replace(within, size_bytes=limit + 1),
        code=TOO_LARGE[kind],
        refused="file_too_large",
        body=body,
    )


def bytes_inline(kind, name, limit):
    most = largest_inline(kind, limit)
    within = Asked(kind=kind, size_bytes=most, public=False)
    return Row(
        within=within,
        over=replace(within, size_bytes=most + 1),
        code=TOO_LARGE[kind],
        refused="data_uri_too_large",
        body=lambda _files: [of(kind, b"x" * (most + 1))],
    )


def seconds(kind, name, limit):
    over = limit + 1 if name == "seconds_max" else limit - 1
    data = {"audio": silence, "video": film}[kind]
    return Row(
        within=Asked(kind=kind, facts={"duration_seconds": limit}),
        over=Asked(kind=kind, facts={"duration_seconds": over}),
        code="media_duration",
        refused=f"{kind}_too_{'long' if over > limit else 'short'}",
        body=lambda _files: [of(kind, data(over))],
    )


def frames(kind, name, limit):
    over = limit + 1 if name == "frames_max" else limit - 1
    return Row(
        within=Asked(kind=kind, frames=limit),
        over=Asked(kind=kind, frames=over),
        code="media_too_many",
        refused="frame_list_range",
        body=lambda _files: [samples.frames(*[inline("frames", samples.picture())] * over)],
    )


def side(kind, name, limit):
    return Row(
        within=Asked(kind=kind, facts={"width": limit + 1, "height": 100}),
        over=Asked(kind=kind, facts={"width": limit, "height": 100}),
        code="media_dimensions",
        refused="image_geometry",
        body=lambda _files: [of(kind, samples.picture(limit, 100))],
    )


def ratio(kind, name, limit):
    long = int(limit) * 16
    # A film's sides are even.
    data = film(3, long + 2, 16) if kind == "video" else samples.picture(long + 1, 16)
    return Row(
        within=Asked(kind=kind, facts={"width": long, "height": 16}),
        over=Asked(kind=kind, facts={"width": long + 1, "height": 16}),
        code="media_dimensions",
        refused="video_ratio" if kind == "video" else "image_ratio",
        body=lambda _files: [of(kind, data)],
    )


MAKERS = {
    "count_by_url": counts,
    "count_inline": counts,
    "bytes_by_url": bytes_by_url,
    "bytes_inline": bytes_inline,
    "seconds_min": seconds,
    "seconds_max": seconds,
    "frames_min": frames,
    "frames_max": frames,
    "side_above_pixels": side,
    "ratio_max": ratio,
}
CELLS = [
    (card, kind, name, value)
    for card in CARDS
    for kind in ("image", "audio", "video", "frames")
    if (limits := getattr(card.media, kind)) is not None
    for name in MediaLimits.model_fields
    if (value := getattr(limits, name)) is not None
]


def cell_id(value):
    return getattr(value, "name", None) or str(value)


@pytest.fixture(scope="module")
def simulator():
    with run_simulator() as running:
        yield running


@pytest.fixture(scope="module")
def files():
    with run_file_server() as running:
        yield running


def refusal(simulator, document):
    """The row by which the simulator refuses a request, null when it answers."""
    simulator.http.delete("/simulator/calls")  # so that the log stays short
    simulator.ask(document).read()
    error = simulator.calls()[-1]["error"]
    return error["row"].removeprefix("refusal/") if error else None


def test_every_limit_of_a_card_has_a_row():
    assert MAKERS.keys() == MediaLimits.model_fields.keys()
    assert len(CELLS) > 140


@pytest.mark.parametrize(("card", "kind", "name", "limit"), CELLS, ids=cell_id)
def test_one_over_a_cards_limit_is_rejected_at_planning_and_refused_by_the_provider(
    simulator, files, card, kind, name, limit
):
    row = MAKERS[name](kind, name, limit)
    assert planned(card, row.within) is None
    assert planned(card, row.over) == row.code
    body = samples.body(*row.body(files), samples.text("Why?"), model=card.name)
    assert refusal(simulator, body) == row.refused


@pytest.mark.parametrize(("card", "kind", "name", "limit"), CELLS, ids=cell_id)
def test_what_is_too_long_or_too_large_to_be_sent_whole_is_cut(card, kind, name, limit):
    if kind not in {"audio", "video"} or name not in {"seconds_max", "bytes_by_url", "bytes_inline"}:
        return
    assert planned(card, MAKERS[name](kind, name, limit).over, earlier=False) == "cut"


@pytest.mark.parametrize("card", CARDS, ids=cell_id)
@pytest.mark.parametrize("kind", ["image", "audio", "video", "frames"])
def test_a_kind_that_a_card_lacks_is_rejected_and_refused(simulator, card, kind):
    if getattr(card.media, kind) is not None:
        assert planned(card, Asked(kind=kind)) is None
        return
    assert planned(card, Asked(kind=kind)) == "media_kind_unsupported"
    assert refusal(simulator, samples.body(of(kind, b"x"), model=card.name)) == "part_type"


class TestContext:
    """Tokens in and out; the simulator counts a text by its own rule, four ASCII characters a token and 7 around it."""

    def ask(self, simulator, card, tokens, **fields):
        document = samples.body(samples.text("abcd" * (tokens - 7)), model=card.name, max_tokens=1, **fields)
        return refusal(simulator, document)

    @pytest.mark.parametrize("card", CARDS, ids=cell_id)
    def test_the_answer(self, simulator, card):
        most = card.context.max_output_tokens
        check_context(card, input_tokens=1, max_output_tokens=most)
        assert code_of(lambda: check_context(card, input_tokens=1, max_output_tokens=most + 1)) == "parameter_invalid"
        assert refusal(simulator, samples.body(model=card.name, max_tokens=most)) is None
        assert refusal(simulator, samples.body(model=card.name, max_tokens=most + 1)) == "max_tokens_range"

    @pytest.mark.parametrize("card", [card for card in CARDS if card.context.max_input_tokens], ids=cell_id)
    def test_the_input(self, simulator, card):
        most = card.context.max_input_tokens
        check_context(card, input_tokens=most)
        assert code_of(lambda: check_context(card, input_tokens=most + 1)) == "input_too_long"
        switched_off = {"reasoning_effort": "none"} if card.capabilities.thinking == "on_by_default" else {}
        assert self.ask(simulator, card, most, **switched_off) is None
        assert self.ask(simulator, card, most + 1, **switched_off) == "input_length"

    @pytest.mark.parametrize("card", [card for card in CARDS if card.context.max_input_tokens_thinking], ids=cell_id)
    def test_the_input_of_a_model_that_thinks(self, simulator, card):
        most = card.context.max_input_tokens_thinking
        check_context(card, input_tokens=most, thinking=True)
        assert code_of(lambda: check_context(card, input_tokens=most + 1, thinking=True)) == "input_too_long"
        assert self.ask(simulator, card, most) is None
        assert self.ask(simulator, card, most + 1) == "input_length"

    @pytest.mark.parametrize("card", CARDS, ids=cell_id)
    def test_both_together(self, simulator, card):
        room = card.context.context_tokens - card.context.max_output_tokens
        longest = {"max_output_tokens": card.context.max_output_tokens}
        if card.context.max_input_tokens is None:
            check_context(card, input_tokens=room, **longest)
        assert code_of(lambda: check_context(card, input_tokens=room + 1, **longest)) == "input_too_long"
        assert self.ask(simulator, card, card.context.context_tokens + 1) == "input_length"


# Where a parameter stands in a body, and the simulator's row for one that is out of range.
PLACES = {
    "temperature": (None, "temperature_range"),
    "top_p": (None, "top_p_range"),
    "top_k": (None, "top_k_range"),
    "presence_penalty": (None, "presence_penalty_range"),
    "repetition_penalty": (None, "repetition_penalty_range"),
    "seed": (None, "seed_range"),
    "thinking_budget": (None, "thinking_budget_range"),
    "fps": (samples.video, "fps_range"),
    "image_min_pixels": (samples.image, "pixels_range"),
    "image_max_pixels": (samples.image, "pixels_range"),
    "frame_min_pixels": (samples.video, "pixels_range"),
    "frame_max_pixels": (samples.video, "pixels_range"),
}
WHOLE = {"top_k", "seed", "thinking_budget", *(name for name in PLACES if name.endswith("pixels"))}
BOUNDS = [
    (card, name, bound)
    for card in CARDS
    for name, bounds in card.parameters
    if bounds is not None
    for bound in ("minimum", "maximum")
    if getattr(bounds, bound) is not None
]


@pytest.mark.parametrize(("card", "name", "bound"), BOUNDS, ids=cell_id)
def test_a_parameter_past_its_bound_is_rejected_and_refused(simulator, card, name, bound):
    bounds = getattr(card.parameters, name)
    edge = getattr(bounds, bound)
    outwards = (1 if name in WHOLE else 0.01) * (1 if bound == "maximum" else -1)
    included = getattr(bounds, f"includes_{bound}")
    within, over = (edge, edge + outwards) if included else (edge - outwards, edge)
    check_parameters(card, **{name: within})
    assert code_of(lambda: check_parameters(card, **{name: over})) == "parameter_invalid"
    make, row = PLACES[name]

    def body(value):
        value = int(value) if name in WHOLE else value
        if make is None:
            return samples.body(samples.text("Why?"), model=card.name, **{name: value})
        wire = name.removeprefix("image_").removeprefix("frame_")
        return samples.body(make(**{wire: value}), model=card.name)

    assert refusal(simulator, body(over)) == row
    assert refusal(simulator, body(within)) is None


# A thing that a card says the model cannot do → what planning is asked, the code, the fields sent anyway, the row.
INABILITIES = {
    "search": ({"search": True}, "feature_unsupported", {"enable_search": True}, "search_unsupported"),
    "speech": (
        {"speech": True},
        "feature_unsupported",
        {"modalities": ["text", "audio"], "audio": {"voice": "Tina", "format": "wav"}},
        "speech_unsupported",
    ),
    "thinking": ({"thinking": True}, "feature_unsupported", {"enable_thinking": True}, "thinking_unsupported"),
}


@pytest.mark.parametrize("card", CARDS, ids=cell_id)
@pytest.mark.parametrize("name", INABILITIES)
def test_what_a_model_cannot_do_is_rejected_and_refused(simulator, card, name):
    wanted, code, fields, row = INABILITIES[name]
    if getattr(card.capabilities, name) in {True, "off_by_default", "on_by_default"}:
        check_features(card, **wanted)
        return
    assert code_of(lambda: check_features(card, **wanted)) == code
    assert refusal(simulator, samples.body(model=card.name, **fields)) == row


@pytest.mark.parametrize("card", [card for card in CARDS if card.capabilities.voices], ids=cell_id)
def test_a_voice_that_a_model_lacks_is_rejected_and_refused(simulator, card):
    for voice in card.capabilities.voices:
        check_features(card, speech=True, voice=voice)
    assert code_of(lambda: check_features(card, speech=True, voice="Nobody")) == "parameter_invalid"
    fields = {"modalities": ["text", "audio"], "audio": {"voice": "Nobody", "format": "wav"}}
    assert refusal(simulator, samples.body(model=card.name, **fields)) == "voice"


@pytest.mark.parametrize("card", CARDS, ids=cell_id)
def test_what_planning_never_asks_of_a_model_is_refused_by_the_provider(simulator, card):
    """JSON mode, a mix in one message and whole answers: the plan is made so that these are not sent."""
    abilities: Capabilities = card.capabilities
    as_json = samples.body(samples.text("Answer in JSON."), model=card.name, **samples.JSON_MODE)
    assert (refusal(simulator, as_json) is None) == abilities.json_mode
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}
    by_schema = samples.body(samples.text("Answer in JSON."), model=card.name, response_format=form)
    assert (refusal(simulator, by_schema) is None) == abilities.json_schema
    if card.media.image is not None:
        mixed = samples.body(samples.image(), samples.audio(), model=card.name)
        assert (refusal(simulator, mixed) is None) == abilities.mixes_modalities
    whole = samples.body(model=card.name, stream=False)
    assert (refusal(simulator, whole) is None) == (not abilities.stream_forced)
