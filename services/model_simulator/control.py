"""Requests of the people and tests that direct the simulator in; the scenario, the calls and releases out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from model_simulator.chat import Desk, check_key
from model_simulator.refusal import Refused
from model_simulator.scenario import ScenarioError, read_scenario

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

_MODELS_CREATED = 1742169600  # a fixed day, so that two answers are equal


class Control:
    """The endpoints under `/simulator`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def scenario(self, request: Request) -> Response:
        """GET shows the script; PUT replaces it and starts its counts anew, 400 with every fault of a bad one."""
        if request.method == "PUT":
            try:
                self._desk.director.load(read_scenario(orjson.loads(await request.body()), self._desk.rules))
            except (ScenarioError, orjson.JSONDecodeError) as error:
                return _json({"error": str(error)}, status=400)
        return _json(self._desk.director.scenario.model_dump(mode="json", exclude_none=True))

    async def calls(self, request: Request) -> Response:
        """GET lists the calls, oldest first; DELETE forgets those that have ended."""
        if request.method == "DELETE":
            return _json({"deleted": self._desk.log.clear()})
        return _json(self._desk.log.as_json())

    async def release(self, _request: Request) -> Response:
        """Let the calls go on that are held or stalled now."""
        waiting = sum(call["status"] == "held" for call in self._desk.log.as_json())
        for event in list(self._desk.held):
            event.set()
        return _json({"released": waiting})


def list_models(desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint that lists the models, in the shape of OpenAI's."""

    async def models(request: Request) -> Response:
        try:
            check_key(dict(request.headers), desk.keys, desk.rules)
        except Refused as refused:
            body, content_type = refused.payload(desk.new_id())
            return Response(body, status_code=refused.status, media_type=content_type)
        entries = [
            {"id": name, "object": "model", "created": _MODELS_CREATED, "owned_by": "system"}
            for name in sorted(desk.rules.models)
        ]
        return _json({"object": "list", "data": entries})

    return models


def _json(value: Any, *, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")
