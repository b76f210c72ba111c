"""Pure: the base of every published value, its scalar types, and faults that name the field they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LARGEST_INTEGER: Final = 2**53 - 1
"""What every JSON reader can hold exactly (RFC 8259 §6, I-JSON): larger integers are refused in events."""

FAULTS_ERROR: Final = "contract_faults"
"""The pydantic error type of a rule over several fields; its context lists `(path, message)` pairs."""


class Value(BaseModel):
    """A published value: frozen, strictly typed, and deaf to fields that a newer minor version adds."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        # A traceback would show the answer; the faults that we list ourselves quote what they need.
        hide_input_in_errors=True,
    )

    def with_faults(self, faults: Iterable[tuple[str, str]]) -> Self:
        """Return the value when there are no faults.

        `faults` are `(JSON Pointer below this value, message)` pairs; any raise one error that carries all of them.
        """
        found = list(faults)
        if found:
            text = "; ".join(message for _, message in found)
            raise PydanticCustomError(FAULTS_ERROR, "{text}", {"text": text, "faults": found})
        return self


def json_pointer(parts: Sequence[str | int]) -> str:
    """Return the JSON Pointer (RFC 6901) of a path; the whole document is the empty string."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def utf8_at_most(limit_bytes: int) -> AfterValidator:
    """Return a validator that refuses text longer than `limit_bytes` in UTF-8."""

    def check(text: str) -> str:
        size_bytes = len(text.encode())
        if size_bytes > limit_bytes:
            raise ValueError(f"{size_bytes} bytes of UTF-8, at most {limit_bytes} are allowed: shorten it")
        return text

    return AfterValidator(check)


Count = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
"""A number of things: tokens, bytes, calls."""

Seconds = Annotated[float, Field(ge=0)]
"""A duration or a position in a medium, in seconds."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in lower-case hex."""

Tenant = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""Who pays (DESIGN.md §3)."""

RequestId = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,128}$")]
"""The caller's idempotency key: 1 to 128 printable ASCII characters."""

Labels = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=63)], Annotated[str, Field(max_length=256)]],
    Field(max_length=32),
]
"""An opaque string map, returned unchanged."""
