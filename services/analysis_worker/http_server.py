"""Observations in, `/livez`, `/readyz`, `/metrics` and `/asyncapi` out, on uvicorn inside the worker's own event loop.

`POST /resume` is the one way in: it lets partitions go on that the flood guard stopped.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from analysis_worker.errors import Stopped
from analysis_worker.health import Observed, liveness_faults, readiness_faults
from media_contracts.asyncapi import format_asyncapi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

    from analysis_worker.offsets import Partition

log = logging.getLogger(__name__)


class _QuietServer(uvicorn.Server):
    """uvicorn would take SIGTERM for itself; draining is the worker's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves until `stop`; port 0 chooses a free one and logs it as `http_listening`."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        observe: Callable[[], Observed],
        metrics: Callable[[], bytes],
        resume: Callable[[str | None, int | None], tuple[Partition, ...]],
    ) -> None:
        self._host, self._port = host, port

        async def livez(_: Request) -> Response:
            return _verdict(liveness_faults(observe()))

        async def readyz(_: Request) -> Response:
            return _verdict(readiness_faults(observe()))

        async def metrics_text(_: Request) -> Response:
            return Response(metrics(), media_type=CONTENT_TYPE_LATEST)

        async def resume_flooded(request: Request) -> Response:
            topic, number = request.query_params.get("topic"), request.query_params.get("partition")
            if number is not None and (topic is None or not (number.isascii() and number.isdigit())):
                why = f"partition={number!r}: name the topic, and its partition by its number"
                return JSONResponse({"error": why}, status_code=400)
            lifted = resume(topic, int(number) if number is not None else None)
            return JSONResponse({"resumed": [{"topic": each.topic, "partition": each.number} for each in lifted]})

        routes = [
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics_text),
            Route("/asyncapi", _asyncapi),
            Route("/resume", resume_flooded, methods=["POST"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), host=host, port=port, log_config=None, access_log=False, lifespan="off"
        )
        self._server = _QuietServer(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. :raises Stopped: when the port is taken."""
        socket = self._server.config.bind_socket
        try:
            listening = await asyncio.to_thread(socket)
        except SystemExit as error:  # uvicorn exits on a port that is taken
            raise Stopped(f"port {self._port} on {self._host} is taken: set WORKER_HTTP_PORT") from error
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        log.info("listening", extra={"event": "http_listening", "port": listening.getsockname()[1]})

    async def stop(self) -> None:
        """Close the port."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


async def _asyncapi(_: Request) -> Response:
    return Response(format_asyncapi(), media_type="application/json")


def _verdict(faults: list[str]) -> Response:
    return JSONResponse({"ok": not faults, "faults": faults}, status_code=503 if faults else 200)
