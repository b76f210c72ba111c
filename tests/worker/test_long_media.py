"""A film cut into segments, each answered by what its pictures show, is one answer whose times are the film's own."""

from __future__ import annotations

from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.cutter import Cutter
from analysis_worker.cutting.scratch import ScratchSpace, scratch_folder
from analysis_worker.long_media.absolute_times import shifted
from analysis_worker.long_media.reduce import Merged, Part, reduce_parts
from analysis_worker.long_media.segment_media import cut_on_scratch
from analysis_worker.long_media.segment_plan import InSegments, cut_up, order_of
from analysis_worker.long_media.segments import Cut
from analysis_worker.media.probe import PathSource
from analysis_worker.media.probed import ProbedMedia
from analysis_worker.profiles import load_profiles
from tests.worker.films import film, pictures

SECONDS, FPS = 28, 5
PROFILE = load_profiles().get("subtitles")
CARD = load_catalogue().card("qwen3.5-omni-plus")


def answer_about(path):
    """A cue for each second of the film of which the piece shows the first picture, at the piece's own time."""
    first = {}
    for at, second in pictures(path):
        first.setdefault(second, at)
    begun = list(first.items())[1:] if next(iter(first)) else list(first.items())
    cues = [{"start_seconds": at, "end_seconds": at + 1, "text": str(second)} for second, at in begun]
    return {"language": "und", "cues": cues}


async def test_every_second_of_the_film_is_told_once_at_its_own_time(tmp_path):
    path = film(tmp_path / "film.mp4", seconds=SECONDS, fps=FPS, key_every=3)
    source = PathSource(index=0, kind="video", size_bytes=path.stat().st_size, path=path)
    probed = ProbedMedia(
        index=0,
        kind="video",
        format="mp4",
        content_type="video/mp4",
        size_bytes=source.size_bytes,
        duration_seconds=float(SECONDS),
        has_audio=True,
    )
    cutter, space, parts = Cutter(), ScratchSpace(total_bytes=4_000_000), []
    look = await cutter.look(source)
    for segment in cut_up(probed, InSegments(longest_seconds=12.0, copies=True), look, card=CARD):
        with scratch_folder(tmp_path / "scratch", name=str(segment.index)) as folder:
            order = order_of(source, segment, probed, card=CARD, public=False, path=folder / "piece")
            async with cut_on_scratch(order, cutter=cutter, space=space) as made:
                told = answer_about(made.path)
        value = shifted(told, timelines=PROFILE.timelines, by_seconds=made.start_seconds)
        parts.append(Part(segment=segment, value=value))
    assert {part.segment.cut for part in parts} == {Cut.COPY}
    assert len(parts) >= 3
    merged = reduce_parts(parts, schema=PROFILE.schema, timelines=PROFILE.timelines)
    assert isinstance(merged, Merged)
    cues = merged.findings.value["cues"]
    assert [cue["text"] for cue in cues] == [str(second) for second in range(SECONDS)]
    assert all(abs(cue["start_seconds"] - int(cue["text"])) <= 1 / FPS + 0.001 for cue in cues)
    assert space.used_bytes == 0
