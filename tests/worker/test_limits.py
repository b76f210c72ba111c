"""The card's limits: each fault has its own rejection, at the very edge of the published number."""

from __future__ import annotations

import pytest

from analysis_worker import errors
from analysis_worker.catalogue import load_catalogue
from analysis_worker.limits import (
    check_budget,
    check_context,
    check_counts,
    check_features,
    check_item,
    check_mix,
    check_parameters,
    fits_inline,
    inline_bytes,
)
from analysis_worker.media.probed import ProbedMedia
from media_contracts import Money

CATALOGUE = load_catalogue()
PLUS, FLASH, TURBO, NEWEST, TEXT = (
    CATALOGUE.card(name)
    for name in ("qwen3.5-omni-plus", "qwen3-omni-flash", "qwen-omni-turbo", "qwen3.8-omni-flash", "qwen-plus")
)
# A model, as an operator may add one, that takes one kind of media a request.
LONER = TURBO.model_copy(update={"capabilities": TURBO.capabilities.model_copy(update={"spreads_modalities": False})})
# `values.Delivery` members are these strings.
INLINE, BY_URL = "inline", "presigned"
MIB = 1024 * 1024


def check_media(card, items, delivery):
    """All three rules for the media of one turn."""
    kinds = [item.kind for item in items]
    check_counts(card, kinds, delivery)
    check_mix(card, kinds)
    for item in items:
        check_item(card, item, delivery)


def image(**facts):
    return ProbedMedia(
        **{
            "index": 0,
            "kind": "image",
            "format": "jpeg",
            "content_type": "image/jpeg",
            "size_bytes": 1000,
            "width": 640,
            "height": 480,
            **facts,
        }
    )


def film(**facts):
    return image(**{"kind": "video", "format": "mp4", "content_type": "video/mp4", "duration_seconds": 10.0, **facts})


def sound(**facts):
    return ProbedMedia(
        **{
            "index": 0,
            "kind": "audio",
            "format": "wav",
            "content_type": "audio/wav",
            "size_bytes": 1000,
            "duration_seconds": 10.0,
            **facts,
        }
    )


def test_what_is_within_every_limit_passes():
    check_media(PLUS, [image(), film(), sound(), image(kind="frames", frames=20)], INLINE)
    check_media(PLUS, [image(), film(), sound()], BY_URL)
    check_media(FLASH, [image(), sound()], INLINE)
    check_media(LONER, [film()], INLINE)
    check_media(TEXT, [], INLINE)


@pytest.mark.parametrize(
    ("card", "items", "delivery", "fault"),
    [
        (PLUS, [image()] * 251, INLINE, errors.MediaTooMany),
        (PLUS, [image()] * 2049, BY_URL, errors.MediaTooMany),
        (PLUS, [film()] * 513, BY_URL, errors.MediaTooMany),
        (NEWEST, [film()] * 65, BY_URL, errors.MediaTooMany),
        (FLASH, [film()] * 2, BY_URL, errors.MediaTooMany),
        (TURBO, [sound()] * 2, INLINE, errors.MediaTooMany),
        (FLASH, [film(), image(kind="frames", frames=20)], INLINE, errors.MediaTooMany),
        (LONER, [image(), sound()], INLINE, errors.MediaMixUnsupported),
        (LONER, [image(), film()], BY_URL, errors.MediaMixUnsupported),
        (TEXT, [image()], INLINE, errors.MediaKindUnsupported),
        (PLUS, [image(size_bytes=20 * MIB + 1)], BY_URL, errors.MediaTooLarge),
        (FLASH, [image(size_bytes=10 * MIB + 1)], BY_URL, errors.MediaTooLarge),
        (PLUS, [image(size_bytes=8 * MIB)], INLINE, errors.MediaTooLarge),
        (PLUS, [image(width=10, height=100)], INLINE, errors.MediaDimensions),
        (PLUS, [image(width=2201, height=11)], INLINE, errors.MediaDimensions),
        (PLUS, [image(width=30_000, height=30_000)], INLINE, errors.MediaDimensions),
        (PLUS, [film(duration_seconds=3600.5)], BY_URL, errors.MediaDuration),
        (FLASH, [film(duration_seconds=151.0)], BY_URL, errors.MediaDuration),
        (TURBO, [film(duration_seconds=1.9)], BY_URL, errors.MediaDuration),
        (TURBO, [film(duration_seconds=41.0)], BY_URL, errors.MediaDuration),
        (TURBO, [sound(duration_seconds=181.0)], INLINE, errors.MediaDuration),
        (PLUS, [image(kind="frames", frames=1)], INLINE, errors.MediaTooMany),
        (FLASH, [image(kind="frames", frames=129)], INLINE, errors.MediaTooMany),
        (TURBO, [image(kind="frames", frames=3)], INLINE, errors.MediaTooMany),
    ],
)
def test_each_fault_has_its_own_rejection(card, items, delivery, fault):
    with pytest.raises(fault):
        check_media(card, items, delivery)


@pytest.mark.parametrize(
    ("card", "item", "delivery"),
    [
        (PLUS, image(width=11, height=2200), INLINE),
        (PLUS, image(size_bytes=20 * MIB), BY_URL),
        (NEWEST, film(duration_seconds=7200.0), BY_URL),
        (FLASH, film(duration_seconds=150.0), BY_URL),
        (TURBO, film(duration_seconds=2.0), BY_URL),
        (TURBO, image(kind="frames", frames=4), INLINE),
        (PLUS, sound(duration_seconds=10_800.0), BY_URL),
    ],
)
def test_the_published_number_itself_is_allowed(card, item, delivery):
    check_item(card, item, delivery)


