"""Arguments in; one subcommand's work, its exit code and, when it fails, one clear line on stderr out."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING

import click

from media_analysis.failures import Failure, explain

if TYPE_CHECKING:
    from collections.abc import Sequence

# A subcommand is the file of its name and is imported when it is called, not before: `--help` and
# `topics` must not pay for the worker's imports, and the image lacks the devstack's packages.
COMMANDS = {
    "demo": "Run the main job on the embedded stack and write a report.",
    "devstack": "Keep the embedded broker, store, simulator and trace sink up.",
    "submit": "Publish a request, uploading its media if asked.",
    "watch": "Print events as they arrive.",
    "analyze": "Analyse one local file or object, without a broker.",
    "estimate": "Say what a file would cost, without asking a model.",
    "tally": "Sum up requests, tokens, cost and waste.",
    "check": "Test settings and every dependency; a remedy per line.",
    "redrive": "Put dead letters back, or ask failed requests again.",
    "resume": "Let partitions go on that the flood guard stopped.",
    "worker": "Run the worker.",
    "simulator": "Run the model simulator.",
    "topics": "Print the topics; create them or compare them with a broker.",
    "schemas": "Print the JSON Schemas of the events.",
    "asyncapi": "Print the service as an AsyncAPI document.",
}


class LazyGroup(click.Group):
    """A group that knows its subcommands' names and help lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the subcommand's file; None for a name that is not in the table."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"media_analysis.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"media_analysis.{cmd_name}.command is {command!r}, not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing a subcommand."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="media-analysis", prog_name="media-analysis")
@click.option("--traceback", is_flag=True, help="Show where a failure came from.")
def media_analysis(*, traceback: bool) -> None:
    """Turn media-analysis-requested events into priced, traced, structured completions."""
    del traceback  # read by `main` from the arguments, because a failing import comes before parsing ends


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 0 done, 1 failed, 2 misused, 70 a fault of ours, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Else its connection errors reach stderr through logging's last resort, beside our one line. A command that
    # configures logging, as the worker does, sees them as before.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        result = media_analysis.main(arguments, prog_name="media-analysis", standalone_mode=False)
    except BaseException as error:
        if "--traceback" in arguments[:1]:
            raise
        if isinstance(error, BrokenPipeError):
            # Else the interpreter flushes stdout once more at exit and complains (docs.python.org, signal, SIGPIPE).
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _report(explain(error))
    return result if isinstance(result, int) else 0


def _report(failure: Failure) -> int:
    if failure.message:
        click.echo(failure.message, err=True)
    return failure.exit_code


if __name__ == "__main__":
    sys.exit(main())
