"""A planned call in, what came of it out: opened in the ledger before it is made, judged, and closed with its usage.

Closed it is also when it is cancelled (law 6). The media are piped anew for each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from analysis_worker.errors import AnalysisError, CallCancelled, InternalError
from analysis_worker.ledger_format import OpenAttempt
from analysis_worker.provider.chat_span import chat_span, describe_call
from analysis_worker.provider.model_api import Call, OpenCall
from analysis_worker.provider.request_body import build_body
from analysis_worker.provider.stream import Uncounted
from analysis_worker.tokens import uncounted_tokens
from analysis_worker.tries import REPAIR, RETRY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from analysis_worker.accounts import Accounts
    from analysis_worker.ledger import Claim
    from analysis_worker.media.media_pipe import MediaPipe
    from analysis_worker.provider.model_api import ModelApi
    from analysis_worker.provider.stream import Answer
    from analysis_worker.values import AnalysisPlan, Findings
    from media_contracts import Attempt


class Listen(Protocol):
    """The planned call and its number in; what takes the text of its answer as it comes out."""

    def __call__(
        self, plan: AnalysisPlan, number: int, *, timelines: Sequence[str] = ..., by_seconds: float = ...
    ) -> Callable[[str], None] | None:
        """Return it, None when nobody wants the text; times in `timelines` lie so much later in the result."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempter:
    """What one call needs."""

    api: ModelApi
    accounts: Accounts
    fetch: Callable[[AnalysisPlan], AbstractAsyncContextManager[MediaPipe]]
    judge: Callable[[Answer, AnalysisPlan], Findings]
    """What an answer that came to its end is worth; raises the leaf that says what is wrong with it."""
    heard: Callable[[Answer], None]
    """Told of every answer, whole or not, so that a failure can say how far it came."""
    listen: Listen | None = None
    """Asked at each call for what takes its answer's text as it comes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What came of a call: `findings`, or the `fault`; `call` is how the call itself ended."""

    call: Call
    answer: Answer | None
    """With what a truncated answer before had said."""
    findings: Findings | None = None
    fault: AnalysisError | None = None


async def attempt(plan: AnalysisPlan, claim: Claim, *, by: Attempter, running: OpenCall, is_retry: bool) -> Made:
    """Make one call; a cancelled one is closed with what is known of it.

    Raises what the media pipe and the ledger raise.
    """
    opened = OpenAttempt(
        number=claim.next_number,
        kind=REPAIR if plan.is_repair else plan.kind,
        segment=plan.segment,
        model=plan.model,
        input_tokens=plan.input_tokens.total,
        reason=RETRY if is_retry else plan.reason,
    )
    try:
        await claim.open(opened)
        running.on_text = by.listen(plan, opened.number) if by.listen else None
        async with by.fetch(plan) as pipe:
            body = build_body(messages=plan.messages, media=pipe.parts, parameters=plan.parameters)
            with chat_span(plan.parameters, api=by.api, opened=opened) as span:
                made = None
                try:
                    call = await by.api.call(body, open_media=pipe.open, running=running)
                    made = _judged(call, plan, judge=by.judge)
                except BaseException as error:
                    # Cancelled, or the media pipe broke: the provider may have counted what it had until then.
                    made = made or _broken(running, error, by.api)
                    raise
                finally:
                    if made is not None:
                        closed = _close(claim, opened, made, accounts=by.accounts)
                        describe_call(span, attempt=closed, answer=made.call.answer, fault=made.fault)
                        if made.answer is not None:
                            by.heard(made.answer)
    finally:
        claim.discard(opened.number)  # still open: the store failed before anything was asked
    return made


def _judged(call: Call, plan: AnalysisPlan, *, judge: Callable[[Answer, AnalysisPlan], Findings]) -> Made:
    answer = call.answer
    if answer is not None and plan.prefix:
        answer = replace(answer, text=plan.prefix + answer.text)
    if call.fault is not None or answer is None:
        fault = call.fault or InternalError("a call ended with neither an answer nor a fault")
        return Made(call=call, answer=answer, fault=fault)
    try:
        return Made(call=call, answer=answer, findings=judge(answer, plan))
    except AnalysisError as fault:
        return Made(call=call, answer=answer, fault=fault)


def _broken(running: OpenCall, error: BaseException, api: ModelApi) -> Made:
    fault = error if isinstance(error, AnalysisError) else CallCancelled("the call was cut off by the worker")
    answer = api.stop(running)
    call = Call(answer=answer, fault=fault, asked=running.body_sent, sent=running.body_sent)
    return Made(call=call, answer=answer, fault=fault)


def _close(claim: Claim, opened: OpenAttempt, made: Made, *, accounts: Accounts) -> Attempt:
    call, answer = made.call, made.call.answer
    left = answer.uncounted if answer else Uncounted()
    closed = accounts.close(
        opened,
        outcome=made.fault.code if made.fault else "succeeded",
        reported=answer.usage if answer else None,
        unreported_tokens=uncounted_tokens(left, rule=accounts.rule_of(opened.model)),
        asked=call.asked,
    )
    if call.sent:
        claim.close(closed)
    else:  # no model has seen it: no attempt, or an outage of hours would fill the completion with them
        claim.discard(opened.number)
    return closed
