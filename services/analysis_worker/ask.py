"""Plan and claim in, a judged answer out: one streamed call after another until one is good or no further is allowed.

A call that came to nothing is made again (tries.py), an answer that is not good goes up the ladder (ladder.py).
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, assert_never

from analysis_worker.accounts import spent
from analysis_worker.answers.ladder import (
    AskFallback,
    AskLonger,
    AskWithFaults,
    AskWithLessMedia,
    ContinueFrom,
    GiveUp,
    LeaveToRetry,
    Means,
)
from analysis_worker.answers.repair import affordable_tokens, next_step, repaired, resumed
from analysis_worker.attempt import Attempter, attempt
from analysis_worker.errors import AnalysisError, InternalError, PlanAnew, ProviderDown, ProviderRefused, PutOff
from analysis_worker.fallback import ANOTHER_MODEL
from analysis_worker.limits import money_left, require_budget
from analysis_worker.patience import patiently
from analysis_worker.prices import total_of
from analysis_worker.provider.model_api import OpenCall
from analysis_worker.provider.provider_errors import is_of_account
from analysis_worker.provider.response_schema import plainer
from analysis_worker.tries import Tries, counted, counts, not_good, of_question, used

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from analysis_worker.attempt import Made
    from analysis_worker.ledger import Claim
    from analysis_worker.provider.key_gate import KeyGate
    from analysis_worker.provider.model_api import Call
    from analysis_worker.provider.stream import Answer
    from analysis_worker.retry import RetryPolicy
    from analysis_worker.values import AnalysisPlan, Findings, Job
    from analysis_worker.wav import WavFile
    from media_contracts import Attempt, KafkaRecord, Money

FORMAT_WORDS: Final = ("response_format", "json_object", "json_schema", "json schema", "json mode", "grammar")
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """What asking needs."""

    by: Attempter
    policy: RetryPolicy
    now: Callable[[], datetime]
    is_last_model: bool = True
    """No fallback is left, so that a model in trouble is waited for."""
    key: KeyGate | None = None
    """Where a refused key is waited for; None: it fails the request."""
    sound: WavFile | None = None
    """Where the spoken answer goes while it streams."""
    later: Callable[[float], KafkaRecord | None] | None = None
    """The copy for a retry topic that falls due after so many seconds; None when none is in time."""
    under_way: dict[int | None, Money | None] = field(default_factory=dict)
    """What each call of the request that is being made may cost, by segment: those beside it pay from the same budget."""

    def gone(self, claim: Claim, *, segment: int | None = None) -> Money | None:
        """What is paid, and what the calls beside this one may cost."""
        beside = [cost for index, cost in self.under_way.items() if index != segment]
        return total_of([cost for cost in (spent(claim.attempts), *beside) if cost is not None])


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A good answer and what it holds."""

    answer: Answer
    findings: Findings


async def ask(job: Job, plan: AnalysisPlan, claim: Claim, *, asker: Asker) -> Asked:
    """Ask until an answer is good.

    :raises AnalysisError: the last call's fault, when no further call is allowed.
    :raises BudgetExceeded: when a further call may cost more than what is left of `limits.max_cost`.
    :raises PlanAnew: when the ladder's next step is another model, or less media at a time.
    :raises PutOff: when the next call had better be made later.
    """
    asking = _Asking(job, plan, claim, asker)
    asker.under_way[plan.segment] = asking.bound
    try:
        while True:
            await asking.admitted()
            made = await asking.call()
            if made.answer is not None and made.findings is not None:
                return Asked(answer=made.answer, findings=made.findings)
            await asyncio.sleep(asking.pause_after(made))
    finally:
        del asker.under_way[plan.segment]


