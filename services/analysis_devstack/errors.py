"""Pure: what can go wrong with the embedded stack; each message names the server, the value and the remedy.

DevstackError
├── PackageMissing      a server's package is not installed
├── PortTaken           an asked-for port is in use, or no free one was found
├── ServerFailed        a server ended, or was not ready in time; carries the tail of its log
└── ServerUnknown       no server of that name in this stack
"""

from __future__ import annotations


class DevstackError(Exception):
    """The root: whatever keeps the stack from being up."""


class PackageMissing(DevstackError):
    """The package that ships a server is not installed."""


class PortTaken(DevstackError):
    """A port that was asked for is in use, or there is no free one."""


class ServerFailed(DevstackError):
    """A server ended or did not become ready; `log_tail` is the end of what it wrote."""

    def __init__(self, message: str, *, log_tail: str) -> None:
        super().__init__(f"{message}\n{log_tail}" if log_tail else message)
        self.log_tail = log_tail


class ServerUnknown(DevstackError):
    """The stack has no server of that name."""
