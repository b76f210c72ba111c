"""`media-analysis asyncapi` prints, or writes, what the contracts generate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from media_analysis.__main__ import main
from media_contracts import topics
from media_contracts.asyncapi import build_asyncapi

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_document_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["asyncapi"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == build_asyncapi()
    assert tuple(printed["channels"]) == topics.ALL


def test_the_document_is_written_where_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "asyncapi.json"
    assert main(["asyncapi", "--write", str(file)]) == 0
    assert json.loads(file.read_text(encoding="utf-8")) == build_asyncapi()
    assert capsys.readouterr().out == f"{file}\n"
