"""How a model is to look, think and search, said on the command line and taken by the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_analysis.__main__ import main
from media_analysis.model_options import given_model, model_document
from media_contracts import ModelChoice, Reasoning
from tests.simulator.samples import picture
from tests.simulator.servers import KEY, run_simulator

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

UNSAID = {"name": None, "detail": None, "effort": None, "thinking": None, "search": None}


def test_what_is_not_said_is_not_in_the_request() -> None:
    assert given_model(**UNSAID) == ModelChoice()
    said = given_model(**UNSAID | {"detail": "fine", "thinking": True, "search": False})
    assert said == ModelChoice(detail="fine", reasoning=Reasoning(enabled=True), search=False)
    assert model_document(**UNSAID | {"effort": "low"})["reasoning"] == {"enabled": None, "effort": "low"}


def test_analyze_sends_what_the_options_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(picture(800, 600))
    with run_simulator() as simulator:
        monkeypatch.setenv("MODEL_BASE_URL", simulator.base_url)
        monkeypatch.setenv("MODEL_API_KEY", KEY)
        options = ("--detail", "quick", "--effort", "low", "--search")
        assert main(["analyze", str(path), "--model", "qwen3.8-omni-flash", *options]) == 0
        call = simulator.calls()[-1]
    assert capsys.readouterr().err == ""
    assert call["parts"][0]["options"] == {"max_pixels": 230_400}
    assert (call["parameters"]["reasoning_effort"], call["parameters"]["enable_search"]) == ("low", True)
