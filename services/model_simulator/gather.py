"""A reference in; its bytes out, decoded from a data URI or fetched over HTTP, or the refusal of what cannot be had."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

import httpx

from model_simulator.refusal import refuse

if TYPE_CHECKING:
    from model_simulator.rule_table import RuleTable

_FORBIDDEN = (401, 403)


def decode_data_uri(reference: str, rules: RuleTable) -> bytes:
    """The raw bytes of a `data:…;base64,…` reference; raises `Refused` when the base64 is broken."""
    try:
        return binascii.a2b_base64(reference[reference.index(",") + 1 :], strict_mode=True)
    except (binascii.Error, ValueError):
        raise refuse(rules, "url") from None


async def fetch(client: httpx.AsyncClient, url: str, *, max_bytes: int, rules: RuleTable) -> bytes:
    """The body of a GET, at most `max_bytes`; raises `Refused` for what the provider's fetcher does not take (ERR)."""
    try:
        async with client.stream("GET", url) as response:
            _check_answer(response, max_bytes, rules)
            return await _read(response, max_bytes, rules)
    except httpx.TimeoutException:
        raise refuse(rules, "download_timeout") from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise refuse(rules, "download_failed") from None


def _check_answer(response: httpx.Response, max_bytes: int, rules: RuleTable) -> None:
    if response.status_code in _FORBIDDEN:
        raise refuse(rules, "download_forbidden")
    if response.status_code != httpx.codes.OK:
        raise refuse(rules, "download_unable")
    content_type = response.headers.get("content-type", "")
    if content_type and not content_type.lower().startswith(tuple(rules.limit("fetch_content_types"))):
        raise refuse(rules, "content_type")
    length = response.headers.get("content-length")
    if length is None and rules.limit("fetch_needs_content_length"):
        raise refuse(rules, "content_length")
    if length is not None and int(length) > max_bytes:
        raise refuse(rules, "file_too_large")


async def _read(response: httpx.Response, max_bytes: int, rules: RuleTable) -> bytes:
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > max_bytes:  # a compressed answer can be longer than it announced
            raise refuse(rules, "file_too_large")
    return bytes(data)
