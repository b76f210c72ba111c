"""Rules, a scenario and accepted keys in; the simulator as a Starlette application out.

The provider's wire is under `/compatible-mode/v1`; `/simulator` is for the people and tests that direct it.
"""

from __future__ import annotations

import time
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from model_simulator.calls import CallLog
from model_simulator.chat import ChatEndpoint, Desk
from model_simulator.control import Control, list_models
from model_simulator.examine import Examiner
from model_simulator.rule_table import RuleTable, load_rules
from model_simulator.scenario import Director, Scenario
from model_simulator.upload import BodyBudget

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

BASE_PATH = "/compatible-mode/v1"
_BODY_BUDGET_BYTES = 256 * 2**20


def build_app(
    *,
    scenario: Scenario | None = None,
    api_keys: Iterable[str] = (),
    rules: RuleTable | None = None,
    fetch_timeout_seconds: float | None = None,
    now: Callable[[], float] = time.time,
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> Starlette:
    """Build the application; without keys any that begins with `sk-` is taken. Nothing is started before lifespan."""
    table = rules or load_rules()
    timeout = table.limit("fetch_timeout_seconds") if fetch_timeout_seconds is None else fetch_timeout_seconds
    # trust_env: a proxy of this machine is not on the provider's way to the store.
    client = httpx.AsyncClient(
        timeout=timeout, follow_redirects=table.limit("fetch_follows_redirects"), trust_env=False
    )
    desk = Desk(
        rules=table,
        director=Director(scenario or Scenario()),
        log=CallLog(),
        examiner=Examiner(client=client, rules=table),
        budget=BodyBudget(_BODY_BUDGET_BYTES),
        held=set(),
        keys=frozenset(api_keys),
        now=now,
        new_id=new_id,
    )
    control = Control(desk)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route(f"{BASE_PATH}/chat/completions", ChatEndpoint(desk), methods=["POST"]),
            Route(f"{BASE_PATH}/models", list_models(desk), methods=["GET"]),
            Route("/simulator/scenario", control.scenario, methods=["GET", "PUT"]),
            Route("/simulator/calls", control.calls, methods=["GET", "DELETE"]),
            Route("/simulator/release", control.release, methods=["POST"]),
        ],
    )
