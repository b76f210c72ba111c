"""A repeat has the same fingerprint, whatever the order of its keys; another question has another."""

from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.fingerprint import fingerprint

BASE = {"request_id": "a", "media": [{"kind": "image", "bucket": "b", "key": "k"}], "limits": {"max_input_tokens": 5}}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5))
def test_the_order_of_keys_never_matters(document):
    assert fingerprint(document) == fingerprint(dict(reversed(document.items())))


def test_progress_and_deadline_are_no_part_of_it():
    limits = BASE["limits"] | {"deadline": "2030-01-01T00:00:00Z"}
    assert fingerprint(BASE) == fingerprint(BASE | {"progress": True, "limits": limits})
    bare = {"request_id": "a"}
    assert fingerprint(bare) == fingerprint(bare | {"limits": {"deadline": "2030-01-01T00:00:00Z"}})


def test_everything_else_is():
    assert fingerprint(BASE) != fingerprint(BASE | {"instruction": "more"})
    assert fingerprint(BASE) != fingerprint(BASE | {"limits": {"max_input_tokens": 6}})
