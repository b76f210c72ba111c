"""The main job on an embedded stack: options in; a live table, totals, a report file and an honest exit code out."""

from media_analysis.demo.run import command

__all__ = ["command"]
