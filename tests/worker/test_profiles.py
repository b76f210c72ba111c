import json

import pytest

from analysis_worker.errors import MediaKindUnsupported, ProfileUnknown, Stopped
from analysis_worker.profiles import load_profiles

GOOD = {"profile.toml": 'version = "2"\nkinds = ["image"]\n', "prompt.md": "Look.", "schema.json": '{"type": "object"}'}


# 001_c4bbddce233d9b12.txt: the sections of its recommended prompts and of its samples, as pointers without indexes;
# 004_142ddfeb2eb1f632.txt: "transcribe this and judge the speaker's emotion"
SPOKEN = ("/speakers/speaker", "/speakers/profile", "/transcript/start_seconds", "/transcript/end_seconds")
SPOKEN += ("/transcript/speaker", "/transcript/state", "/transcript/content")
MORE = ("/more/title", "/more/text")
TOLD = ("/storyline/start_seconds", "/storyline/end_seconds", "/storyline/description")
READ = ("/visible_text/start_seconds", "/visible_text/end_seconds", "/visible_text/text", "/visible_text/appearance")
SEEDS = {
    "storyline": (*TOLD, *READ, *SPOKEN, *MORE),
    "audio_storyline": (*TOLD, *SPOKEN, *MORE),
    "dialects": ("/voices/dialect", "/voices/characteristics", "/voices/emotional_state", "/voices/lines"),
    "lyrics": ("/lines/start_seconds", "/lines/end_seconds", "/lines/text"),
    "subtitles": ("/cues/start_seconds", "/cues/end_seconds", "/cues/text"),
    "transcribe": ("/segments/text", "/segments/speaker"),
    "emotion": ("/segments/text", "/segments/emotion", "/segments/speaker"),
    "visible_text": tuple(path.replace("/visible_text/", "/texts/") for path in READ),
    "product_video": ("/scene_description", "/product_features", "/target_audience", "/music_style"),
    "meeting_minutes": ("/summary", "/decisions", "/action_items/owner"),
}


def write(folder, name, **files):
    place = folder / name
    place.mkdir(parents=True)
    for file, text in (GOOD | {key.replace("__", "."): value for key, value in files.items()}).items():
        if text is not None:
            (place / file).write_text(text)


def test_the_profiles_that_every_installation_has():
    profiles = load_profiles()
    every = "answer audio_storyline converse describe dialects emotion lyrics meeting_minutes moderation product_video storyline"
    assert profiles.names == (*every.split(), "subtitles", "transcribe", "visible_text")


def test_the_product_video_profile_asks_for_the_keys_of_the_seed():
    # 004_142ddfeb2eb1f632.txt: scene_description, product_features (a list), target_audience, music_style
    schema = json.loads(load_profiles().get("product_video").schema_text)
    assert schema["required"] == ["scene_description", "product_features", "target_audience", "music_style"]
    assert schema["properties"]["product_features"]["type"] == "array"


@pytest.mark.parametrize("name", load_profiles().names)
def test_a_shipped_profile_says_all_that_a_call_needs(name):
    profile = load_profiles().get(name)
    assert profile.prompt.strip()
    assert profile.version
    assert len(profile.schema_sha256) == 64
    # provider.md §1a: 3-omni-flash gives at most so many; for smaller ones the plan takes the card's limit
    assert profile.max_output_tokens <= 16_384
    assert profile.schema.faults([]) != ()


@pytest.mark.parametrize("name", load_profiles().names)
def test_a_shipped_schema_is_one_that_models_and_readers_can_follow(name):
    schema = json.loads(load_profiles().get(name).schema_text)
    assert len(json.dumps(schema)) < 4_096  # it is a part of every prompt
    for path, part in objects_of(schema):
        assert part["additionalProperties"] is False, path
        # Every key is there, or the reader has to tell "none" from "forgotten".
        assert part["required"] == list(part["properties"]), path


def objects_of(schema, path=""):
    if schema.get("type") == "object":
        yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from objects_of(inner, f"{path}/{name}")
    if "items" in schema:
        yield from objects_of(schema["items"], f"{path}[]")


