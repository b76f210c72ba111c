"""Pure: a typed request in; nothing out, or the first rule that it breaks before any media is looked at."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from model_simulator.refusal import refuse
from model_simulator.rule_table import NO_MEDIA
from model_simulator.schema_strict import open_object

if TYPE_CHECKING:
    from model_simulator.chat_request import ChatRequest, Media
    from model_simulator.rule_table import RuleTable

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_FORMAT_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_HTTP_URL = re.compile(r"https?://[^\s/]+\S*\Z", re.IGNORECASE)


def check_request(request: ChatRequest, rules: RuleTable) -> None:
    """Raise `Refused` for the first rule of stream, ranges, thinking, JSON mode, speech, search or media it breaks."""
    _check_stream(request, rules)
    _check_ranges(request, rules)
    _check_thinking(request, rules)
    _check_format(request, rules)
    _check_speech(request, rules)
    _check_search(request, rules)
    _check_modalities(request, rules)
    _check_counts(request, rules)
    for media in request.media():
        if request.model.family.takes_pixels:
            _check_options(media, rules)
        for reference in media.references:
            check_reference(reference, rules)


def check_reference(reference: str, rules: RuleTable) -> None:
    """Raise for what is neither an http(s) address nor a data URI of a size that is taken (ERR, MAKERAI)."""
    if reference.startswith("data:"):
        head = reference[: reference.find(",")] if "," in reference[:256] else ""
        if "base64" not in head:
            raise refuse(rules, "url")
        if len(reference) > rules.limit("data_uri_max_bytes"):
            raise refuse(rules, "data_uri_too_large")
    elif len(reference) > 8192 or not _HTTP_URL.match(reference):  # noqa: PLR2004  no server takes a longer line
        raise refuse(rules, "url")


def _check_stream(request: ChatRequest, rules: RuleTable) -> None:
    if request.stream:
        return
    if request.speech:
        raise refuse(rules, "speech_without_stream")
    if request.model.stream_forced:
        raise refuse(rules, "stream_only")
    if request.fields.get("enable_thinking") is True:
        raise refuse(rules, "thinking_without_stream")


def _check_ranges(request: ChatRequest, rules: RuleTable) -> None:
    fields, limit = request.fields, request.model.max_output_tokens
    if not _whole(fields.get("max_tokens"), 1, limit):
        raise refuse(rules, "max_tokens_range", limit=limit)
    # `max_completion_tokens` beyond the limit is capped without a word (mnfst/modelparams.dev PR #365).
    ceiling = None if rules.limit("completion_cap_is_silent") else limit
    if not _whole(fields.get("max_completion_tokens"), 1, ceiling):
        raise refuse(rules, "max_tokens_range", limit=limit)
    if not _whole(fields.get("seed"), 0, rules.limit("seed_max")):
        raise refuse(rules, "seed_range")
    temperature = _number(fields.get("temperature"), rules)
    if temperature is not None and not 0 <= temperature < rules.limit("temperature_below"):
        raise refuse(rules, "temperature_range")
    top_p = fields.get("top_p")
    if top_p is not None and not (_is_number(top_p) and 0 < top_p <= 1):
        raise refuse(rules, "top_p_range")
    penalty, bound = fields.get("presence_penalty"), rules.limit("presence_penalty_max")
    if penalty is not None and not (_is_number(penalty) and -bound <= penalty <= bound):
        raise refuse(rules, "presence_penalty_range")
    repetition = fields.get("repetition_penalty")
    if repetition is not None and not (_is_number(repetition) and repetition > 0):
        raise refuse(rules, "repetition_penalty_range")
    if not _whole(fields.get("top_k"), 0, None):
        raise refuse(rules, "top_k_range")


def _whole(value: Any, low: int, high: int | None) -> bool:
    """Whether a value is absent or a whole number from `low` to `high`."""
    if value is None:
        return True
    return isinstance(value, int) and not isinstance(value, bool) and low <= value and (high is None or value <= high)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any, rules: RuleTable) -> float | None:
    if value is None:
        return None
    if not _is_number(value):
        raise refuse(rules, "temperature_type")
    return float(value)


def _check_thinking(request: ChatRequest, rules: RuleTable) -> None:
    fields, model = request.fields, request.model
    asked = fields.get("enable_thinking")
    refused = asked is True or (asked is False and not rules.limit("thinking_false_accepted"))
    if refused and model.thinking == "none":
        raise refuse(rules, "thinking_unsupported", model=request.model_name)
    effort, budget = fields.get("reasoning_effort"), fields.get("thinking_budget")
    if effort is not None and budget is not None:
        raise refuse(rules, "effort_with_budget")
    if effort is not None and effort not in _EFFORTS:
        raise refuse(rules, "effort_unknown", value=effort)
    limit = model.max_output_tokens
    if not _whole(budget, 1, limit):
        raise refuse(rules, "thinking_budget_range", limit=limit)


def _check_format(request: ChatRequest, rules: RuleTable) -> None:
    form = request.fields.get("response_format")
    if form is None:
        return
    kind = request.response_format()
    if not isinstance(form, dict) or kind not in {"text", "json_object", "json_schema"}:
        raise refuse(rules, "format_unknown", value=kind)
    if kind == "text":
        return
    # The JSON Schema list names no Omni model, the JSON object list names some (JSON).
    if not (request.model.json_schema if kind == "json_schema" else request.model.json_mode):
        raise refuse(rules, "json_unlisted", model=request.model_name, kind=kind)
    by_default = request.thinking and not rules.limit("json_with_default_thinking")
    if request.fields.get("enable_thinking") is True or by_default:
        raise refuse(rules, "json_with_thinking")
    if kind == "json_schema":
        _check_schema(form.get("json_schema"), rules)
        return
    texts = (message.texts() for message in request.messages if message.role in {"system", "user"})
    if not any("json" in text.lower() for text in chain.from_iterable(texts)):
        raise refuse(rules, "json_word")


def _check_schema(given: Any, rules: RuleTable) -> None:
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(name, str) or not _FORMAT_NAME.fullmatch(name) or not isinstance(given.get("schema"), dict):
        raise refuse(rules, "schema_format")
    if given.get("strict") is True and (path := open_object(given["schema"])) is not None:
        raise refuse(rules, "schema_not_strict", name=name, path=path or "()")


def _check_speech(request: ChatRequest, rules: RuleTable) -> None:
    if not request.speech:
        return
    voices = request.model.voices
    if not voices:
        raise refuse(rules, "speech_unsupported", model=request.model_name)
    if request.thinking:
        raise refuse(rules, "speech_with_thinking")
    audio = request.fields.get("audio")
    voice = audio.get("voice") if isinstance(audio, dict) else None
    if "*" not in voices and voice not in voices:
        *first, last = [f"'{name}'" for name in voices]
        raise refuse(rules, "voice", voices=", ".join(first) + f" or {last}")
    if isinstance(audio, dict) and audio.get("format", "wav") != "wav":
        raise refuse(rules, "speech_form")
    if request.response_format() != "text":
        raise refuse(rules, "speech_with_json", kind=request.response_format())
    if not request.model.system_with_speech and any(message.role == "system" for message in request.messages):
        raise refuse(rules, "speech_with_system", model=request.model_name)


def _check_search(request: ChatRequest, rules: RuleTable) -> None:
    if not request.searches:
        return
    if not request.model.search:
        raise refuse(rules, "search_unsupported", streamed=request.stream)
    options = request.fields.get("search_options")
    strategy = options.get("search_strategy", "agent") if isinstance(options, dict) else "agent"
    if strategy != "agent":
        raise refuse(rules, "search_strategy", value=strategy)


def _check_modalities(request: ChatRequest, rules: RuleTable) -> None:
    if request.model.family.name == NO_MEDIA and request.media():
        raise refuse(rules, "part_type")
    if request.model.family.any_mix:
        return
    for message in request.messages:
        kinds = sorted({"video" if media.kind == "frames" else media.kind for media in message.media()})
        if len(kinds) > 1:
            raise refuse(rules, "mixed_modalities", model=request.model_name, modalities=", ".join(kinds))


def _check_counts(request: ChatRequest, rules: RuleTable) -> None:
    family = request.model.family
    limits = {
        ("image", True): family.image_max_count_inline,
        ("image", False): family.image_max_count_url,
        ("audio", True): family.audio_max_count_inline,
        ("audio", False): family.audio_max_count_url,
        ("video", True): family.video_max_count_inline,
        ("video", False): family.video_max_count_url,
    }
    for message in request.messages:
        for (kind, inline), limit in limits.items():
            # A list of frames is a film: the pages number the films, in whatever form.
            same = {"video", "frames"} if kind == "video" else {kind}
            count = sum(m.kind in same and _is_inline(m) == inline for m in message.media())
            if count > limit:
                raise refuse(rules, "too_many", kind=kind, limit=limit)
        for media in message.media():
            low, high = family.frame_list_min, family.frame_list_max
            if media.kind == "frames" and not low <= len(media.references) <= high:
                raise refuse(rules, "frame_list_range", low=low, high=high)


def _is_inline(media: Media) -> bool:
    return bool(media.references) and media.references[0].startswith("data:")


def _check_options(media: Media, rules: RuleTable) -> None:
    moving = media.kind in {"video", "frames"}
    fps = media.options.get("fps")
    if moving and fps is not None and not (_is_number(fps) and rules.limit("fps_min") <= fps <= rules.limit("fps_max")):
        raise refuse(rules, "fps_range")
    low = rules.limit("frame_min_pixels_min" if moving else "image_min_pixels_min")
    high = rules.limit("frame_max_pixels_max" if moving else "image_max_pixels_max")
    if not _whole(media.options.get("total_pixels"), low, None):
        raise refuse(rules, "pixels_range", name="total_pixels", low=low, high="inf")
    for name in ("min_pixels", "max_pixels"):
        if not _whole(media.options.get(name), low, high):
            raise refuse(rules, "pixels_range", name=name, low=low, high=high)
