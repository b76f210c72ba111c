"""The catalogue: what ships, what an operator may change, and every fault of a file at once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest

from analysis_worker import errors
from analysis_worker.catalogue import load_catalogue
from analysis_worker.detail import pixel_choice
from analysis_worker.tokens import PixelChoice

OMNI = (
    "qwen3.8-omni-flash",
    "qwen3.5-omni-plus",
    "qwen3.5-omni-flash",
    "qwen3-omni-flash",
    "qwen-omni-turbo",
    "qwen2.5-omni-7b",
)
NEW_CARD = """
[models."house-omni"]
like = "qwen3.5-omni-plus"
[models."house-omni".prices.beijing]
name = "house-2026"
currency = "CNY"
input_text = "1"
"""


def written(folder, text):
    path = folder / "models.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_shipped_catalogue_has_all_omni_models_and_one_for_text():
    catalogue = load_catalogue()
    assert set(catalogue.cards) == {*OMNI, "qwen-plus"}
    for name in OMNI:
        card = catalogue.card(name)
        assert card.media.image
        assert card.media.audio
        assert card.media.video
        assert card.media.frames
        assert card.token_rule().patch_pixels in {28, 32}
    assert catalogue.card("qwen-plus").tokens is None


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("qwen3.5-omni-plus-2026-03-15", "qwen3.5-omni-plus"),
        ("qwen3.5-omni-flash-2026-03-15", "qwen3.5-omni-flash"),
        ("qwen3-omni-flash-2025-12-01", "qwen3-omni-flash"),
        ("qwen3-omni-flash-2025-09-15", "qwen3-omni-flash"),
        ("qwen-omni-turbo-latest", "qwen-omni-turbo"),
        ("qwen-omni-turbo-2025-01-19", "qwen-omni-turbo"),
    ],
)
def test_aliases_and_snapshots_have_the_card_of_their_model(name, card):
    assert load_catalogue().card(name).name == card


def test_an_unknown_model_is_named_with_the_known_ones():
    with pytest.raises(errors.ModelUnknown, match=r"'gpt-9'.*qwen3\.5-omni-plus"):
        load_catalogue().card("gpt-9")


@pytest.mark.parametrize(
    ("name", "mixes", "json_mode", "thinking", "speech", "forced", "search", "pixels"),
    [
        ("qwen3.8-omni-flash", True, True, "on_by_default", False, False, True, True),
        ("qwen3.5-omni-plus", True, True, "none", True, True, True, True),
        ("qwen3.5-omni-flash", True, False, "none", True, True, True, True),
        ("qwen3-omni-flash", False, False, "off_by_default", True, True, False, False),
        ("qwen-omni-turbo", False, False, "none", True, True, False, False),
        ("qwen2.5-omni-7b", False, False, "none", True, True, False, False),
    ],
)
def test_capabilities_follow_the_newest_official_page(
    *, name, mixes, json_mode, thinking, speech, forced, search, pixels
):
    has = load_catalogue().card(name).capabilities
    assert (has.mixes_modalities, has.json_mode, has.thinking, has.speech) == (mixes, json_mode, thinking, speech)
    assert (has.stream_forced, has.search, has.pixel_parameters) == (forced, search, pixels)


@pytest.mark.parametrize(
    ("name", "context", "most_in", "most_out"),
    [
        ("qwen3.8-omni-flash", 1_000_000, 991_808, 131_072),
        ("qwen3.5-omni-plus", 262_144, None, 65_536),
        ("qwen3.5-omni-flash", 262_144, None, 65_536),
        ("qwen3-omni-flash", 65_536, 49_152, 16_384),
        ("qwen-omni-turbo", 32_768, 30_720, 2_048),
        ("qwen2.5-omni-7b", 32_768, 30_720, 2_048),
    ],
)
def test_context_is_as_published(name, context, most_in, most_out):
    limits = load_catalogue().card(name).context
    assert (limits.context_tokens, limits.max_input_tokens, limits.max_output_tokens) == (context, most_in, most_out)


def test_the_system_message_beside_speech_is_refused_by_turbo_and_7b_alone():
    catalogue = load_catalogue()
    refusing = {name for name in OMNI if not catalogue.card(name).capabilities.system_message_with_speech}
    assert refusing == {"qwen-omni-turbo", "qwen2.5-omni-7b"}


def test_a_default_that_spoils_extraction_is_on_the_card():
    parameters = load_catalogue().card("qwen3.8-omni-flash").parameters
    assert parameters.presence_penalty is not None
    assert (parameters.presence_penalty.default, parameters.presence_penalty.default_thinking) == (1.5, 0.0)
    # Laid over the model it is like: the bounds stay.
    assert (parameters.presence_penalty.minimum, parameters.presence_penalty.maximum) == (-2.0, 2.0)


@pytest.mark.parametrize("name", ["models.toml", "details.toml"])
def test_every_value_of_a_shipped_file_lies_in_a_section_or_line_with_a_source(name):
    lines = resources.files("analysis_worker").joinpath(name).read_text("utf-8").splitlines()
    section_has_source = False
    bare = []
    for line in lines:
        if line.startswith("["):
            section_has_source = "#" in line
        elif " = " in line and not line.startswith("#") and "#" not in line and not section_has_source:
            bare.append(line)
    assert bare == []


def test_an_operators_file_overrides_single_values_and_keeps_the_rest(tmp_path):
    extra = written(tmp_path, '[models."qwen3.5-omni-plus".context]\ncontext_tokens = 131072\n')
    shipped = load_catalogue().card("qwen3.5-omni-plus")
    card = load_catalogue(extra).card("qwen3.5-omni-plus")
    assert card.context.context_tokens == 131_072
    assert card.context.max_output_tokens == shipped.context.max_output_tokens
    assert card.prices == shipped.prices


def test_an_override_reaches_the_models_that_are_like_the_changed_one(tmp_path):
    extra = written(tmp_path, '[models."qwen3.5-omni-plus".context]\ncontext_tokens = 131072\n')
    assert load_catalogue(extra).card("qwen3.5-omni-flash").context.context_tokens == 131_072


def test_an_operator_adds_a_card_like_another_with_its_own_names_and_prices(tmp_path):
    card = load_catalogue(written(tmp_path, NEW_CARD)).card("house-omni")
    assert card.aliases == ()
    assert list(card.prices) == ["beijing"]
    assert card.prices["beijing"].input_text == Decimal(1)
    assert card.prices["beijing"].input_audio is None
    assert card.tokens == load_catalogue().card("qwen3.5-omni-plus").tokens


def test_every_fault_is_reported_at_once_with_its_path(tmp_path):
    extra = written(
        tmp_path,
        """