@pytest.mark.parametrize("name", load_profiles().names)
def test_every_list_with_times_is_checked_as_a_timeline(name):
    profile = load_profiles().get(name)
    schema = json.loads(profile.schema_text)
    timed = {path.removesuffix("[]") for path, part in objects_of(schema) if "start_seconds" in part["properties"]}
    assert timed == set(profile.timelines)


@pytest.mark.parametrize(("name", "keys"), SEEDS.items())
def test_a_profile_of_the_seeds_asks_for_what_the_seed_asks_for(name, keys):
    schema = json.loads(load_profiles().get(name).schema_text)
    found = {(path + "/").replace("[]", "") + key for path, part in objects_of(schema) for key in part["properties"]}
    assert set(keys) <= found


@pytest.mark.parametrize(
    ("name", "lists"),
    [
        ("storyline", ("visible_text", "speakers", "transcript")),
        ("audio_storyline", ("speakers", "transcript")),
        ("visible_text", ("texts",)),
        ("subtitles", ("cues",)),
        ("lyrics", ("lines",)),
        ("transcribe", ("segments",)),
        ("emotion", ("segments",)),
        ("dialects", ("voices",)),
    ],
)
def test_where_there_is_no_text_or_speech_an_empty_list_says_so(name, lists):
    # 001_c4bbddce233d9b12.txt: "If no text appears, explicitly state so. [...] If no speech appears, explicitly state so."
    properties = json.loads(load_profiles().get(name).schema_text)["properties"]
    for field in lists:
        assert properties[field].get("minItems", 0) == 0
        assert "mpty " in properties[field]["description"]


def test_the_text_of_a_picture_has_no_times_and_that_of_a_film_has():
    schema = load_profiles().get("visible_text").schema
    sign = {"text": "EXIT", "language": "en", "kind": "sign", "position": "top", "appearance": "green"}
    for times in ((None, None), (1.5, 2)):
        assert schema.faults({"texts": [{"start_seconds": times[0], "end_seconds": times[1]} | sign]}) == ()
    assert schema.faults({"texts": [sign]})


def test_an_operators_timelines_are_pointers(tmp_path):
    write(tmp_path, "timed", profile__toml='version = "1"\nkinds = ["image"]\ntimelines = ["/cues"]')
    assert load_profiles(tmp_path).get("timed").timelines == ("/cues",)
    write(tmp_path, "wrong", profile__toml='version = "1"\nkinds = ["image"]\ntimelines = ["cues"]')
    with pytest.raises(Stopped, match="timelines"):
        load_profiles(tmp_path)


def test_an_operators_subtitles_are_a_timeline_of_texts(tmp_path):
    schema = load_profiles().get("lyrics").schema_text
    head = 'version = "1"\nkinds = ["audio"]\n'
    write(tmp_path, "sung", profile__toml=head + 'timelines = ["/lines"]\nsubtitles = "/lines"', schema__json=schema)
    assert load_profiles(tmp_path).get("sung").subtitles == "/lines"
    write(tmp_path, "untimed", profile__toml=head + 'subtitles = "/lines"', schema__json=schema)
    write(tmp_path, "astray", profile__toml=head + 'timelines = ["/cues"]\nsubtitles = "/cues"', schema__json=schema)
    with pytest.raises(Stopped) as caught:
        load_profiles(tmp_path)
    assert "untimed: subtitles is '/lines', which timelines does not name" in caught.value.message
    assert "astray: subtitles is '/cues', where schema.json requires no list" in caught.value.message


@pytest.mark.parametrize("name", load_profiles().names)
def test_the_prompt_for_a_quick_look_has_at_most_fifty_words(name):
    # 001_c4bbddce233d9b12.txt: "a simple prompt within 50 words" for quick and extract
    profile = load_profiles().get(name)
    assert 0 < len(profile.prompt_of("brief").split()) <= 50
    assert profile.prompt_of("whole") == profile.prompt


