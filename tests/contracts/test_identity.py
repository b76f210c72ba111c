"""Pure: who asked what decides the completion's id, in every language alike."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_contracts import Identity
from tests.contracts.strategies import counts, names, request_ids, tenants

VECTORS = json.loads((Path(__file__).parents[1] / "formats" / "0.1.0" / "identity.json").read_text(encoding="utf-8"))
identities = st.builds(Identity, tenant=tenants, source=names, request_id=request_ids, rerun=counts)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["completion_id"][:8] for vector in VECTORS])
def test_the_golden_vectors_never_change(vector):
    expected = vector.pop("completion_id")
    assert Identity(**vector).completion_id() == expected


@given(identities)
def test_another_implementation_of_the_documented_rule_agrees(identity):
    parts = [part.encode() for part in (identity.tenant, identity.source, identity.request_id, f"{identity.rerun:d}")]
    packed = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    assert identity.completion_id() == hashlib.sha256(packed).hexdigest()


@given(identities, identities)
def test_different_identities_have_different_ids(one, other):
    assert (one == other) == (one.completion_id() == other.completion_id())


def test_moving_a_character_between_fields_makes_another_identity():
    one = Identity(tenant="a", source="bc", request_id="d", rerun=0)
    other = Identity(tenant="ab", source="c", request_id="d", rerun=0)
    assert one.completion_id() != other.completion_id()
