"""Pure: an exception in; the one line for stderr, with its remedy, and the exit code out."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import click

FAILED, MISUSED, FAULT, INTERRUPTED = 1, 2, 70, 130

# Looked up in sys.modules: a class whose module was never imported cannot have been raised, and
# importing it here would make every command pay for it. (module, class, what to try)
_KNOWN = (
    ("media_contracts", "ContractError", ""),
    ("analysis_worker.errors", "AnalysisError", ""),
    ("analysis_devstack.errors", "DevstackError", ""),
    ("aiokafka.errors", "KafkaError", "check KAFKA_BOOTSTRAP_SERVERS and that the broker is up"),
    ("minio.error", "MinioException", "check S3_ENDPOINT and the S3 keys"),
    ("urllib3.exceptions", "HTTPError", "check S3_ENDPOINT and that the store is up"),
    ("httpx", "HTTPError", "check the address and that the server is up"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """How a command ends: the line for stderr (empty: nothing to add) and the exit code."""

    message: str
    exit_code: int


def explain(error: BaseException) -> Failure:
    """Name what went wrong in one line; what is in no table is a fault of ours and says so."""
    match error:
        case BaseExceptionGroup():
            return _of_group(error)
        case click.ClickException() | click.exceptions.Exit() | click.Abort():
            return _of_click(error)
        case OSError() | ModuleNotFoundError():
            return _of_system(error)
        case KeyboardInterrupt():
            return Failure(message="interrupted", exit_code=INTERRUPTED)
        case SystemExit():
            return _of_exit(error)
        case _:
            return _of_known(error)


def _of_known(error: BaseException) -> Failure:
    if _is_a(error, "pydantic", "ValidationError"):
        return Failure(message=f"error: {_of_validation(error)}", exit_code=FAILED)
    for module, name, remedy in _KNOWN:
        if _is_a(error, module, name):
            hint = f"; {remedy}" if remedy else ""
            return Failure(message=f"error: {_one_line(error)}{hint}", exit_code=FAILED)
    kind = type(error).__name__
    return Failure(
        message=f"internal error: {kind}: {_one_line(error)} (where: media-analysis --traceback COMMAND)",
        exit_code=FAULT,
    )


def _of_group(group: BaseExceptionGroup[BaseException]) -> Failure:
    failures = [explain(error) for error in group.exceptions]
    messages = dict.fromkeys(failure.message for failure in failures if failure.message)
    return Failure(message="; ".join(messages), exit_code=max(failure.exit_code for failure in failures))


def _of_exit(error: SystemExit) -> Failure:
    match error.code:
        case None:
            return Failure(message="", exit_code=0)
        case int() as code:
            return Failure(message="", exit_code=code)
        case text:
            return Failure(message=str(text), exit_code=FAILED)


def _of_click(error: click.ClickException | click.exceptions.Exit | click.Abort) -> Failure:
    match error:
        case click.Abort():  # click's name for Ctrl-C
            return Failure(message="interrupted", exit_code=INTERRUPTED)
        case click.exceptions.NoArgsIsHelpError():
            return Failure(message=error.format_message(), exit_code=MISUSED)
        case click.UsageError():
            where = error.ctx.command_path if error.ctx else "media-analysis"
            message = f"error: {_words(error.format_message())} (see: {where} --help)"
            return Failure(message=message, exit_code=error.exit_code)
        case click.ClickException():
            return Failure(message=f"error: {_words(error.format_message())}", exit_code=error.exit_code)
        case _:
            return Failure(message="", exit_code=error.exit_code)


def _of_system(error: OSError | ModuleNotFoundError) -> Failure:
    match error:
        case BrokenPipeError():  # the reader of our output went away, as `| head` does: nothing to tell it
            return Failure(message="", exit_code=FAILED)
        case ModuleNotFoundError():
            return Failure(message=_of_missing_module(error), exit_code=FAILED)
        case _:
            return Failure(message=f"error: {_one_line(error)}", exit_code=FAILED)


def _of_missing_module(error: ModuleNotFoundError) -> str:
    name = error.name or str(error)
    package, _, command = name.partition(".")
    if package == "media_analysis":
        return f"error: the command {command!r} is not part of this installation"
    return (
        f"error: the package {name!r} is not installed here; this command needs an extra: "
        "pip install 'media-analysis[worker,media,simulator,devstack]'"
    )


def _of_validation(error: BaseException) -> str:
    # include_input=False: a setting may be a secret, and this line ends in logs.
    faults = error.errors(include_url=False, include_input=False, include_context=False)  # type: ignore[attr-defined]
    title = str(getattr(error, "title", ""))
    prefix = title.removesuffix("Settings").upper() + "_" if title.endswith("Settings") else ""
    return "; ".join(f"{_place(fault['loc'], prefix)}: {fault['msg']}" for fault in faults)


def _place(location: tuple[int | str, ...], prefix: str) -> str:
    """A settings group's fault is named by its variable, any other by its path."""
    if not location:
        return "value"
    return f"{prefix}{location[0]}".upper() if prefix else ".".join(map(str, location))


def _is_a(error: BaseException, module: str, name: str) -> bool:
    known = getattr(sys.modules.get(module), name, None)
    return isinstance(known, type) and isinstance(error, known)


def _one_line(error: BaseException) -> str:
    return _words(str(error)) or type(error).__name__


def _words(text: str) -> str:
    return " ".join(text.split())
