"""Pure: one entry in, its card out: pictures, facts, result or error, traces, and the documents word for word."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from media_analysis.report import figures
from media_analysis.report.charts import waterfall
from media_analysis.report.markup import Markup, join, tag
from media_analysis.report.pieces import film_strip, segments_table
from media_analysis.report.totals import outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media_analysis.report.values import Entry, Span, Subtitles
    from media_contracts import AnalysisCompleted

_SHOWN_CHARACTERS: Final = 20_000
_TOKENS: Final = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)')


def pill(entry: Entry) -> Markup:
    """Return the outcome as a word with a shape and a colour, none of which is needed alone."""
    outcome = outcome_of(entry)
    mark = {"succeeded": "✓", "rejected": "⊘", "failed": "✕", "dead letter": "✉", "no end": "?"}[outcome]
    return tag("span", {"class": f"pill {outcome.replace(' ', '-')}"}, f"{mark} {outcome}")


def code_of(entry: Entry) -> str | None:
    """Return the stable code of what went wrong, if something did."""
    if entry.completion is not None and entry.completion.error is not None:
        return entry.completion.error.code
    return entry.dead_letter.reason if entry.dead_letter is not None else None


def card(entry: Entry) -> Markup:
    """Return everything about one entry."""
    heading = tag("h3", None, tag("span", {"class": "faint"}, f"{entry.number} "), entry.title, " ", pill(entry))
    verdict = tag(
        "p",
        {"class": "holds" if entry.as_expected else "broken"},
        ("✓ as expected: " if entry.as_expected else "✕ expected otherwise: ") + entry.expected,
    )
    aside = tag("div", {"class": "aside"}, *map(_figure, entry.pictures), _facts(entry))
    main = tag(
        "div",
        {"class": "main"},
        verdict,
        film_strip(entry.strip),
        *_outcome(entry),
        *_traces(entry),
        *_documents(entry),
    )
    return tag("article", {"id": f"r{entry.number}"}, heading, tag("div", {"class": "columns"}, aside, main))


def pretty(document: Any) -> Markup:
    """Return a JSON document, indented and tinted; what is longer than a page is cut, and says so."""
    body = json.dumps(document, ensure_ascii=False, indent=2, default=str)
    cut = len(body) > _SHOWN_CHARACTERS
    shown = body[:_SHOWN_CHARACTERS]
    return tag(
        "pre", None, join(*_tinted(shown)), f"\n… {len(body) - _SHOWN_CHARACTERS:,} characters more" if cut else None
    )


def _tinted(body: str) -> Iterator[str]:
    last = 0
    for match in _TOKENS.finditer(body):
        yield body[last : match.start()]
        quoted, colon, plain = match.groups()
        if quoted is None:
            yield tag("span", {"class": "jn"}, plain)
        else:
            yield tag("span", {"class": "jk" if colon else "js"}, quoted)
            yield colon or ""
        last = match.end()
    yield body[last:]


def _figure(picture: Any) -> Markup:
    return tag(
        "figure",
        None,
        tag("img", {"src": picture.data_uri, "alt": picture.caption}),
        tag("figcaption", None, picture.caption),
    )


def _facts(entry: Entry) -> Markup:
    rows: list[tuple[str, str | None]] = [("request", entry.request_id)]
    if entry.completion is not None:
        rows += _facts_of(entry.completion)
        rows.append(("told first", entry.told_first))
        rows.append(("paid", f"once, with request {entry.duplicate_of}" if entry.duplicate_of is not None else None))
    terms = [join(tag("dt", None, name), tag("dd", None, value)) for name, value in rows if value]
    return tag("dl", None, *terms)


def _facts_of(done: AnalysisCompleted) -> list[tuple[str, str | None]]:
    usage, timings = done.usage, done.timings
    given = {
        "text": usage.input.text,
        "image": usage.input.image,
        "video": usage.input.video,
        "audio": usage.input.audio,
    }
    made = {"text": usage.output.text, "audio": usage.output.audio, "reasoning": usage.output.reasoning}
    return [
        ("tenant", done.tenant),
        ("labels", ", ".join(f"{key} = {value}" for key, value in done.labels.items())),
        ("profile", f"{done.profile.name} {done.profile.version}" if done.profile else None),
        ("model", done.model),
        ("tokens in", _split(usage.input_tokens, given) if usage.calls else None),
        ("tokens out", _split(usage.output_tokens, made) if usage.calls else None),
        ("of these estimated", _estimated(done)),
        ("cost", f"{figures.amount(done.cost.decimal)} {done.cost.currency}" if done.cost and usage.calls else None),
        ("calls", str(usage.calls)),
        ("queued", _time(timings.queued_seconds)),
        ("first token", _time(timings.first_token_seconds)),
        ("total", _time(timings.total_seconds)),
        ("delivery", ", ".join(dict.fromkeys(item.delivery for item in done.media if item.delivery))),
        ("finish", done.finish_reason),
    ]


def _time(value: float | None) -> str | None:
    return None if value is None else figures.seconds(value)


def _split(total: int, parts: dict[str, int | None]) -> str:
    named = ", ".join(f"{name} {figures.count(part)}" for name, part in parts.items() if part)
    return f"{figures.count(total)} ({named})" if named else figures.count(total)


def _estimated(done: AnalysisCompleted) -> str | None:
    estimated = done.usage.estimated
    return (
        f"{figures.count(estimated.input_tokens)} in, {figures.count(estimated.output_tokens)} out"
        if estimated.calls
        else None
    )


def _outcome(entry: Entry) -> Iterator[Markup]:
    done = entry.completion
    if entry.dead_letter is not None:
        yield _trouble(entry.dead_letter.reason, "dead-letter topic", entry.dead_letter.message)
    if done is None:
        return
    if done.error is not None:
        origin = (
            f"{done.error.stage}, {'may be asked again' if done.error.retryable else 'asking again would not help'}"
        )
        yield _trouble(done.error.code, origin, done.error.message)
    elif done.result_ref is not None:
        yield tag(
            "p",
            None,
            f"The result lies at {done.result_ref.bucket}/{done.result_ref.key}, {figures.size(done.result_ref.size_bytes)}.",
        )
    else:
        yield pretty(done.result)
    if entry.sound is not None:
        yield tag(
            "figure",
            None,
            tag("audio", {"controls": "controls", "preload": "metadata", "src": entry.sound.data_uri}),
            tag("figcaption", None, entry.sound.caption),
        )
    if entry.subtitles is not None:
        yield _subtitled(entry.subtitles)
    yield from filter(None, [segments_table(done)])
    for warning in done.warnings:
        where = f" ({warning.path})" if warning.path else ""
        yield tag("p", {"class": "warning"}, tag("code", None, warning.code), f"{where} {warning.message}")


def _subtitled(found: Subtitles) -> Markup:
    """What was subtitled, played with its subtitles, and both files to keep; a recording is played as a film without a picture."""
    track = tag("track", {"default": "default", "kind": "subtitles", "label": "WebVTT", "src": found.webvtt_uri})
    player = tag("video", {"controls": "controls", "preload": "metadata", "src": found.medium_uri}, track)
    files = (("subtitles.srt", found.srt_uri), ("subtitles.vtt", found.webvtt_uri))
    links = [join(tag("a", {"download": name, "href": uri}, name), " ") for name, uri in files]
    return tag("figure", None, player if found.medium_uri else None, tag("figcaption", None, "The subtitles: ", *links))


def _trouble(code: str, origin: str, message: str) -> Markup:
    return tag(
        "div",
        {"class": "trouble"},
        tag("code", None, code),
        tag("span", {"class": "faint"}, f" {origin}"),
        tag("p", None, message),
    )


def _traces(entry: Entry) -> Iterator[Markup]:
    traces: dict[str, list[Span]] = {}
    for span in entry.spans:
        traces.setdefault(span.trace_id, []).append(span)
    for trace_id, spans in traces.items():
        yield tag("h4", None, "Trace ", tag("code", {"class": "faint"}, trace_id))
        yield waterfall(tuple(spans))


def _documents(entry: Entry) -> Iterator[Markup]:
    sent = tag("pre", None, entry.requested) if isinstance(entry.requested, str) else pretty(entry.requested)
    yield tag("details", None, tag("summary", None, "The request as it was sent"), sent)
    if entry.completion is not None:
        told = entry.completion.model_dump(mode="json")
        yield tag("details", None, tag("summary", None, "The completion as it was published"), pretty(told))
