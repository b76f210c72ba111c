"""What the command `estimate` prints for real files, without a model, a store or a broker."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import media_analysis
from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.cutter import Cutter
from analysis_worker.cutting.shrink import SPEEDS
from analysis_worker.local import LocalFiles
from analysis_worker.media.probe import ProbePool
from analysis_worker.plan import plan
from analysis_worker.planner import Planner
from analysis_worker.profiles import load_profiles
from analysis_worker.receive import receive
from analysis_worker.values import AnalysisPlan, Delivered
from media_analysis.__main__ import main
from media_analysis.demo.long_media import FILM as FILM_NAME
from media_analysis.demo.long_media import RECORDING as RECORDING_NAME
from media_analysis.demo.long_media import make_long_media
from media_analysis.outlook import cut_document
from media_contracts import AnalysisRequested, KafkaRecord, MediaItem, topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis_worker.catalogue import Catalogue

    Run = Callable[..., tuple[int, str, str]]

CONTRACTS = Path(__file__).parents[2] / "contracts" / "examples" / "completed" / "v1" / "valid"
SAMPLES = Path(media_analysis.__file__).parent / "samples"
PICTURE, FILM, VOICE = (str(SAMPLES / name) for name in ("rocket.jpg", "bigbuckbunny.mp4", "sense_and_sensibility.wav"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name in [name for name in os.environ if name.startswith(("MODEL_", "DASHSCOPE_"))]:
        monkeypatch.delenv(name)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["estimate", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_one_model_prints_one_json_object_with_the_documented_keys(run: Run) -> None:
    code, out, err = run(PICTURE, "--model", "qwen3.5-omni-plus", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert list(found) == ["model", "input", "input_tokens", "cost", "plan"]
    # 640 x 427 by the family's rule: 20 x 13 patches and two markers.
    assert found["input"] == {"text": found["input"]["text"], "image": 262, "audio": 0, "video": 0}
    assert found["input_tokens"] == sum(found["input"].values())
    assert found["cost"]["currency"] == "CNY"
    assert found["plan"]["outcome"] == "accepted"


def test_a_film_counts_pictures_and_sound_apart_and_by_family(run: Run) -> None:
    _, out, _ = run(FILM, "--model", "qwen3.5-omni-plus", "--model", "qwen-omni-turbo", "--json")
    plus, turbo = map(json.loads, out.splitlines())
    # 1280 x 720 at the level `standard`: 921,600 px a frame, where the family's own default of 655,360 makes 2,972.
    assert (plus["input"]["video"], plus["input"]["audio"]) == (4402, 38)
    assert (turbo["input"]["video"], turbo["input"]["audio"]) == (3602, 133)


def test_several_models_are_compared_in_a_table_with_the_plan_of_each(run: Run) -> None:
    code, out, _ = run(FILM, "--model", "qwen3-omni-flash", "--model", "qwen-plus")
    assert code == 0
    assert "costs at most" in out
    assert "qwen3-omni-flash: profile" in out
    assert "qwen-plus: rejected, media_kind_unsupported" in out


def test_a_mix_goes_in_one_message_or_is_spread_over_several(run: Run) -> None:
    code, out, _ = run(PICTURE, VOICE, "--model", "qwen3-omni-flash", "--model", "qwen3.5-omni-plus", "--json")
    flash, plus = [json.loads(line)["plan"] for line in out.splitlines()]
    assert code == 0
    assert (flash["outcome"], flash["user_messages"]) == ("accepted", 2)
    assert (plus["outcome"], plus["user_messages"]) == ("accepted", 1)


def test_a_request_that_no_model_asked_for_takes_ends_with_1(run: Run) -> None:
    code, out, _ = run(VOICE, VOICE, "--model", "qwen3-omni-flash", "--json")
    found = json.loads(out)
    assert code == 1
    assert (found["plan"]["outcome"], found["plan"]["error"]["code"]) == ("rejected", "media_too_many")
    assert found["input"]["audio"] > 0


def test_the_detail_level_sets_pixels_where_the_model_takes_them(run: Run) -> None:
    found = {}
    for level in ("quick", "standard", "fine"):
        _, out, _ = run(FILM, "--model", "qwen3.5-omni-plus", "--model", "qwen-omni-turbo", "--detail", level, "--json")
        found[level] = [json.loads(line) for line in out.splitlines()]
    pixels = [found[level][0]["plan"]["pixels"]["frame_max_pixels"] for level in found]
    assert pixels == [230_400, 921_600, 2_048_000]
    counts = [found[level][0]["input"]["video"] for level in found]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    assert [found[level][1]["plan"]["pixels"] for level in found] == [{}] * 3


def test_thinking_and_search_are_planned_or_rejected_by_name(run: Run) -> None:
    models = ("--model", "qwen3.8-omni-flash", "--model", "qwen3.5-omni-plus", "--json")
    _, out, _ = run(PICTURE, "--effort", "low", "--search", *models)
    newest, plus = [json.loads(line)["plan"] for line in out.splitlines()]
    assert (newest["outcome"], newest["thinking"], newest["search"]) == ("accepted", True, True)
    assert plus["error"]["code"] == "feature_unsupported"


def test_every_model_of_the_catalogue_is_compared(run: Run) -> None:
    code, out, _ = run(PICTURE, "--all-models")
    assert code == 0
    assert out.count("answer up to") == 6
    assert "qwen-plus: rejected, media_kind_unsupported" in out


def test_what_completions_teach_is_shown_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    arguments = (PICTURE, "--model", "qwen3.5-omni-plus", "--json")
    plain = json.loads(run(*arguments)[1])
    example = json.loads((CONTRACTS / "succeeded.json").read_text())
    data = example.get("data", example)
    data["estimate"] = {"input_tokens": 1000, "cost": None}
    data["model"] = data["attempts"][0]["model"] = "qwen3.5-omni-plus"
    counted = data["attempts"][0]["usage"]["input_tokens"]
    lines = tmp_path / "completions.ndjson"
    lines.write_text("\n".join(("not JSON", json.dumps(data), json.dumps({"topic": "t", "data": data}))))
    taught = json.loads(run(*arguments, "--completions", str(lines))[1])
    assert taught["plan"].pop("calibration") == {"factor": counted / 1000, "calls": 2}
    assert plain["plan"].pop("calibration") is None
    assert taught == plain
    lines.write_text("{}\n")
    code, _, err = run(*arguments, "--completions", str(lines))
    assert code != 0
    assert "no completion" in err


def test_an_unknown_price_is_null_and_the_count_stays(run: Run) -> None:
    code, out, _ = run(PICTURE, "--model", "qwen3.8-omni-flash", "--json")
    found = json.loads(out)
    assert (code, found["cost"]) == (0, None)
    assert found["input"]["image"] == 262
    _, out, _ = run(PICTURE, "--model", "qwen3.8-omni-flash", "--region", "international", "--json")
    assert json.loads(out)["cost"]["currency"] == "USD"


def test_a_larger_answer_may_cost_more(run: Run) -> None:
    costs = []
    for bound in ("100", "200"):
        _, out, _ = run(PICTURE, "--model", "qwen3.5-omni-plus", "--max-output-tokens", bound, "--json")
        costs.append(float(json.loads(out)["cost"]["amount"]))
    assert costs[1] - costs[0] == pytest.approx(100 * 40 / 1_000_000)


def test_a_file_that_cannot_be_counted_is_one_line_with_its_name(run: Run, tmp_path: Path) -> None:
    text = tmp_path / "photo.jpg"
    text.write_text("not a photo\n" * 9)
    for arguments, words in (
        ((str(text),), "it is text"),
        ((PICTURE, "--kind", "audio"), "image/jpeg"),
        ((PICTURE, "--model", "nope"), "no model card for 'nope'"),
        ((PICTURE, "--profile", "nope"), "'nope' is not installed"),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (1, "")
        assert words in err
        assert len(err.splitlines()) == 1


@pytest.fixture(scope="module")
def long_media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_long_media(tmp_path_factory.mktemp("long"))


PRICED = """
[models."qwen-plus".prices.beijing]
name = "of the test"
currency = "CNY"
input_text = "1"
output_text_after_text = "4"
"""


async def test_the_plan_of_a_long_film_is_the_worker_s_own(
    run: Run, long_media: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.toml").write_text(PRICED)
    path, arguments = long_media[FILM_NAME], ("--model", "qwen3.5-omni-plus", "--profile", "storyline", "--json")
    monkeypatch.setenv("MODEL_CATALOGUE_FILE", str(tmp_path / "own.toml"))
    _, out, _ = await asyncio.to_thread(run, str(path), *arguments)
    found = json.loads(out)
    media = (MediaItem(kind="video", bucket="local", key=str(path)),)
    request = AnalysisRequested(request_id="long", media=media, profile="storyline")
    planned = await planned_by_the_worker(request, load_catalogue(tmp_path / "own.toml"))
    assert planned.cut is not None
    assert found["plan"]["cut"] == cut_document(planned.cut)
    assert [segment["cut"] for segment in found["plan"]["cut"]["segments"]] == ["copy"] * 3
    assert (found["input_tokens"], found["plan"]["calls"]) == (planned.input_tokens.total, 4)
    assert planned.estimate.cost is not None
    assert found["cost"] == planned.estimate.cost.model_dump()
    reduction = found["plan"]["cut"]["reduction"]
    assert reduction["model"] == "qwen-plus"
    assert 0 < float(reduction["cost"]["amount"]) < float(found["cost"]["amount"])


async def planned_by_the_worker(request: AnalysisRequested, catalogue: Catalogue) -> AnalysisPlan:
    """What a worker plans whose store the model cannot reach."""
    now = datetime.now(UTC)
    record = KafkaRecord(
        topic=topics.REQUESTED, key=None, value=request.model_dump_json(exclude_defaults=True).encode()
    )
    delivered = Delivered(record=record, partition=0, offset=0, timestamp_ms=int(now.timestamp() * 1000))
    job = receive(delivered, now=now, tenant_topics={}, default_deadline_seconds=60)
    async with ProbePool(children=1) as pool:
        planner = Planner(
            store=LocalFiles(),
            pool=pool,
            catalogue=catalogue,
            profiles=load_profiles(),
            allowed={"default": ("local/*",)},
            url_hosts=frozenset(),
            default_model="qwen3.5-omni-plus",
            region="beijing",
            cutter=Cutter(),
            scratch_bytes=10**10,
            reduce_model="qwen-plus",
            speeds=SPEEDS,
        )
        return await plan(job, planner=planner, now=now, spent=None)


def test_a_long_recording_is_compared_over_models_with_its_cut(run: Run, long_media: dict[str, Path]) -> None:
    names = ("qwen3.5-omni-plus", "qwen3-omni-flash")
    models = [word for name in names for word in ("--model", name)]
    code, out, _ = run(str(long_media[RECORDING_NAME]), "--profile", "subtitles", *models)
    assert code == 0
    for name in names:
        (line,) = [line for line in out.splitlines() if line.startswith(f"{name}:")]
        assert "cut into 3 segments of up to 101.3 s (3 copied), put together" in line
        assert line.endswith("for each segment")


def test_a_level_that_takes_all_of_it_leaves_a_film_whole(run: Run, long_media: dict[str, Path]) -> None:
    _, out, _ = run(str(long_media[FILM_NAME]), "--model", "qwen3.5-omni-plus", "--detail", "quick", "--json")
    found = json.loads(out)
    assert (found["plan"]["cut"], found["plan"]["calls"]) == (None, 1)


def test_an_answer_that_is_read_aloud_has_a_call_more_and_costs_more(run: Run) -> None:
    arguments = (PICTURE, "--model", "qwen3.5-omni-plus", "--json")
    silent, spoken = (json.loads(run(*arguments, *more)[1]) for more in ((), ("--voice", "Tina")))
    assert (silent["plan"]["speech"], silent["plan"]["calls"]) == (None, 1)
    assert (spoken["plan"]["speech"]["own_call"], spoken["plan"]["calls"]) == (True, 2)
    read = float(spoken["plan"]["speech"]["cost"]["amount"])
    assert float(spoken["cost"]["amount"]) - float(silent["cost"]["amount"]) == pytest.approx(read)
    _, out, _ = run(*arguments[:-1], "--profile", "converse", "--voice", "Tina")
    assert "spoken as it answers" in out


def test_what_is_too_large_for_the_body_is_fetched_unless_the_model_cannot(
    run: Run, long_media: dict[str, Path]
) -> None:
    path = str(long_media[FILM_NAME])
    arguments = (path, "--model", "qwen3.5-omni-plus", "--profile", "storyline", "--json")
    ways = [json.loads(run(*arguments, *more)[1])["plan"]["delivery"] for more in ((), ("--by-url",), ("--inline",))]
    assert ways == ["inline", "presigned", "inline"]
