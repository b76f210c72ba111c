"""The report: one page that needs nothing else, shows every outcome, and lets no text of a stranger become markup."""

from __future__ import annotations

import html.parser
import io
import json
import wave
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_analysis.demo.sounds import sound_of
from media_analysis.report import DeadLetter, Picture, Subtitles, add_up, read_spans, render_report
from media_analysis.report.charts import cost_bar, waterfall
from media_analysis.report.markup import document, tag
from media_analysis.report.spans import tree_rows
from tests.cli.stories import (
    ended,
    entry,
    film_pictures,
    in_segments,
    report,
    span,
    succeeded,
    thumbnail,
    trace_of_one_request,
    whole_story,
)

HOSTILE = """</script></style><script>alert('x"&y')</script><img src=http://evil.example/x onerror=alert(1)>\x00\ud7ff ]]>-->{{7*7}}"""
VOID = {"meta", "img", "track"}


class Page(html.parser.HTMLParser):
    """Reads a page strictly: every element must be closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)

    def names(self) -> set[str]:
        return {name for name, _ in self.tags}

    def words(self) -> str:
        return "".join(self.text)


def test_the_page_says_first_that_the_answers_come_from_the_simulator() -> None:
    words = Page(render_report(whole_story())).words()
    assert words.index("These answers come from the simulator, not from a model.") < words.index("requests sent")


def test_the_page_of_a_real_model_does_not_mention_the_simulator() -> None:
    page = render_report(report(entry(completion=succeeded()), simulated=False, answers_from="qwen3.5-omni-plus."))
    assert "simulator" not in Page(page).words()


def test_the_page_shows_every_outcome_with_its_code() -> None:
    words = Page(render_report(whole_story())).words()
    for wanted in (
        "succeeded",
        "rejected",
        "failed",
        "dead letter",
        "media_forbidden",
        "deadline_exceeded",
        "not_json",
    ):
        assert wanted in words


def test_the_page_asks_for_nothing_outside_itself() -> None:
    page = Page(render_report(whole_story()))
    addresses = [value for _, attributes in page.tags for key, value in attributes.items() if key in {"src", "href"}]
    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses if address)
    assert not page.names() & {"script", "link", "iframe", "object", "base", "form"}


def test_every_link_of_the_table_leads_to_a_card() -> None:
    page = Page(render_report(whole_story()))
    links = {attributes["href"] for name, attributes in page.tags if name == "a"}
    assert links == {f"#{attributes['id']}" for name, attributes in page.tags if name == "article"}


def test_hostile_text_in_every_place_stays_text() -> None:
    calm = Page(render_report(_story_with("calm"))).names()
    page = Page(render_report(_story_with(HOSTILE)))
    assert page.names() == calm
    assert "alert('x\"&y')" in page.words()
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40))
def test_no_text_changes_the_structure_of_the_page(text: str) -> None:
    assert [name for name, _ in Page(render_report(_story_with(text))).tags if name != "span"] == [
        name for name, _ in Page(render_report(_story_with("calm"))).tags if name != "span"
    ]


def _story_with(text: str):
    attributes = {"key": text, "gen_ai.request.model": text}
    done = succeeded(result={"text": text}, model=text)
    return report(
        entry(
            1,
            completion=done,
            title=text,
            expected=text,
            request_id=text,
            requested={"instruction": text},
            pictures=(Picture(data_uri="data:image/png;base64,AA==", caption=text),),
            spans=(span(text, 0, 1, attributes=attributes, error=text), span("b", 0.1, 0.2, span_id="b")),
        ),
        entry(2, completion=ended("failed", "answer_not_json", text or "-"), as_expected=False),
        entry(3, requested=text, dead_letter=DeadLetter(reason="not_json", message=text)),
        title=text,
        answers_from=text,
        notes=(text,),
    )


def test_a_repeated_request_counts_as_an_outcome_but_is_paid_once() -> None:
    totals = add_up(whole_story().entries)
    assert totals.outcomes == {"succeeded": 3, "failed": 1, "rejected": 1, "dead letter": 1}
    assert totals.usage.calls == 2
    assert totals.cost == {"CNY": Decimal("0.014232")}
    assert totals.parts["CNY"]["input_image"] == Decimal("0.003612")


def test_amounts_of_two_currencies_are_never_added() -> None:
    dollars = succeeded().cost.model_copy(update={"currency": "USD"})
    totals = add_up([entry(1, completion=succeeded()), entry(2, completion=succeeded("b", cost=dollars))])
    assert totals.cost == {"CNY": Decimal("0.007116"), "USD": Decimal("0.007116")}


def test_a_call_without_a_price_is_counted_as_unpriced_not_as_free() -> None:
    story = report(entry(completion=succeeded(cost=None)))
    assert add_up(story.entries).unpriced == 1
    assert "1 without a price" in Page(render_report(story)).words()


def test_a_request_without_an_end_is_shown_as_such() -> None:
    assert "no end" in Page(render_report(report(entry()))).words()


def test_an_empty_story_still_makes_a_page() -> None:
    assert "Nothing was paid." in Page(render_report(report())).words()


def test_the_bar_shows_each_part_in_proportion() -> None:
    page = Page(
        cost_bar("CNY", {"output_text": Decimal("0.003"), "input_text": Decimal("0.001"), "search": Decimal(0)})
    )
    bars = [attributes for name, attributes in page.tags if name == "rect"]
    assert [float(bar["width"] or 0) for bar in bars] == [248.0, 748.0]
    assert "25.0 %" in page.words()
    assert "search" not in page.words()


def test_a_waterfall_has_a_row_for_each_span_parents_first() -> None:
    page = Page(waterfall(trace_of_one_request()))
    names = [text for text in page.text if text in {one.name for one in trace_of_one_request()}]
    assert names == [
        "demo: publish → completion",
        "analyse",
        "receive",
        "recall",
        "plan",
        "ask",
        "chat qwen3.5-omni-plus",
        "validate",
        "record",
        "publish",
    ]


def test_spans_that_are_their_own_ancestors_come_once() -> None:
    circle = (span("a", 0, 1, span_id="a", parent="b"), span("b", 0, 1, span_id="b", parent="a"))
    assert [(depth, one.name) for depth, one in tree_rows(circle)] == [(0, "a"), (1, "b")]


def test_a_span_without_its_parent_is_a_root() -> None:
    assert [depth for depth, _ in tree_rows((span("orphan", 0, 1, parent="gone"),))] == [0]


def test_the_sinks_lines_are_read_and_others_passed_over() -> None:
    line = json.dumps(
        {
            "traceId": "t",
            "spanId": "s",
            "parentSpanId": "",
            "name": "chat m",
            "kind": 3,
            "startTimeUnixNano": "1000",
            "endTimeUnixNano": "3000",
            "attributes": [
                {"key": "n", "value": {"intValue": "7"}},
                {"key": "l", "value": {"arrayValue": {"values": [{"stringValue": "a"}]}}},
            ],
            "events": [{"timeUnixNano": "2000", "name": "first token"}],
            "status": {"code": 2, "message": "cut"},
        }
    )
    spans = read_spans(["Listening on port 1", line, line[:40], '{"severityText": "INFO"}', "[1]", "null", ""])
    assert [(one.name, one.parent_id, one.client, one.error) for one in spans] == [("chat m", None, True, "cut")]
    assert spans[0].attributes == {"n": 7, "l": ["a"]}
    assert spans[0].moments[0].at_nanoseconds == 2000


def test_a_style_sheet_that_would_end_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="end it early"):
        document(title="t", style="</style><script>", body=tag("body"))


def test_thumbnails_are_inside_the_page() -> None:
    picture = thumbnail()
    assert picture.data_uri in render_report(report(entry(completion=succeeded(), pictures=(picture,))))


def test_a_spoken_answer_is_played_by_the_page_itself() -> None:
    spoken = sound_of(wav(seconds=2))
    page = render_report(report(entry(completion=succeeded(), sound=spoken)))
    [(_, attributes)] = [one for one in Page(page).tags if one[0] == "audio"]
    assert (attributes["controls"], attributes["src"]) == ("controls", spoken.data_uri)
    assert "The spoken answer, 2" in Page(page).words()
    assert "media-src data:" in page


def test_subtitles_are_shown_over_what_they_are_of_and_can_be_kept() -> None:
    files = Subtitles(srt_uri="data:s", webvtt_uri="data:v", medium_uri="data:m")
    page = Page(render_report(report(entry(completion=succeeded(), subtitles=files))))
    assert [attributes["src"] for name, attributes in page.tags if name in {"video", "track"}] == ["data:m", "data:v"]
    kept = {attributes["download"]: attributes["href"] for name, attributes in page.tags if "download" in attributes}
    assert kept == {"subtitles.srt": "data:s", "subtitles.vtt": "data:v"}
    unplayed = replace(files, medium_uri=None)
    page = Page(render_report(report(entry(completion=succeeded(), subtitles=unplayed))))
    assert "video" not in page.names()


def wav(*, seconds: int) -> bytes:
    body = io.BytesIO()
    with wave.open(body, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(bytes(48_000 * seconds))
    return body.getvalue()


def test_a_medium_in_segments_shows_each_with_its_outcome_usage_and_cost_and_what_reduced_them() -> None:
    words = Page(render_report(report(entry(completion=in_segments(length=7500.5))))).words()
    assert "3 segments, coverage partial" in words
    for wanted in ("segment 2", "41:40.167", "1:23:22.333", "2:05:00.5", "failed: content_filtered", "qwen-plus"):
        assert wanted in words
    assert "the whole4" in words.replace(" ", "").replace("thewhole", "the whole")
    assert words.count("0.005000 CNY") == 4


def test_a_film_shows_its_pictures_in_the_order_of_time() -> None:
    page = Page(render_report(report(entry(completion=succeeded(), strip=film_pictures()))))
    shown = [attributes["alt"] for name, attributes in page.tags if name == "img"]
    assert shown == ["The film at 0:00", "The film at 2:05"]
