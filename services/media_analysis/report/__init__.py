"""Pure: the values of a demo in, one self-contained HTML page out."""

from media_analysis.report.page import render_report
from media_analysis.report.spans import read_spans
from media_analysis.report.totals import Totals, add_up, outcome_of
from media_analysis.report.values import Check, DeadLetter, Entry, Moment, Picture, Report, Sound, Span, Subtitles

__all__ = [
    "Check",
    "DeadLetter",
    "Entry",
    "Moment",
    "Picture",
    "Report",
    "Sound",
    "Span",
    "Subtitles",
    "Totals",
    "add_up",
    "outcome_of",
    "read_spans",
    "render_report",
]
