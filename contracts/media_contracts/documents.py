"""Pure: from bytes to a JSON document, strictly, and from a document to a model with all faults and unknown fields."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

from pydantic import ValidationError

from media_contracts.records import ContractError, Fault, Reason
from media_contracts.values import FAULTS_ERROR, LARGEST_INTEGER, Value, json_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

ModelT = TypeVar("ModelT", bound=Value)
MAX_DEPTH: Final = 160
"""Arrays and objects inside each other; pydantic's parser stops at about 200, the answers in completions at 128."""

_SHOWN_CHARACTERS: Final = 80


def parse_json(value: bytes) -> Any:
    """Return the JSON document in `value`.

    Raises ContractError: `not_utf8`, or `not_json` for bad syntax and for what readers disagree about: duplicate keys,
    NaN, numbers beyond a double, half a surrogate pair (RFC 8259 §4, §6, §8.2; RFC 8785 cannot write them either).
    """
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise ContractError("not_utf8", (Fault(path="", message=f"byte {error.start} is not UTF-8"),)) from error
    try:
        document = json.loads(text, object_pairs_hook=_pairs, parse_constant=_refuse_constant, parse_float=_float)
        if _is_deeper(document, MAX_DEPTH):
            raise RecursionError  # noqa: TRY301  the same fault as the parser's own limit
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        message = f"nested more than {MAX_DEPTH} deep" if isinstance(error, RecursionError) else str(error)
        raise ContractError("not_json", (Fault(path="", message=message),)) from error
    return document


def validate(model: type[ModelT], document: Any, reason: Reason) -> ModelT:
    """Return the model of a parsed document; raises ContractError with every fault and its JSON Pointer."""
    faults = find_inexact_integers(document)
    try:
        # JSON mode: a list may become a tuple, but a string never a number.
        value = model.model_validate_json(json.dumps(document))
    except ValidationError as error:
        reported = {fault.path for fault in faults}
        faults += [
            fault
            for detail in error.errors(include_url=False)
            for fault in _faults(detail)
            if fault.path not in reported
        ]
        raise ContractError(reason, tuple(faults)) from error
    if faults:
        raise ContractError(reason, tuple(faults))
    return value


def find_inexact_integers(document: Any, path: tuple[str | int, ...] = ()) -> list[Fault]:
    """Return a fault for each integer beyond 2^53-1 in a parsed document that stands at `path`."""
    return list(_integer_faults(document, path))


def find_unknown_fields(model: type[Value], document: Any) -> tuple[str, ...]:
    """Return the JSON Pointers of the fields that `model` and the models inside it do not know, in document order."""
    return tuple(_unknown(model, document, ()))


def _is_deeper(document: Any, limit: int) -> bool:
    level = [document]
    for _ in range(limit + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
        if not containers:
            return False
    return True


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise ValueError(f"duplicate key {min(name for name, count in counts.items() if count > 1)!r}")
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:_SHOWN_CHARACTERS]} is beyond a double")
    return number


def _integer_faults(value: Any, path: tuple[str | int, ...]) -> Iterator[Fault]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _integer_faults(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _integer_faults(item, (*path, index))
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        yield Fault(
            path=json_pointer(path), message=f"an integer beyond 2^53-1 ({LARGEST_INTEGER}) is not exact in JSON"
        )


def _faults(detail: ErrorDetails) -> list[Fault]:
    # A faulty key of a map has the location (…, key, "[key]").
    location = [part for part in detail["loc"] if part != "[key]"]
    path = json_pointer(location)
    if detail["type"] == FAULTS_ERROR:
        return [Fault(path=path + below, message=message) for below, message in detail["ctx"]["faults"]]
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] not in {"missing", "value_error"}:
        shown = repr(detail["input"])
        message += f", not {shown if len(shown) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + '…'}"
    return [Fault(path=path, message=message)]


def _unknown(model: type[Value], value: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        field = model.model_fields.get(name)
        if field is None:
            yield json_pointer((*path, name))
        elif (inner := _model_in(field.annotation)) is not None:
            if isinstance(item, list):
                for index, element in enumerate(item):
                    yield from _unknown(inner, element, (*path, name, index))
            else:
                yield from _unknown(inner, item, (*path, name))


def _model_in(annotation: Any) -> type[Value] | None:
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)
