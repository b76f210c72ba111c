"""Pure: the text of an answer as it grows in, the fields that are complete and valid so far out, by JSON Pointer.

A field is a member of the answer's object (`/summary`), told when it is closed, or an item of a member that is a list
(`/cues/3`); a list is told by its items alone, and an empty one not at all. So what is told only grows, and what was
told never changes. Each field fits its own subschema and, in a timeline, follows on the item before (timeline.py);
what the schema says of several fields together is seen at the end. The first field that does not fit, a name that
comes twice or text that is no JSON ends the telling: such an answer is not good anyway, and is asked for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from analysis_worker.answers.growing_json import Closed, GrowingJson
from analysis_worker.answers.json_text import take_json
from analysis_worker.answers.timeline import timeline_faults
from analysis_worker.errors import AnalysisError
from analysis_worker.long_media.absolute_times import START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis_worker.answers.field_schemas import FieldSchemas

# The validator holds the event loop: 20 ms for one field, 0.2 s for all of an answer (schemas.MAX_LOOKS).
MOST_LOOKS: Final = 1_000_000
MOST_LOOKS_TOGETHER: Final = 10_000_000


class ProgressFields:
    """The fields of one answer; feed it the text as it comes. Linear time."""

    def __init__(
        self,
        schemas: FieldSchemas,
        *,
        timelines: Sequence[str] = (),
        duration_seconds: float | None = None,
        most_characters: int,
    ) -> None:
        self._schemas = schemas
        self._timelines = tuple(timelines)
        self._duration_seconds = duration_seconds
        self._document = GrowingJson(most_characters=most_characters)
        self._looks_left = MOST_LOOKS_TOGETHER
        self._latest: dict[str, Any] = {}
        """The last item of each list that said when it starts."""
        self._is_over = False

    def feed(self, text: str) -> dict[str, Any]:
        """Take the next piece of the answer's text; returns the fields that it completes, pointer to value."""
        fields: dict[str, Any] = {}
        if self._is_over or self._document.is_over:
            return fields
        for closed in self._document.feed(text):
            if self._is_over:
                break
            self._take(closed, fields)
        return fields

    def _take(self, closed: Closed, fields: dict[str, Any]) -> None:
        is_item = closed.index is not None
        if closed.text is None or not self._schemas.knows(closed.name, is_item=is_item):
            return
        try:
            value = take_json(closed.text).value
        except AnalysisError:
            self._is_over = True
            return
        looks = self._schemas.looks(value)
        if looks > min(MOST_LOOKS, self._looks_left):
            return
        self._looks_left -= looks
        if self._schemas.fits(closed.name, value, is_item=is_item) and self._is_in_time(closed, value):
            fields[_pointer(closed)] = value
        else:
            self._is_over = True

    def _is_in_time(self, closed: Closed, value: Any) -> bool:
        """Whether its times are in order and within the medium; an item's also after those of the items before."""
        if not self._timelines:
            return True
        name, found = closed.name, value
        if closed.index is not None:
            before = [self._latest[name]] if name in self._latest else []
            found = [*before, value]
            start = value.get(START) if isinstance(value, dict) else None
            if isinstance(start, int | float) and not isinstance(start, bool):
                self._latest[name] = value
        return not timeline_faults({name: found}, timelines=self._timelines, duration_seconds=self._duration_seconds)


def _pointer(closed: Closed) -> str:
    name = closed.name.replace("~", "~0").replace("/", "~1")
    return f"/{name}" if closed.index is None else f"/{name}/{closed.index}"
