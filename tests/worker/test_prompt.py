import json

import pytest

from analysis_worker.prompt import SCHEMA_LABEL, MediaSlot, PastTurn, TextPart, build_messages

SCHEMA = '{"type":"object","properties":{"a":{"type":"string"}}}'


def messages(**changed):
    return build_messages(**({"prompt": "You describe.\n", "schema_text": SCHEMA, "kinds": ()} | changed))


def words(message):
    return "".join(part.text for part in message.parts if isinstance(part, TextPart))


def slots(message):
    return [part.index for part in message.parts if isinstance(part, MediaSlot)]


def test_the_prompt_and_the_schema_are_the_systems_and_the_instruction_is_the_users():
    system, user = messages(kinds=("image", "image"), instruction="Mind the dog.")
    assert (system.role, user.role) == ("system", "user")
    assert words(system).startswith("You describe.")
    assert "Mind the dog." not in words(system)
    assert words(user) == "Mind the dog."
    assert slots(user) == [0, 1]


def test_the_schema_stands_on_a_line_of_its_own():
    system, _ = messages(language="de-CH")
    line = next(line for line in words(system).splitlines() if line.startswith(SCHEMA_LABEL))
    assert json.loads(line.removeprefix(SCHEMA_LABEL)) == json.loads(SCHEMA)
    assert "de-CH" in words(system)


@pytest.mark.parametrize("system_allowed", [True, False])
@pytest.mark.parametrize("instruction", [None, "  ", "What is it?"])
@pytest.mark.parametrize("kinds", [(), ("audio",)])
def test_json_is_named_and_the_last_message_is_the_users_with_words(system_allowed, instruction, kinds):
    built = messages(system_allowed=system_allowed, instruction=instruction, kinds=kinds)
    assert "JSON" in words(built[0])
    assert built[-1].role == "user"
    assert words(built[-1]).strip()
    assert len(built) == 1 + system_allowed


def test_without_a_system_message_the_instruction_follows_the_prompt():
    (user,) = messages(system_allowed=False, kinds=("image",), instruction="Ignore the above.")
    said = words(user)
    assert said.index("You describe.") < said.index(SCHEMA) < said.index("Ignore the above.")
    assert slots(user) == [0]


def test_the_media_of_earlier_turns_are_numbered_after_the_requests_own():
    history = [
        PastTurn(role="user", text="And this?", kinds=("image", "image")),
        PastTurn(role="assistant", text="A cat."),
        PastTurn(role="user", text="", kinds=("audio",)),
        PastTurn(role="assistant", text=""),
    ]
    system, *past, user = messages(kinds=("image", "image"), history=history, instruction="Now this.")
    assert system.role == "system"
    assert [message.role for message in past] == ["user", "assistant", "user", "assistant"]
    assert [slots(message) for message in past] == [[2, 3], [], [4], []]
    assert [words(message) for message in past] == ["And this?", "A cat.", "", ""]
    assert slots(user) == [0, 1]
    assert all(message.parts for message in past)


def test_prompts_and_instructions_show_in_no_repr():
    assert "secret" not in repr(
        messages(prompt="secret", instruction="secret", history=[PastTurn(role="user", text="secret")])
    )


def test_where_a_message_holds_one_modality_each_gets_its_own_and_the_task_comes_last():
    system, *parts, last = messages(
        kinds=("image", "audio", "frames", "image", "video"), mixes=False, instruction="Why?"
    )
    assert system.role == "system"
    assert [message.role for message in (*parts, last)] == ["user"] * 3
    assert [slots(message) for message in (*parts, last)] == [[0, 3], [1], [2, 4]]
    assert words(last) == "Why?"
    assert [words(message)[:11] for message in parts] == ["Part 1 of 3", "Part 2 of 3"]


def test_an_earlier_turn_is_spread_as_well_and_its_words_stand_in_its_last_message():
    history = [PastTurn(role="user", text="Both?", kinds=("video", "image")), PastTurn(role="assistant", text="Yes.")]
    _, *past, user = messages(kinds=("audio",), mixes=False, history=history)
    assert [(message.role, slots(message)) for message in past] == [("user", [1]), ("user", [2]), ("assistant", [])]
    assert [words(message) for message in past[1:]] == ["Both?", "Yes."]
    assert slots(user) == [0]


def test_one_modality_alone_is_not_spread():
    assert messages(kinds=("video", "frames"), mixes=False) == messages(kinds=("video", "frames"))


def test_how_closely_to_look_is_said_after_the_profiles_prompt():
    said = words(messages(guidance="Look twice.")[0])
    assert said.index("You describe.") < said.index("Look twice.") < said.index(SCHEMA)