class _Asking:
    """One question on its way to a good answer; `_question` is its next call."""

    def __init__(self, job: Job, plan: AnalysisPlan, claim: Claim, asker: Asker) -> None:
        self._job = job
        self._question = plan
        self._claim = claim
        self._asker = asker
        self._api = asker.by.api
        self._breaker = self._api.breaker(plan.model)
        self._tries = Tries(before=counted(self._asked()), answered=not_good(self._asked()), policy=asker.policy)
        self._is_retry = bool(self._asked())
        self._in_outage = False
        self._begun_at = 0.0
        self._question = resumed(plan, self._asked(), means=self._means(), bound=asker.by.accounts.bound)

    @property
    def bound(self) -> Money | None:
        """What the next call may cost."""
        return self._question.estimate.cost

    def _asked(self) -> tuple[Attempt, ...]:
        """The calls about the same thing so far, of all starts."""
        plan = self._question
        return of_question(self._claim.attempts, model=plan.model, kind=plan.kind, segment=plan.segment)

    async def admitted(self) -> None:
        """Wait until the model may be called; the deadline is the caller's.

        :raises ProviderDown: when it does not answer just now and another one may be asked instead.
        """
        asker, model = self._asker, self._question.model
        if asker.key is not None:
            await asker.key.passed()
        while (seconds := self._breaker.wait_seconds(self._api.clock())) > 0:
            if not asker.is_last_model:
                raise ProviderDown(f"{model} has not answered the last calls and was not asked: its breaker is open")
            await asyncio.sleep(seconds)

    async def call(self) -> Made:
        """One call, however long the store takes to give the media; the breaker is told how it ended."""
        self._in_outage, self._begun_at = self._breaker.is_open, self._api.clock()
        asker, breaker, plan = self._asker, self._breaker, self._question

        async def once() -> Made:
            running = OpenCall(on_token=breaker.answered, on_audio=await _listening(plan, asker.sound))
            return await attempt(plan, self._claim, by=asker.by, running=running, is_retry=self._is_retry)

        try:
            made = await patiently(once, wait=asyncio.sleep)
        except BaseException:
            breaker.abandoned()
            raise
        call = made.call
        if asker.key is not None:
            _tell(asker.key, call)
        if breaker.ended(call.fault, self._api.clock()) and call.fault is not None:
            extra = {"event": "breaker_opened", "model": plan.model, "error": call.fault.message}
            log.warning("calls wait", extra=extra)
        return made

    def pause_after(self, made: Made) -> float:
        """Decide on the next call after one that was not good; seconds until it is made.

        Raises what `ask` raises.
        """
        fault = made.fault or InternalError("a call ended with neither findings nor a fault")
        # A call that never left is the next one still, for the same reason.
        self._is_retry = self._is_retry or made.call.sent
        if is_of_account(fault) and self._asker.key is not None:
            return 0.0
        pause_seconds = 0.0
        parameters = plainer(self._question.parameters) if _refuses_format(fault) else None
        if parameters is not None:
            # The list of models with JSON mode is contradictory (provider.md §1a); the prompt asks for JSON anyway.
            self._question = replace(self._question, parameters=parameters)
        else:
            pause_seconds = self._climbed(fault, made)
        bound, segment = self.bound, self._question.segment
        require_budget(
            max_cost=self._job.request.limits.max_cost,
            bound=bound,
            spent=self._asker.gone(self._claim, segment=segment),
            model=self._question.model,
        )
        self._asker.under_way[segment] = bound
        return pause_seconds

    def _climbed(self, fault: AnalysisError, made: Made) -> float:
        step = next_step(self._question, fault, answer=made.answer, asked=self._asked(), means=self._means())
        match step:
            case ContinueFrom() | AskLonger() | AskWithFaults():
                self._is_retry = False
                self._tries.answered += 1
                self._question = repaired(self._question, step, bound=self._asker.by.accounts.bound)
                extra = {"event": "asked_again", "model": self._question.model, "reason": self._question.reason}
                log.warning("the answer is not good", extra=extra | {"error": fault.message})
                return 0.0
            case AskFallback() | AskWithLessMedia():
                raise PlanAnew(fault, less_media=isinstance(step, AskWithLessMedia))
            case GiveUp():
                raise step.fault
            case LeaveToRetry():
                return self._delay(step.fault, made)
            case _:
                assert_never(step)

    def _means(self) -> Means:
        """What is left for one more call."""
        asker, job, plan = self._asker, self._job, self._question
        left = money_left(job.request.limits.max_cost, asker.gone(self._claim, segment=plan.segment))
        context = plan.card.context
        return Means(
            max_output_tokens=plan.max_output_tokens,
            # A server refuses what the context has no room for, whatever the model's own limit is.
            card_max_output_tokens=min(context.max_output_tokens, context.context_tokens - plan.input_tokens.total),
            calls_left=asker.policy.max_attempts - used(self._asked()),
            seconds_left=(job.deadline - asker.now()).total_seconds(),
            call_seconds=self._api.clock() - self._begun_at,
            affordable_tokens=None if left is None else affordable_tokens(plan, left, bound=asker.by.accounts.bound),
            can_continue=plan.card.capabilities.continues_prefix,
            can_lessen=plan.can_lessen,
            has_fallback=not asker.is_last_model,
        )

    def _delay(self, fault: AnalysisError, made: Made) -> float:
        """Seconds until the same call is made again here.

        :raises AnalysisError: `fault`, when there is none. :raises PutOff: when it is made later.
        """
        asker, tries = self._asker, self._tries
        delay = tries.delay(
            fault,
            is_counted=counts(made.call, fault, in_outage=self._in_outage, is_last_model=asker.is_last_model),
            now=asker.now().timestamp(),
            deadline=self._job.deadline.timestamp(),
            random=random.random(),  # noqa: S311 - jitter, no secret
        )
        if delay is None:
            raise fault
        if not tries.enough_here(delay):
            return delay
        if not asker.is_last_model and isinstance(fault, ANOTHER_MODEL):
            raise fault
        copy = asker.later(delay) if asker.later else None
        if copy is not None:
            raise PutOff(fault, copy)
        return delay


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


def _refuses_format(fault: AnalysisError) -> bool:
    text = fault.message.lower()
    return isinstance(fault, ProviderRefused) and any(word in text for word in FORMAT_WORDS)
