"""An instant as a person writes it in; an aware datetime out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from media_contracts import parse_instant


class MomentType(click.ParamType[datetime]):
    """An RFC 3339 instant, or how long ago: 90s, 10m, 2h, 3d."""

    name = "when"
    _unit_seconds: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the instant; click asks for it under this name."""
        if isinstance(value, datetime):
            return value
        if value[-1:] in self._unit_seconds and value[:-1].isdecimal():
            return datetime.now(UTC) - timedelta(seconds=int(value[:-1]) * self._unit_seconds[value[-1]])
        try:
            return parse_instant(value)
        except ValueError as error:
            self.fail(
                f"{value!r} is neither how long ago, such as 90s, 10m, 2h, 3d, nor an instant: {error}", param, ctx
            )
