"""A chat-completions call on the socket in; the provider's answer or refusal, and its line in the call log, out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from model_simulator.calls import Call, CallLog, shortened
from model_simulator.chat_request import ChatRequest, Media, load_body, read_request
from model_simulator.checks import check_request
from model_simulator.delivery import Delivery, Gone, Lines, custom_error, watch_client
from model_simulator.performance import plan_performance
from model_simulator.refusal import Refused, refuse
from model_simulator.scenario import GATE_FAULTS, Action, CustomError, Direction, Director
from model_simulator.tally import tally_input
from model_simulator.upload import BodyBudget, Departed, announced_bytes, read_body
from model_simulator.wire import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from model_simulator.examine import Examiner
    from model_simulator.facts import Facts
    from model_simulator.rule_table import RuleTable


TOO_MANY = 429


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """What every call needs; `now` in seconds since 1970, `new_id` a fresh UUID; no keys: any that begins right."""

    rules: RuleTable
    director: Director
    log: CallLog
    examiner: Examiner
    budget: BodyBudget
    held: set[asyncio.Event]
    keys: frozenset[str]
    now: Callable[[], float]
    new_id: Callable[[], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prepared:
    request: ChatRequest
    facts: tuple[Facts, ...]
    direction: Direction


class ChatEndpoint:
    """The ASGI application behind `POST /compatible-mode/v1/chat/completions`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call; whatever happens, its record is closed."""
        desk = self._desk
        headers = dict(Request(scope).headers)
        call = desk.log.open(call_id=f"chatcmpl-{desk.new_id()}", at=desk.now(), headers=headers)
        lines = Lines(send=send, gone=asyncio.Event(), released=asyncio.Event())
        desk.held.add(lines.released)
        try:
            await self._answer(call, headers, receive, lines)
        except (Gone, Departed):
            call.client_disconnected = True
            call.status = "cut"
        except asyncio.CancelledError:  # the server shuts down
            call.status = "cut"
            raise
        finally:
            desk.held.discard(lines.released)
            call.ended_at = desk.now()

    async def _answer(self, call: Call, headers: dict[str, str], receive: Receive, lines: Lines) -> None:
        try:
            check_key(headers, self._desk.keys, self._desk.rules)
            prepared = await self._prepare(call, headers, receive)
        except Refused as refused:
            await _send_refusal(refused, call, lines)
            return
        watcher = asyncio.create_task(watch_client(receive, lines))
        try:
            await self._deliver(call, prepared, lines)
        finally:
            watcher.cancel()

    async def _prepare(self, call: Call, headers: dict[str, str], receive: Receive) -> _Prepared:
        desk = self._desk
        async with desk.budget.room(announced_bytes(headers)):
            body = await read_body(receive, desk.rules)
            call.body_bytes = len(body)
            document = load_body(body, desk.rules)
            del body
            call.model = document["model"] if isinstance(document.get("model"), str) else None
            call.parameters = {key: value for key, value in document.items() if key not in {"messages", "model"}}
            request = read_request(document, desk.rules)
            del document
            texts = request.texts()
            call.texts = [shortened(text) for text in texts]
            json_mode = request.response_format() != "text"
            direction = desk.director.direct(model=request.model_name, texts=texts, json_mode=json_mode)
            call.fault = direction.action.fault
            pass_gate(direction.action, desk.rules)
            check_request(request, desk.rules)
            seen = [await desk.examiner.examine(media, request.model.family) for media in request.media()]
        call.parts = [one.summary for one in seen]
        return _Prepared(request=lightened(request), facts=tuple(one.facts for one in seen), direction=direction)

    async def _deliver(self, call: Call, prepared: _Prepared, lines: Lines) -> None:
        desk, request, direction = self._desk, prepared.request, prepared.direction
        try:
            inputs = tally_input(request, prepared.facts, desk.rules)
        except Refused as refused:
            await _send_refusal(refused, call, lines)
            return
        delivery = Delivery(
            request=request,
            performance=plan_performance(request, prepared.facts, direction, desk.rules),
            inputs=inputs,
            direction=direction,
            envelope=Envelope(id=call.id, created=int(call.at), model=request.model_name),
            call=call,
            rules=desk.rules,
        )
        try:
            await (delivery.stream(lines) if request.stream else delivery.whole(lines))
        finally:
            delivery.settle()


def check_key(headers: dict[str, str], keys: frozenset[str], rules: RuleTable) -> None:
    """Raise the 401 for a missing key, one that does not begin as keys do, or one that is not among `keys`."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    good = key in keys if keys else key.startswith(rules.limit("key_prefix"))
    if scheme.lower() != "bearer" or not good:
        raise refuse(rules, "key")


def pass_gate(action: Action, rules: RuleTable) -> None:
    """Raise the error that the scenario wants instead of an answer, if it wants one."""
    fault = action.fault
    if fault not in GATE_FAULTS or (fault == "content_filtered" and action.after_chunks is not None):
        return
    refused = (
        custom_error(action.error or CustomError()) if fault == "error" else refuse(rules, action.row or str(fault))
    )
    refused.retry_after_seconds = action.retry_after_seconds
    if refused.status == TOO_MANY and action.retry_after_seconds is None and rules.limit("retry_after_header"):
        refused.retry_after_seconds = 60.0
    raise refused


def lightened(request: ChatRequest) -> ChatRequest:
    """The request without its media's bytes, so that a long stream does not keep them in memory."""
    messages = tuple(
        replace(
            message,
            parts=tuple(
                replace(part, references=tuple("" for _ in part.references)) if isinstance(part, Media) else part
                for part in message.parts
            ),
        )
        for message in request.messages
    )
    return replace(request, messages=messages)


async def _send_refusal(refused: Refused, call: Call, lines: Lines) -> None:
    body, content_type = refused.payload(call.id)
    status = 200 if refused.delivery == "stream" else refused.status
    call.http_status = status
    call.status = "error" if refused.delivery == "stream" else "refused"
    call.error = _named(refused)
    headers = [(b"content-length", str(len(body)).encode())]
    if refused.retry_after_seconds is not None:
        headers.append((b"retry-after", f"{refused.retry_after_seconds:g}".encode()))
    await lines.start(status, content_type.encode(), *headers)
    await lines.body(body, more=False)


def _named(refused: Refused) -> dict[str, Any]:
    return {"row": refused.row_id, "status": refused.status, "code": refused.code, "message": refused.message}
