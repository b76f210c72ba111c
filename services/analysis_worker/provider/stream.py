"""Pure: the bytes of one streamed answer in (with the instants at which they came), an `Answer` out.

What the wire looks like is provider.md §3. Three things are kept apart (law 7): the finish reason that the model
gave, the way in which the stream ended, and (elsewhere) whether the text is the JSON that was asked for.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from analysis_worker.errors import (
    AnalysisError,
    AnswerEmpty,
    AnswerTruncated,
    ContentFiltered,
    ProviderUnavailable,
    StreamCut,
    StreamStalled,
)
from analysis_worker.provider.chat_chunk import decode_event, first_choice, string_of
from analysis_worker.provider.provider_errors import classify_error_object, error_object_of
from analysis_worker.provider.sse import SseDecoder
from analysis_worker.provider.usage import ReportedUsage, fuller, read_usage

StreamEnd = Literal["closed", "cut", "stalled", "stopped"]
"""How the transport ended: the server closed in order, the connection broke, it fell silent, or we stopped reading."""

Ending = Literal["finished", "truncated", "filtered", "cut", "stalled", "error"]
"""What became of the answer; only *finished* may be a success."""

_DONE: Final = "[DONE]"
_NOT_WHOLE: Final = frozenset({"length", "content_filter"})
# 131,072 output tokens are about 1 MB; whoever sends more than this is not answering.
_MAX_TEXT_CHARACTERS: Final = 32 * 1024 * 1024
# Enough to read an error body that came as plain JSON under a 200.
_MAX_PLAIN_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Uncounted:
    """What was received and no usage report counts: all of it without a report, nothing once the last one is in."""

    text: str = ""
    reasoning: str = ""
    audio_bytes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """All that one call brought; times are seconds, `first_token_seconds` from the start of the call and
    `stream_seconds` from the first token to the last event.
    """

    text: str
    reasoning: str
    finish_reason: str | None
    ending: Ending
    usage: ReportedUsage | None
    response_id: str | None
    model: str | None
    first_token_seconds: float | None
    stream_seconds: float | None
    chunks: int
    audio_bytes: int
    provider_error: AnalysisError | None
    uncounted: Uncounted = Uncounted()


class StreamReader:
    """Read one streamed answer; feed it bytes as they come, then say how the transport ended.

    `started_at` and every `now` are seconds of one clock. `on_audio` gets the spoken answer (headerless 16-bit PCM at
    24 kHz, provider.md §3) piece by piece, so that it need not be held in memory.
    """

    def __init__(
        self, *, started_at: float, http_status: int = 200, on_audio: Callable[[bytes], None] | None = None
    ) -> None:
        self._started_at = started_at
        self._http_status = http_status
        self._on_audio = on_audio
        # An event that is no UTF-8 must not pass for JSON: what the model said is lost.
        self._decoder = SseDecoder(undecodable="surrogateescape")
        self._plain = bytearray()
        self._content: list[str] = []
        self._transcript: list[str] = []
        self._reasoning: list[str] = []
        self._audio_base64 = ""
        self._audio_bytes = 0
        self._finish_reason: str | None = None
        self._usage: ReportedUsage | None = None
        self._usage_grew = False
        self._goes_on = False
        """Something was said after the last finish reason."""
        self._saw_done = False
        self._lengths = {"content": 0, "transcript": 0, "reasoning": 0}
        self._counted = dict(self._lengths, audio=0)
        self._garbled = False
        self._response_id: str | None = None
        self._model: str | None = None
        self.last_event_at: float | None = None
        self._chunks = 0
        self._error: AnalysisError | None = None
        self.first_token_at: float | None = None
        self.done = False

    def feed(self, chunk: bytes, now: float) -> str:
        """Take bytes that arrived at `now`; return the answer text that they added. Never raises on what they say."""
        if self.done:
            return ""  # after [DONE] or an error nothing counts, in whatever chunk it comes
        if not self._chunks:
            self._plain += chunk[: _MAX_PLAIN_BYTES - len(self._plain)]
        return self._take_events(lambda: self._decoder.feed(chunk), now)

    def finish(self, end: StreamEnd, now: float) -> Answer:
        """Say how the transport ended and return what came of it; the reader is spent."""
        garbled = self._garbled  # half an event at the end is a cut, not noise on the wire
        if not self.done:
            self._take_events(self._decoder.finish, now)
        if not self._chunks and not self.done:
            # A server that ignores `stream`, or that reports an error as plain JSON under a 200.
            self._take_event(self._plain.decode("utf-8-sig", errors="surrogateescape"), now)
        if garbled:
            self._fail(ProviderUnavailable("an event of the model's stream is no JSON: a part of the answer is lost"))
        first, last = self.first_token_at, self.last_event_at
        # Both forms of a spoken answer's text are known (S1: content, S2 and S3: audio.transcript).
        text, reasoning = "".join(self._content) or "".join(self._transcript), "".join(self._reasoning)
        return Answer(
            text=text,
            reasoning=reasoning,
            finish_reason=self._finish_reason,
            ending=self._ending(end),
            usage=self._usage,
            response_id=self._response_id,
            model=self._model,
            first_token_seconds=None if first is None else first - self._started_at,
            stream_seconds=None if first is None or last is None else last - first,
            chunks=self._chunks,
            audio_bytes=self._audio_bytes,
            provider_error=self._error,
            uncounted=self._uncounted(text, reasoning, end),
        )

    def _has_ended(self, end: StreamEnd) -> bool:
        # What is said after a finish reason is whole by the end of the stream alone.
        return self._finish_reason is not None and (not self._goes_on or self._saw_done or end == "closed")

    def _uncounted(self, text: str, reasoning: str, end: StreamEnd) -> Uncounted:
        # A report before the last piece of an answer that ended is the whole; one of a series counts up to its place.
        is_counted = self._usage is not None and self._usage.completion_tokens > 0
        if is_counted and self._has_ended(end) and not self._usage_grew:
            return Uncounted()
        counted = self._counted
        return Uncounted(
            text=text[counted["content" if self._content else "transcript"] :],
            reasoning=reasoning[counted["reasoning"] :],
            audio_bytes=self._audio_bytes - counted["audio"],
        )

    def _ending(self, end: StreamEnd) -> Ending:
        if self._error is not None:
            return "filtered" if isinstance(self._error, ContentFiltered) else "error"
        match self._finish_reason:
            case "stop" if self._has_ended(end):
                # All came before it; a connection that breaks now costs the usage chunk at most.
                return "finished"
            case "length":
                return "truncated"
            case "content_filter":
                return "filtered"
            case _:
                # No reason, or one that we never ask for (tool_calls): nothing says that the text is whole.
                return "stalled" if end == "stalled" else "cut"

    def _take_events(self, decode: Callable[[], list[str]], now: float) -> str:
        try:
            events = decode()
        except ProviderUnavailable as error:
            self._fail(error)
            return ""
        return "".join([self._take_event(event, now) for event in events if not self.done])

    def _take_event(self, data: str, now: float) -> str:
        if data.strip() == _DONE:
            self.done = self._saw_done = True
            return ""
        documents, garbled = decode_event(data)
        self._garbled = self._garbled or garbled
        return "".join(self._take_document(document, now) for document in documents)

    def _take_document(self, document: Mapping[str, Any], now: float) -> str:
        self._chunks += 1
        self.last_event_at = now
        error = error_object_of(document)
        if error is not None:
            self._fail(classify_error_object(error, http_status=self._http_status))
        self._response_id = self._response_id or string_of(document, "id") or None
        self._model = self._model or string_of(document, "model") or None
        choice = first_choice(document)
        said_before = self._said
        delta = choice.get("delta") or choice.get("message")
        added = self._take_delta(delta, now) if isinstance(delta, Mapping) else ""
        self._take_finish(string_of(choice, "finish_reason"), has_said=self._said > said_before)
        self._take_usage(read_usage(document.get("usage")))
        return added

    @property
    def _said(self) -> int:
        return sum(self._lengths.values()) + self._audio_bytes

    def _take_finish(self, reason: str, *, has_said: bool) -> None:
        # Text and sound may each end with a reason of their own (vLLM-Omni): what one lacks the other does not bring.
        if reason and self._finish_reason not in _NOT_WHOLE:
            self._finish_reason = reason
        self._goes_on = not reason and (self._goes_on or (has_said and self._finish_reason is not None))

    def _take_usage(self, usage: ReportedUsage | None) -> None:
        # Some servers report with every chunk what they have counted so far (provider.md §3: null until the last).
        if usage is None:
            return
        known = self._usage
        self._usage_grew = self._usage_grew or (known is not None and known.completion_tokens < usage.completion_tokens)
        self._usage = usage if known is None else fuller(known, usage)
        if usage.completion_tokens:  # zero counts nothing of what was said, wherever it stands
            self._counted = dict(self._lengths, audio=self._audio_bytes)

    def _take_delta(self, delta: Mapping[str, Any], now: float) -> str:
        content, reasoning = string_of(delta, "content"), string_of(delta, "reasoning_content")
        audio = delta.get("audio")
        spoken = audio if isinstance(audio, Mapping) else {}
        transcript, sound = string_of(spoken, "transcript"), string_of(spoken, "data")
        if self.first_token_at is None and (content or reasoning or transcript or sound):
            self.first_token_at = now
        pieces = {"content": content, "reasoning": reasoning, "transcript": transcript}
        if sum(self._lengths.values()) + sum(map(len, pieces.values())) > _MAX_TEXT_CHARACTERS:
            self._fail(ProviderUnavailable(f"the model's answer has more than {_MAX_TEXT_CHARACTERS} characters"))
            return ""
        for name, kept in (
            ("content", self._content),
            ("reasoning", self._reasoning),
            ("transcript", self._transcript),
        ):
            if pieces[name]:
                kept.append(pieces[name])
                self._lengths[name] += len(pieces[name])
        if sound:
            self._take_sound(sound)
        return content

    def _take_sound(self, base64_text: str) -> None:
        # Pieces of one base64 text need not break at its groups of four.
        whole = self._audio_base64 + base64_text
        border = len(whole) - len(whole) % 4
        self._audio_base64 = whole[border:]
        try:
            sound = binascii.a2b_base64(whole[:border], strict_mode=True)
        except ValueError:  # binascii.Error, or text beyond ASCII
            self._fail(ProviderUnavailable("the spoken answer is no base64"))
            return
        self._audio_bytes += len(sound)
        if self._on_audio is not None:
            self._on_audio(sound)

    def _fail(self, error: AnalysisError) -> None:
        # The first error names the cause; what follows it is its echo.
        self._error = self._error or error
        self.done = True


def answer_fault(answer: Answer) -> AnalysisError | None:
    """Return the leaf for an answer that is not good, None for one that finished with text.

    A time-out of the whole call is the caller's to name (`CallTimeout`, `DeadlineExceeded`): here it is a cut.
    """
    if answer.provider_error is not None:
        return answer.provider_error
    got = f"after {answer.chunks} chunks and {len(answer.text)} characters"
    match answer.ending:
        case "finished":
            return None if answer.text.strip() else AnswerEmpty("the model finished without a word")
        case "truncated":
            return AnswerTruncated(
                f"the answer stopped at its length limit {got}; raise model.max_output_tokens or ask for less"
            )
        case "filtered":
            return ContentFiltered(f"the provider's moderation stopped the answer {got}")
        case "stalled":
            return StreamStalled(f"the stream fell silent {got}")
        case "cut" | "error":
            return StreamCut(f"the stream ended without a finish reason {got}")
