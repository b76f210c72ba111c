"""Pure: a request's models and the fault of the last call in, the model that is asked next out.

Allowed are another model for what is that model's own trouble (provider.md §4b): it does not exist or is not bought,
its free quota is used up, or the tries on it ran out. Not for the request's faults, nor for the endpoint's or the key's:
they would meet every model alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analysis_worker.answers.ladder import Rung
from analysis_worker.errors import (
    AnalysisError,
    CallTimeout,
    FirstTokenTimeout,
    ModelMissing,
    ModelQuotaUsed,
    PlanAnew,
    ProviderDown,
    ProviderThrottled,
    ProviderUnavailable,
    Rejected,
    StreamCut,
    StreamStalled,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_contracts import AnalysisRequested

ANOTHER_MODEL: Final = (
    ModelMissing,
    ModelQuotaUsed,
    ProviderThrottled,
    ProviderDown,
    ProviderUnavailable,
    FirstTokenTimeout,
    StreamStalled,
    StreamCut,
    CallTimeout,
)


class Candidates:
    """The models of one request in the order in which they are asked, none twice."""

    def __init__(
        self,
        request: AnalysisRequested,
        *,
        default_model: str,
        is_tired: Callable[[str], bool],
        begun: str | None = None,
    ) -> None:
        """`is_tired` tells of a model that has had all its tries in earlier starts.

        `begun` is the one that was asked about segments last: to ask another would discard what it answered, even when
        one of them has had all its tries.
        """
        names = list(dict.fromkeys((request.model.name or default_model, *request.model.fallbacks)))
        fresh = [name for name in names if name == begun or not is_tired(name)] or names[-1:]
        self._names = fresh[fresh.index(begun) :] if begun in fresh else fresh
        self._fault: AnalysisError | None = None

    @property
    def reason(self) -> str | None:
        """Why the current model is asked, when it is not the first."""
        return Rung.FALLBACK.value if self._fault is not None else None

    @property
    def current(self) -> str:
        """The model to ask."""
        return self._names[0]

    @property
    def has_next(self) -> bool:
        """Whether there is another one after it."""
        return len(self._names) > 1

    def move_on(self, fault: AnalysisError) -> str:
        """Leave the current model because of `fault` and return the next one; an answer's fault comes as `PlanAnew`.

        :raises AnalysisError: how the request ends, when no other model may be asked: `fault`, or the last call's one
            when the plan of a fallback is rejected (its limits or its price do not fit).
        """
        is_plan_of_fallback = isinstance(fault, Rejected) and self._fault is not None
        if isinstance(fault, PlanAnew):
            self._fault = fault.fault
        elif not is_plan_of_fallback:
            if not isinstance(fault, ANOTHER_MODEL):
                raise fault
            self._fault = fault
        if not self.has_next:
            raise self._fault or fault
        self._names.pop(0)
        return self.current
