"""Plan and claim in, `Answer` out: one streamed call after another until one is whole or no further try is allowed.

Every call is opened in the ledger before it is made and closed with its usage after it, also when it is cancelled
(law 6). The media are piped anew for each.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analysis_worker.chat_span import chat_span, describe_call
from analysis_worker.errors import (
    AnalysisError,
    CallCancelled,
    InternalError,
    ProviderRefused,
    ProviderThrottled,
    ProviderUnreachable,
)
from analysis_worker.ledger_format import OpenAttempt
from analysis_worker.model_api import Call, ModelApi, OpenCall
from analysis_worker.request_body import build_body
from analysis_worker.retry import RetryPolicy, next_delay
from analysis_worker.tokens import text_tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from analysis_worker.accounts import Accounts
    from analysis_worker.ledger import Claim
    from analysis_worker.media_pipe import MediaPipe
    from analysis_worker.stream import Answer
    from analysis_worker.values import AnalysisPlan, Job
    from media_contracts import Attempt

JSON_MODE_WORDS: Final = ("response_format", "json_object", "json mode")
UNCOUNTED: Final = (ProviderUnreachable, ProviderThrottled)
"""Faults that say nothing about the request: tried until its deadline, not `WORKER_MAX_ATTEMPTS` times."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """What asking needs."""

    api: ModelApi
    accounts: Accounts
    policy: RetryPolicy
    now: Callable[[], datetime]
    heard: Callable[[Answer], None]
    """Told of every answer, whole or not, so that a failure can say how far it came."""
    fetch: Callable[[AnalysisPlan], AbstractAsyncContextManager[MediaPipe]]


async def ask(job: Job, plan: AnalysisPlan, claim: Claim, *, asker: Asker) -> Answer:
    """Ask until an answer is whole.

    :raises AnalysisError: the last call's fault, when it may not be retried or the tries or the time run out.
    """
    tries = 0
    while True:
        call = await _attempt(plan, claim, asker=asker)
        if call.answer is not None:
            asker.heard(call.answer)
        if call.answer is not None and call.fault is None:
            return call.answer
        fault = call.fault or InternalError("a call ended with neither an answer nor a fault")
        if plan.parameters.json_mode and _refuses_json_mode(fault):
            # The list of models with JSON mode is contradictory (provider.md §1a); the prompt asks for JSON anyway.
            plan = replace(plan, parameters=replace(plan.parameters, json_mode=False))
            continue
        tries += 1
        policy = replace(asker.policy, max_attempts=tries + 1) if isinstance(fault, UNCOUNTED) else asker.policy
        delay = next_delay(
            attempt=tries,
            error=fault,
            now=asker.now().timestamp(),
            deadline=job.deadline.timestamp(),
            random=random.random(),  # noqa: S311 - jitter, no secret
            policy=policy,
        )
        if delay is None:
            raise fault
        await asyncio.sleep(delay)


async def _attempt(plan: AnalysisPlan, claim: Claim, *, asker: Asker) -> Call:
    """One call, opened before and closed after; a cancelled one is closed with what is known of it."""
    opened = OpenAttempt(
        number=claim.next_number, kind="analysis", model=plan.model, input_tokens=plan.input_tokens.total
    )
    await claim.open(opened)
    running = OpenCall()
    async with asker.fetch(plan) as pipe:
        body = build_body(messages=plan.messages, media=pipe.parts, parameters=plan.parameters)
        with chat_span(plan.parameters, api=asker.api, number=opened.number) as span:
            try:
                call = await asker.api.call(body, open_media=pipe.open, running=running)
            except BaseException as error:
                # Cancelled, or the media pipe broke: the provider may have counted what it had until then.
                call = _broken(running, error, asker.api)
                raise
            finally:
                attempt = _close(claim, opened, call, accounts=asker.accounts)
                describe_call(span, attempt=attempt, answer=call.answer, fault=call.fault)
    return call


def _close(claim: Claim, opened: OpenAttempt, call: Call, *, accounts: Accounts) -> Attempt:
    answer = call.answer
    outcome = call.fault.code if call.fault else "succeeded"
    seen = text_tokens(answer.text) + text_tokens(answer.reasoning) if answer else 0
    attempt = accounts.close(
        opened, outcome=outcome, reported=answer.usage if answer else None, output_tokens=seen, asked=call.asked
    )
    claim.close(attempt)
    return attempt


def _broken(running: OpenCall, error: BaseException, api: ModelApi) -> Call:
    fault = error if isinstance(error, AnalysisError) else CallCancelled("the call was cut off by the worker")
    return Call(answer=api.stop(running), fault=fault, asked=True)


def _refuses_json_mode(fault: AnalysisError) -> bool:
    text = fault.message.lower()
    return isinstance(fault, ProviderRefused) and any(word in text for word in JSON_MODE_WORDS)