def test_the_inline_limit_counts_the_whole_data_uri():
    prefix = "data:image/jpeg;base64,"
    assert inline_bytes(image(size_bytes=3)) == len(prefix) + 4
    assert inline_bytes(image(size_bytes=4)) == len(prefix) + 8
    assert inline_bytes(film(size_bytes=4)) == inline_bytes(sound(size_bytes=4)) == len("data:;base64,") + 8
    largest = (10_485_760 - 1 - len(prefix)) // 4 * 3
    assert fits_inline(PLUS, image(size_bytes=largest))
    assert not fits_inline(PLUS, image(size_bytes=largest + 1))
    check_item(PLUS, image(size_bytes=largest), INLINE)
    with pytest.raises(errors.MediaTooLarge, match="S3_PUBLIC_ENDPOINT"):
        check_item(PLUS, image(size_bytes=largest + 1), INLINE)


def test_the_message_shows_the_value_the_bound_and_the_item():
    with pytest.raises(errors.MediaDuration, match=r"media\[3\].*41\.00 s.*40 s"):
        check_item(TURBO, film(index=3, duration_seconds=41.0), BY_URL)


@pytest.mark.parametrize(
    ("card", "arguments", "fault"),
    [
        (TURBO, {"input_tokens": 30_721}, errors.InputTooLong),
        (TURBO, {"input_tokens": 30_720, "max_output_tokens": 2049}, errors.ParameterInvalid),
        (PLUS, {"input_tokens": 262_145}, errors.InputTooLong),
        (PLUS, {"input_tokens": 262_000, "max_output_tokens": 1000}, errors.InputTooLong),
        (NEWEST, {"input_tokens": 991_000, "thinking": True}, errors.InputTooLong),
        (PLUS, {"input_tokens": 1001, "max_input_tokens": 1000}, errors.InputTooLong),
        (PLUS, {"input_tokens": 1, "max_output_tokens": 0}, errors.ParameterInvalid),
    ],
)
def test_input_beyond_the_context_or_the_requests_bound_is_too_long(card, arguments, fault):
    with pytest.raises(fault):
        check_context(card, **arguments)


def test_input_that_just_fits_passes():
    check_context(TURBO, input_tokens=30_720, max_output_tokens=2048)
    check_context(NEWEST, input_tokens=991_000)
    check_context(PLUS, input_tokens=1000, max_input_tokens=1000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 2.0),
        ("temperature", -0.1),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("presence_penalty", 2.5),
        ("repetition_penalty", 0.0),
        ("seed", 2**31),
        ("fps", 0.05),
        ("temperature", float("nan")),
    ],
)
def test_a_parameter_outside_its_range_is_invalid(name, value):
    with pytest.raises(errors.ParameterInvalid, match=name):
        check_parameters(PLUS, **{name: value})


def test_parameters_within_range_or_left_out_pass():
    check_parameters(PLUS, temperature=0.0, top_p=1.0, presence_penalty=-2.0, seed=0, fps=10.0, top_k=None)
    check_parameters(PLUS, temperature=1.999)


def test_a_parameter_the_model_lacks_is_unsupported():
    with pytest.raises(errors.FeatureUnsupported, match="fps"):
        check_parameters(FLASH, fps=2.0)


@pytest.mark.parametrize(
    ("card", "wanted", "fault"),
    [
        (TURBO, {"search": True}, errors.FeatureUnsupported),
        (NEWEST, {"speech": True}, errors.FeatureUnsupported),
        (PLUS, {"thinking": True}, errors.FeatureUnsupported),
        (FLASH, {"speech": True, "thinking": True}, errors.FeatureUnsupported),
        (TURBO, {"speech": True, "voice": "Tina"}, errors.ParameterInvalid),
        (NEWEST, {"effort": "enormous"}, errors.ParameterInvalid),
        (FLASH, {"effort": "low"}, errors.ParameterInvalid),
        (PLUS, {"effort": "low"}, errors.FeatureUnsupported),
    ],
)
def test_a_feature_the_model_lacks_is_named(card, wanted, fault):
    with pytest.raises(fault):
        check_features(card, **wanted)


def test_features_the_model_has_pass():
    check_features(PLUS, search=True, speech=True, voice="Anyone")
    check_features(TURBO, speech=True, voice="Chelsie")
    check_features(FLASH, thinking=True)
    check_features(NEWEST, thinking=True, effort="low")


def test_a_budget_is_kept_in_its_own_currency():
    left = Money(amount="0.01", currency="CNY")
    check_budget(bound=Money(amount="0.01", currency="CNY"), left=left, model="m")
    with pytest.raises(errors.BudgetExceeded, match=r"0\.010000001 CNY"):
        check_budget(bound=Money(amount="0.010000001", currency="CNY"), left=left, model="m")
    with pytest.raises(errors.CurrencyMismatch, match="USD"):
        check_budget(bound=Money(amount="0.001", currency="USD"), left=left, model="m")
    with pytest.raises(errors.CurrencyMismatch, match="no known price"):
        check_budget(bound=None, left=left, model="m")
