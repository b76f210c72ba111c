"""A validated answer in, its spoken form out, or the warning that says why there is none.

Never a fault of the request: the analysis is paid for and whole, with speech or without.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Final, assert_never

from analysis_worker.accounts import spent
from analysis_worker.answers.pointer import text_at
from analysis_worker.ask import Asker, ask
from analysis_worker.errors import AnalysisError, Stopped
from analysis_worker.limits import require_budget
from analysis_worker.outline import texts_of
from analysis_worker.prices import upper_bound
from analysis_worker.speech import (
    KIND,
    SpokenAfter,
    SpokenBeside,
    is_word_for_word,
    most_sound_bytes,
    reading_messages,
    reading_parameters,
)
from analysis_worker.tokens import InputTokens, PixelChoice, input_tokens, most_speech_tokens, text_tokens
from analysis_worker.wav import SpeechLost, SpokenFile
from media_contracts import Estimate, WarningInfo

if TYPE_CHECKING:
    from datetime import datetime

    from analysis_worker.ledger import Claim
    from analysis_worker.values import AnalysisPlan, Findings, Job

log = logging.getLogger(__name__)
PATH: Final = "/speech"


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """What came of the wish for a spoken answer."""

    file: SpokenFile | None = None
    warnings: tuple[WarningInfo, ...] = ()


NOT_SPOKEN: Final = Spoken()


async def speak(job: Job, plan: AnalysisPlan, findings: Findings, claim: Claim, *, asker: Asker, region: str) -> Spoken:
    """Finish the file of the call that spoke as it answered, or have the text read aloud by a call of its own.

    Cancellation and `Stopped` are the only things raised.
    """
    try:
        return await _spoken(job, plan, findings, claim, asker=asker, region=region)
    except SpeechLost as lost:
        code, why = "speech_missing", str(lost)
    except TimeoutError:
        code, why = "speech_failed", f"the deadline {job.deadline.isoformat()} passed while it was read aloud"
    except Stopped:
        raise
    except AnalysisError as fault:
        code, why = "speech_failed", f"{fault.code}: {fault.message}"
    except Exception as error:
        log.exception("unforeseen", extra={"event": "internal_error", "stage": "speech"})
        code, why = "speech_failed", f"internal_error: {type(error).__name__}: a fault of the worker's"
    log.warning("not spoken", extra={"event": "not_spoken", "code": code, "error": why})
    return Spoken(warnings=(WarningInfo(code=code, path=PATH, message=why),))


async def _spoken(
    job: Job, plan: AnalysisPlan, findings: Findings, claim: Claim, *, asker: Asker, region: str
) -> Spoken:
    """What `speak` returns when all goes well.

    :raises SpeechLost: without a text to read, or a sound.
    """
    match plan.speech:
        case None:
            return NOT_SPOKEN
        case SpokenBeside():
            return Spoken(file=await _finished(asker))
        case SpokenAfter() as after:
            text = text_at(findings.value, after.pointer)
            if not text:
                raise SpeechLost(f"the answer has no text at {after.pointer}, so nothing was read")
            reading = reading_plan(plan, after, text, region=region, now=asker.now())
            async with asyncio.timeout(max((job.deadline - asker.now()).total_seconds(), 0)):
                return await _read(job, reading, text, claim, asker=asker)
        case _:
            assert_never(plan.speech)


def reading_plan(plan: AnalysisPlan, after: SpokenAfter, text: str, *, region: str, now: datetime) -> AnalysisPlan:
    """The call that reads a text aloud."""
    messages = reading_messages(text, language=after.language)
    tokens = input_tokens(card=after.card, texts=texts_of(messages), speech=True)
    bound = upper_bound(
        card=after.card,
        region=region,
        expected=tokens,
        max_output_tokens=most_speech_tokens(text, card=after.card),
        speech=True,
        on=now.astimezone(UTC).date(),
    )
    return replace(
        plan,
        model=after.model,
        card=after.card,
        media=(),
        messages=messages,
        parameters=reading_parameters(after),
        pixels=PixelChoice(),
        input_tokens=tokens,
        estimate=Estimate(input_tokens=tokens.total, cost=bound),
        speech=None,
        sound_bytes=most_sound_bytes(text_tokens(text)),
        kind=KIND,
        unseen_tokens=InputTokens(),
        reasoning_tokens=0,
        reason=None,
        can_lessen=False,
    )


async def _read(job: Job, reading: AnalysisPlan, text: str, claim: Claim, *, asker: Asker) -> Spoken:
    require_budget(
        max_cost=job.request.limits.max_cost,
        bound=reading.estimate.cost,
        spent=spent(claim.attempts),
        model=reading.model,
    )
    asked = await ask(job, reading, claim, asker=asker)
    file = await _finished(asker)
    if is_word_for_word(asked.answer.text, text):
        return Spoken(file=file)
    said = "the model did not read the text word for word; the text is what holds"
    return Spoken(file=file, warnings=(WarningInfo(code="speech_differs", path=PATH, message=said),))


async def _finished(asker: Asker) -> SpokenFile:
    if asker.sound is None:
        raise SpeechLost("nobody kept the spoken answer")
    return await asyncio.to_thread(asker.sound.finish)  # it is read once for its hash
