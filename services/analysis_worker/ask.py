"""Plan and claim in, `Answer` out: one streamed call after another until one is whole or no further try is allowed.

Every call is opened in the ledger before it is made and closed with its usage after it, also when it is cancelled
(law 6). The media are piped anew for each.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analysis_worker.accounts import spent
from analysis_worker.chat_span import chat_span, describe_call
from analysis_worker.errors import (
    AnalysisError,
    CallCancelled,
    InternalError,
    ProviderDown,
    ProviderRefused,
    PutOff,
)
from analysis_worker.fallback import ANOTHER_MODEL
from analysis_worker.ledger_format import OpenAttempt
from analysis_worker.limits import require_budget
from analysis_worker.model_api import Call, ModelApi, OpenCall
from analysis_worker.patience import patiently
from analysis_worker.provider_errors import is_of_account
from analysis_worker.request_body import build_body
from analysis_worker.stream import Uncounted
from analysis_worker.tokens import uncounted_tokens
from analysis_worker.tries import Tries, counted, counts, of_question

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from analysis_worker.accounts import Accounts
    from analysis_worker.breaker import Breaker
    from analysis_worker.key_gate import KeyGate
    from analysis_worker.ledger import Claim
    from analysis_worker.media_pipe import MediaPipe
    from analysis_worker.retry import RetryPolicy
    from analysis_worker.stream import Answer
    from analysis_worker.values import AnalysisPlan, Job
    from analysis_worker.wav import WavFile
    from media_contracts import Attempt, KafkaRecord

JSON_MODE_WORDS: Final = ("response_format", "json_object", "json mode")
log = logging.getLogger(__name__)


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
    is_last_model: bool = True
    """No fallback is left, so that a model in trouble is waited for."""
    key: KeyGate | None = None
    """Where a refused key is waited for; None: it fails the request."""
    sound: WavFile | None = None
    """Where the spoken answer goes while it streams."""
    later: Callable[[float], KafkaRecord | None] | None = None
    """The copy for a retry topic that falls due after so many seconds; None when none is in time."""


async def ask(job: Job, plan: AnalysisPlan, claim: Claim, *, asker: Asker) -> Answer:
    """Ask until an answer is whole.

    :raises AnalysisError: the last call's fault, when it may not be retried or the tries or the time run out.
    :raises BudgetExceeded: when a further call may cost more than what is left of `limits.max_cost`.
    :raises PutOff: when the next call had better be made later.
    """
    asked = of_question(claim.attempts, model=plan.model, kind=plan.kind, segment=plan.segment)
    tries = Tries(before=counted(asked), policy=asker.policy)
    breaker = asker.api.breaker(plan.model)
    while True:
        await _admitted(plan.model, breaker, asker)
        in_outage = breaker.is_open
        call = await _call(plan, claim, asker=asker, breaker=breaker)
        if call.answer is not None and call.fault is None:
            return call.answer
        fault = call.fault or InternalError("a call ended with neither an answer nor a fault")
        if is_of_account(fault) and asker.key is not None:
            continue
        if plan.parameters.json_mode and _refuses_json_mode(fault):
            # The list of models with JSON mode is contradictory (provider.md §1a); the prompt asks for JSON anyway.
            plan = replace(plan, parameters=replace(plan.parameters, json_mode=False))
            delay: float | None = 0.0
        else:
            is_counted = counts(call, fault, in_outage=in_outage, is_last_model=asker.is_last_model)
            delay = _delay(tries, fault, is_counted=is_counted, job=job, asker=asker)
        if delay is None:
            raise fault
        require_budget(
            max_cost=job.request.limits.max_cost,
            bound=plan.estimate.cost,
            spent=spent(claim.attempts),
            model=plan.model,
        )
        await asyncio.sleep(delay)


def _delay(tries: Tries, fault: AnalysisError, *, is_counted: bool, job: Job, asker: Asker) -> float | None:
    """Seconds until the next call here, or None.

    :raises AnalysisError: `fault`, when the next call goes to another model. :raises PutOff: when it is made later.
    """
    delay = tries.delay(
        fault,
        is_counted=is_counted,
        now=asker.now().timestamp(),
        deadline=job.deadline.timestamp(),
        random=random.random(),  # noqa: S311 - jitter, no secret
    )
    if delay is None or not tries.enough_here(delay):
        return delay
    if not asker.is_last_model and isinstance(fault, ANOTHER_MODEL):
        raise fault
    copy = asker.later(delay) if asker.later else None
    if copy is not None:
        raise PutOff(fault, copy)
    return delay


async def _admitted(model: str, breaker: Breaker, asker: Asker) -> None:
    """Wait until the model may be called; the deadline is the caller's.

    :raises ProviderDown: when it does not answer just now and another one may be asked instead.
    """
    if asker.key is not None:
        await asker.key.passed()
    while (seconds := breaker.wait_seconds(asker.api.clock())) > 0:
        if not asker.is_last_model:
            raise ProviderDown(f"{model} has not answered the last calls and was not asked: its breaker is open")
        await asyncio.sleep(seconds)


async def _call(plan: AnalysisPlan, claim: Claim, *, asker: Asker, breaker: Breaker) -> Call:
    """One call, however long the store takes to give the media; the breaker is told how it ended."""

    async def attempt() -> Call:
        running = OpenCall(on_token=breaker.answered, on_audio=await _listening(plan, asker.sound))
        return await _attempt(plan, claim, asker=asker, running=running)

    try:
        call = await patiently(attempt, wait=asyncio.sleep)
    except BaseException:
        breaker.abandoned()
        raise
    if asker.key is not None:
        _tell(asker.key, call)
    if breaker.ended(call.fault, asker.api.clock()) and call.fault is not None:
        log.warning("calls wait", extra={"event": "breaker_opened", "model": plan.model, "error": call.fault.message})
    return call


async def _listening(plan: AnalysisPlan, sound: WavFile | None) -> Callable[[bytes], None] | None:
    """What takes the sound of one call; what an earlier one said is forgotten."""
    if sound is None or plan.parameters.voice is None:
        return None
    await sound.make_room(plan.sound_bytes)
    sound.begin()
    return sound.write


def _tell(key: KeyGate, call: Call) -> None:
    if call.fault is not None and is_of_account(call.fault):
        key.refuse(call.fault.message)
    elif call.answer is not None or (call.fault is not None and call.fault.http_status is not None):
        key.grant()


async def _attempt(plan: AnalysisPlan, claim: Claim, *, asker: Asker, running: OpenCall) -> Call:
    """One call, opened before and closed after; a cancelled one is closed with what is known of it."""
    opened = OpenAttempt(
        number=claim.next_number,
        kind=plan.kind,
        segment=plan.segment,
        model=plan.model,
        input_tokens=plan.input_tokens.total,
    )
    try:
        await claim.open(opened)
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
                    if call.answer is not None:
                        asker.heard(call.answer)
    finally:
        claim.discard(opened.number)  # still open: the store failed before anything was asked
    return call


def _close(claim: Claim, opened: OpenAttempt, call: Call, *, accounts: Accounts) -> Attempt:
    answer = call.answer
    outcome = call.fault.code if call.fault else "succeeded"
    left = answer.uncounted if answer else Uncounted()
    attempt = accounts.close(
        opened,
        outcome=outcome,
        reported=answer.usage if answer else None,
        unreported_tokens=uncounted_tokens(left, rule=accounts.rule_of(opened.model)),
        asked=call.asked,
    )
    if call.sent:
        claim.close(attempt)
    else:  # no model has seen it: no attempt, or an outage of hours would fill the completion with them
        claim.discard(opened.number)
    return attempt


def _broken(running: OpenCall, error: BaseException, api: ModelApi) -> Call:
    fault = error if isinstance(error, AnalysisError) else CallCancelled("the call was cut off by the worker")
    return Call(answer=api.stop(running), fault=fault, asked=running.body_sent, sent=running.body_sent)


def _refuses_json_mode(fault: AnalysisError) -> bool:
    text = fault.message.lower()
    return isinstance(fault, ProviderRefused) and any(word in text for word in JSON_MODE_WORDS)
