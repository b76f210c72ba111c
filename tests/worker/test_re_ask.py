"""What the next call is told: the faults by path, bounded, and never the answer that was bad."""

from analysis_worker.answers.re_ask import MOST_LISTED, continued, fault_list, with_faults
from analysis_worker.prompt import MediaSlot, build_messages
from media_contracts import Fault

MESSAGES = build_messages(prompt="Look.", schema_text="{}", kinds=["image"], instruction="What is it?")


def test_the_faults_stand_after_the_question_in_the_last_message_and_nothing_else_changes():
    again = with_faults(MESSAGES, [Fault(path="/a/0", message="must be a string"), Fault(path="", message="no JSON")])
    assert again[:-1] == MESSAGES[:-1]
    assert again[-1].parts[:-1] == MESSAGES[-1].parts
    assert isinstance(again[-1].parts[0], MediaSlot)
    assert "- /a/0: must be a string\n- the whole: no JSON\n" in again[-1].parts[-1].text
    assert "JSON" in again[-1].parts[-1].text


def test_what_the_model_is_told_is_bounded():
    faults = [Fault(path="/" + "x" * 1_000, message="y" * 1_000)] * 500
    assert len(fault_list(faults)) < 300 * (MOST_LISTED + 2)


def test_a_prefix_is_the_assistants_turn():
    assert continued(MESSAGES, '{"a":')[-1].role == "assistant"
    assert continued(MESSAGES, '{"a":')[:-1] == MESSAGES
