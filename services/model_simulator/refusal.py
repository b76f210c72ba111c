"""Pure: a refusal's row and its details in; the error object, body and content type that the provider would send out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import orjson

if TYPE_CHECKING:
    from model_simulator.rule_table import RuleTable

Delivery = Literal["json", "sse", "stream"]


class Refused(Exception):
    """The provider would not answer this request; `row_id` says by which rule.

    `delivery` is one of the three ways errors arrive: a JSON body, an event-stream body under the error status,
    or an error object inside a 200 event stream.
    """

    def __init__(
        self,
        *,
        row_id: str,
        status: int,
        code: str,
        message: str,
        kind: str = "invalid_request_error",
        param: str | None = None,
        delivery: Delivery = "json",
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.row_id = row_id
        self.status = status
        self.code = code
        self.message = message
        self.kind = kind
        self.param = param
        self.delivery: Delivery = delivery
        self.retry_after_seconds = retry_after_seconds

    def body(self, request_id: str) -> dict[str, Any]:
        """The error body as recorded in FoundationAgents/OpenManus #330 and infiniflow/ragflow #7506."""
        error = {"code": self.code, "param": self.param, "message": self.message, "type": self.kind}
        return {"error": error, "request_id": request_id}

    def payload(self, request_id: str) -> tuple[bytes, str]:
        """The bytes and their content type."""
        body = orjson.dumps(self.body(request_id))
        if self.delivery == "json":
            return body, "application/json"
        return b"data: " + body + b"\n\n", "text/event-stream;charset=UTF-8"


def refuse(rules: RuleTable, name: str, /, *, streamed: bool = False, **details: object) -> Refused:
    """The refusal of row `name` with its placeholders filled in; raise what this returns."""
    row = rules.refusal(name)
    prefix = rules.limit("modality_prefix") if row.facts.get("prefixed") else ""
    delivery: Delivery = "json"
    if row.facts.get("sse"):
        delivery = "sse"
    elif row.facts.get("stream") and streamed:
        delivery = "stream"
    return Refused(
        row_id=row.id,
        status=row.facts["status"],
        code=row.facts["code"],
        kind=row.facts.get("type", "invalid_request_error"),
        param=row.facts.get("param"),
        message=prefix + (row.value.format(**details) if details else row.value),
        delivery=delivery,
    )
