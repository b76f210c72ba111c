"""Pure: money as a decimal string with its currency; JSON numbers are refused, nothing is ever converted."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field

from media_contracts.values import Value

AMOUNT_PATTERN: Final = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?$"
SMALLEST: Final = Decimal("0.000000001")
_LIMIT: Final = Decimal(10) ** 12
# 12 digits before and 9 after the point, and room for what is rounded away.
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def _refuse_numbers(value: Any) -> Any:
    if isinstance(value, int | float):
        # pydantic collects ValueError, a TypeError would end the validation.
        raise ValueError(  # noqa: TRY004
            f'an amount is a decimal string such as "0.25", not the number {value!r}: put it in quotes'
        )
    return value


Amount = Annotated[str, Field(pattern=AMOUNT_PATTERN, examples=["0.25"]), BeforeValidator(_refuse_numbers)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["USD", "CNY"])]


def format_amount(value: Decimal) -> str:
    """Return the amount's text, rounded half-even to 9 decimals, without exponent or trailing zeros.

    Raises ValueError for what money cannot be here: negative, not finite, or from 10^12 on.
    """
    if not value.is_finite() or value < 0:
        raise ValueError(f"{value} is no amount: it must be finite and not negative")
    rounded = value.quantize(SMALLEST, context=_EXACT) if value < _LIMIT else value
    if rounded >= _LIMIT:
        raise ValueError(f"{value} is too large for an amount: at most 12 digits before the point")
    return f"{rounded.normalize(_EXACT):f}"


class Money(Value):
    """An amount of one currency (ISO 4217)."""

    amount: Amount
    """Decimal string, up to 12 digits before and 9 after the point."""
    currency: Currency
    """ISO 4217 code."""

    @property
    def decimal(self) -> Decimal:
        """The exact amount."""
        return Decimal(self.amount)

    @classmethod
    def of(cls, value: Decimal, currency: str) -> Self:
        """Return money for a decimal, rounded half-even to 9 decimals; raises ValueError outside 0 … 10^12."""
        return cls(amount=format_amount(value), currency=currency)