[models."qwen3.5-omni-plus".context]
context_tokens = "many"
[models."qwen3-omni-flash".capabilities]
jason_mode = true
[models."new"]
aliases = ["qwen-plus"]
[models."round"]
like = "round"
[models."lost"]
like = "nobody"
[models."qwen-plus".capabilities]
search = "yes"
[details.quick]
prompt = "long"
[details.fine.seconds]
video = 0
[details.finest]
prompt = "whole"
""",
    )
    with pytest.raises(errors.Stopped) as caught:
        load_catalogue(extra)
    message = str(caught.value)
    for expected in (
        str(extra),
        "models.qwen3.5-omni-plus.context.context_tokens",
        "models.qwen3-omni-flash.capabilities.jason_mode",
        "models.new.context: Field required",
        "models.new.capabilities: Field required",
        "models.round.like",
        "models.lost.like: 'nobody'",
        "models.qwen-plus.capabilities.search: Input should be a valid boolean",
        "details.quick.prompt",
        "details.fine.seconds.video",
        "details.finest: no such level",
    ):
        assert expected in message


def test_two_cards_cannot_share_a_name(tmp_path):
    extra = written(tmp_path, '[models."house"]\nlike = "qwen-plus"\naliases = ["qwen3-omni-flash"]\n')
    with pytest.raises(errors.Stopped, match=r"models\.house\.aliases: 'qwen3-omni-flash'"):
        load_catalogue(extra)


@pytest.mark.parametrize("text", ["= nonsense", "models = 5", "[model.x]\n", "details = 5", '[models]\nname = "x"\n'])
def test_a_file_of_another_shape_stops_with_its_path(tmp_path, text):
    extra = written(tmp_path, text)
    with pytest.raises(errors.Stopped, match=r"models\.toml"):
        load_catalogue(extra)


def test_a_file_that_cannot_be_read_stops_with_its_path(tmp_path):
    with pytest.raises(errors.Stopped, match="absent"):
        load_catalogue(tmp_path / "absent.toml")


def test_a_price_that_changes_on_a_known_day_changes_that_day_and_nothing_else_does(tmp_path):
    text = """
