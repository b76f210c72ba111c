"""`media-analysis worker`: environment in, a worker until SIGTERM out."""

from __future__ import annotations

import asyncio
import sys

import click


@click.command(short_help="Run a worker; everything is set by the environment.")
def command() -> None:
    """Run a worker until SIGTERM or SIGINT.

    It reads the variables of the README's table and drains before it leaves. Exit codes: 0 after a drain, 1 when it
    had to stop.
    """
    from analysis_worker.app import run_worker  # noqa: PLC0415 - the command line stays quick
    from analysis_worker.settings import Settings  # noqa: PLC0415

    sys.exit(asyncio.run(run_worker(Settings.load())))
