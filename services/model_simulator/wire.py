"""Pure: pieces of an answer and its usage in; the event-stream chunks, byte for byte in seed S1's shape, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """What every chunk of one call shares; `created` in whole seconds since 1970."""

    id: str
    created: int
    model: str

    def text(self, piece: str) -> bytes:
        """A piece of the answer; a thinking model's pieces, too, come without `reasoning_content` (S1)."""
        return self._chunk({"content": piece})

    def role(self) -> bytes:
        """A first chunk that names the role, as CHAT shows it and S1's sample without thinking does not."""
        return self._chunk({"content": "", "role": "assistant"})

    def role_with_reasoning(self) -> bytes:
        """A thinking model's first chunk (S1)."""
        return self._chunk({"content": None, "role": "assistant", "reasoning_content": ""})

    def reasoning(self, piece: str) -> bytes:
        """A piece of reasoning (S1)."""
        return self._chunk({"content": None, "reasoning_content": piece})

    def speech(self, data: str) -> bytes:
        """A piece of spoken answer: base64 of PCM without a header, and no `content` key (S1)."""
        audio_id = self.id.replace("chatcmpl-", "audio_")
        return self._chunk({"audio": {"data": data, "expires_at": self.created, "id": audio_id}})

    def finish(self, reason: str, *, thinking: bool, usage: dict[str, Any] | None = None) -> bytes:
        """The terminal chunk; `usage` only where a scenario puts it in the wrong place."""
        delta: dict[str, Any] = {"content": ""}
        if thinking:
            delta["reasoning_content"] = None
        choice = {"finish_reason": reason, "delta": delta, "index": 0, "logprobs": None}
        return _event(self._body([choice], usage))

    def usage(self, usage: dict[str, Any]) -> bytes:
        """The usage chunk, with no choices."""
        return _event(self._body([], usage))

    def whole(self, *, text: str, reasoning: str | None, reason: str, usage: dict[str, Any]) -> bytes:
        """An answer that is not streamed, as CHAT shows it."""
        message = {"role": "assistant", "content": text, "reasoning_content": reasoning or "", "refusal": None}
        choice = {"finish_reason": reason, "index": 0, "logprobs": None, "message": message | {"audio": None}}
        body = {"choices": [choice], "object": "chat.completion", "usage": usage, "created": self.created}
        return orjson.dumps(body | {"system_fingerprint": None, "model": self.model, "id": self.id})

    def _chunk(self, delta: dict[str, Any]) -> bytes:
        choice = {"delta": delta, "finish_reason": None, "index": 0, "logprobs": None}
        return _event(self._body([choice], None))

    def _body(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "choices": choices,
            "object": "chat.completion.chunk",
            "usage": usage,
            "created": self.created,
            "system_fingerprint": None,
            "model": self.model,
            "id": self.id,
        }


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"