[models."qwen3.5-omni-plus".prices.beijing.changes."2027-01-01"]
name = "alibaba-beijing-2027-01"
input_text = "6"
[models."qwen3.5-omni-plus".prices.beijing.changes."2027-07-01"]
name = "alibaba-beijing-2027-07"
input_text = "5.5"
batch_factor = "0.5"
"""
    prices = load_catalogue(written(tmp_path, text)).card("qwen3.5-omni-plus").prices["beijing"]
    days = {
        "2026-12-31": ("alibaba-beijing-2026-09", Decimal(7), None),
        "2027-01-01": ("alibaba-beijing-2027-01", Decimal(6), None),
        "2027-07-02": ("alibaba-beijing-2027-07", Decimal("5.5"), Decimal("0.5")),
    }
    for day, (name, text_price, factor) in days.items():
        now = prices.on(date.fromisoformat(day))
        assert (now.name, now.input_text, now.batch_factor) == (name, text_price, factor)
        assert (now.input_audio, now.currency) == (Decimal(53), "CNY")


def test_a_detail_level_asks_for_the_pixels_of_the_seeds_table_as_far_as_the_api_takes_them():
    # 001_c4bbddce233d9b12.txt, model configuration; 2,073,600 is over the API's 2,048,000 (chat API reference).
    catalogue = load_catalogue()
    plus = catalogue.card("qwen3.5-omni-plus")
    levels = {name: pixel_choice(plus, level) for name, level in catalogue.details.items()}
    assert {name: choice.frame_max_pixels for name, choice in levels.items()} == {
        "quick": 230_400, "extract": 921_600, "standard": 921_600, "fine": 2_048_000,
    }  # fmt: skip
    assert {name: choice.image_max_pixels for name, choice in levels.items()} == {
        "quick": 230_400, "extract": 921_600, "standard": None, "fine": 2_073_600,
    }  # fmt: skip
    assert all(choice.image_min_pixels is None and not choice.high_resolution for choice in levels.values())


def test_a_model_that_documents_no_pixel_parameters_is_sent_none():
    catalogue = load_catalogue()
    for name in ("qwen3-omni-flash", "qwen-omni-turbo", "qwen2.5-omni-7b", "qwen-plus"):
        assert pixel_choice(catalogue.card(name), catalogue.details["fine"]) == PixelChoice()


@pytest.mark.parametrize(
    ("level", "video", "audio"),
    [("quick", 3600, 3600), ("extract", 3600, 3600), ("standard", 240, 120), ("fine", 120, 60)],
)
def test_a_detail_level_recommends_the_length_of_the_seeds_table(level, video, audio):
    detail = load_catalogue().details[level]
    assert (detail.recommended_seconds("video"), detail.recommended_seconds("audio")) == (video, audio)
    assert detail.recommended_seconds("image") is None


def test_a_detail_level_says_how_closely_to_look_by_the_richest_kind_of_media():
    details = load_catalogue().details
    assert details["quick"].guidance_for(["video"]) is None
    assert "visible text" in details["standard"].guidance_for(["image", "frames"])
    assert "recording" in details["fine"].guidance_for(["image", "audio"])
    assert details["fine"].guidance_for(["image"]) is None
    assert (details["quick"].prompt, details["fine"].prompt) == ("brief", "whole")


def test_an_operator_changes_one_value_of_a_level(tmp_path):
    detail = load_catalogue(written(tmp_path, "[details.quick]\nframe_pixels = 100352\n")).details["quick"]
    assert (detail.frame_pixels, detail.prompt) == (100_352, "brief")


def test_the_example_of_the_operators_page_is_a_catalogue(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    catalogue = load_catalogue(written(tmp_path, example))
    assert catalogue.card("house-omni").prices["beijing"].input_audio is None
    changed = catalogue.card("qwen3.5-omni-plus").prices["beijing"].on(date(2027, 1, 1))
    assert (changed.input_audio, changed.input_text) == (Decimal(45), Decimal(7))
    assert catalogue.details["quick"].frame_pixels == 100_352