def test_a_profile_without_a_brief_prompt_is_asked_whole_and_an_empty_one_is_a_fault(tmp_path):
    write(tmp_path, "plain")
    assert load_profiles(tmp_path).get("plain").prompt_of("brief") == "Look."
    write(tmp_path, "curt", brief__md=" ")
    with pytest.raises(Stopped, match=r"brief\.md is empty"):
        load_profiles(tmp_path)


def test_each_kind_of_media_and_none_has_a_default():
    profiles = load_profiles()
    assert [profiles.default_for([kind]).name for kind in ("image", "audio", "video", "frames")] == ["describe"] * 4
    assert profiles.default_for([]).name == "answer"
    with pytest.raises(ProfileUnknown, match="hologram"):
        profiles.default_for(["hologram"])


def test_an_unknown_profile_is_answered_with_the_known_ones():
    with pytest.raises(ProfileUnknown, match=r"'storyboard'.*describe.*visible_text"):
        load_profiles().get("storyboard")


def test_a_profile_refuses_media_that_it_is_not_made_for():
    profile = load_profiles().get("product_video")
    profile.check_kinds(["video", "frames"])
    with pytest.raises(MediaKindUnsupported, match=r"product_video.*not audio"):
        profile.check_kinds(["video", "audio"])


def test_an_operators_profile_is_added_and_replaces_ours_of_the_same_name_and_default(tmp_path):
    write(tmp_path, "moderation")
    write(
        tmp_path,
        "catalogue",
        profile__toml='version = "1"\nkinds = ["image"]\ndefault_for = ["image"]\ntemperature = 0.5',
    )
    (tmp_path / "..data").mkdir()
    (tmp_path / "README.md").write_text("not a profile")
    profiles = load_profiles(tmp_path)
    assert profiles.get("moderation").version == "2"
    assert profiles.get("catalogue").temperature == 0.5
    assert profiles.default_for(["image"]).name == "catalogue"
    assert profiles.default_for(["audio"]).name == "describe"


def test_all_faults_of_an_operators_folder_are_reported_at_once(tmp_path):
    write(tmp_path, "Bad-Name")
    write(tmp_path, "no_prompt", prompt__md=None)
    write(tmp_path, "empty_prompt", prompt__md=" \n")
    write(tmp_path, "bad_toml", profile__toml="version = ")
    write(tmp_path, "bad_keys", profile__toml='version = 3\nkinds = ["smell"]\ntemperature = 2.0\ncolour = "red"')
    write(tmp_path, "bad_default", profile__toml='version = "1"\nkinds = ["image"]\ndefault_for = ["audio"]')
    write(tmp_path, "bad_schema", schema__json='{"type": "person"}')
    write(tmp_path, "no_json", schema__json="{")
    for name in ("first", "second"):
        write(tmp_path, name, profile__toml='version = "1"\nkinds = ["audio"]\ndefault_for = ["audio"]')
    with pytest.raises(Stopped) as caught:
        load_profiles(tmp_path)
    said = caught.value.message
    for part in [
        "Bad-Name: the name",
        "no_prompt/prompt.md is missing",
        "empty_prompt/prompt.md is empty",
        "bad_toml/profile.toml: Invalid value",
        "bad_keys/profile.toml: version",
        "bad_keys/profile.toml: kinds.0",
        "bad_keys/profile.toml: temperature",
        "bad_keys/profile.toml: colour",
        "bad_default/profile.toml: default_for names audio",
        "bad_schema/schema.json: the output schema is no JSON Schema 2020-12 at /type",
        "no_json/schema.json: the output schema is no JSON",
        "first and second are all the default for audio",
    ]:
        assert part in said


def test_a_replacement_that_leaves_a_kind_without_default_is_a_fault(tmp_path):
    write(tmp_path, "describe")
    with pytest.raises(Stopped, match="no profile is the default for audio"):
        load_profiles(tmp_path)


def test_a_folder_that_does_not_exist_is_a_fault(tmp_path):
    with pytest.raises(Stopped, match="is no folder"):
        load_profiles(tmp_path / "nowhere")


def test_the_repr_of_a_profile_is_short():
    assert len(repr(load_profiles().get("describe"))) < 400
