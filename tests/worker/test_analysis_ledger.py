"""A validated answer in the ledger: read as it was written, and whatever else lies there is unreadable by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis_worker.analysis_ledger import AnalysisDocument, decode_analysis, encode_analysis
from analysis_worker.errors import LedgerUnreadable

GOLDEN = Path(__file__).parents[1] / "formats" / "0.1.0" / "ledger_analysis.json"
DOCUMENT = AnalysisDocument(
    fingerprint="f" * 64,
    model="qwen3.5-omni-plus",
    text='{"title": "ü", "price": 1.10}',
    finish_reason="stop",
    first_token_seconds=0.25,
    stream_seconds=1.5,
)


def test_the_golden_file_is_read_and_written_again():
    golden = GOLDEN.read_bytes().strip()
    assert decode_analysis(golden, where="results/x") == DOCUMENT
    assert encode_analysis(DOCUMENT) == golden


def test_it_is_an_answer_again_word_for_word():
    answer = DOCUMENT.answer()
    assert (answer.text, answer.ending, answer.usage) == (DOCUMENT.text, "finished", None)


@pytest.mark.parametrize(
    "change", [{"text": None}, {"text": 1}, {"format": 2}, {"format": 0}, {"stream_seconds": -1.0}]
)
def test_what_else_lies_there_is_unreadable_by_name(change):
    body = json.dumps(json.loads(encode_analysis(DOCUMENT)) | change).encode()
    with pytest.raises(LedgerUnreadable, match="results/x"):
        decode_analysis(body, where="results/x")
