"""Text in; the same on stdout at once, so that a long drill can be watched, out."""

from __future__ import annotations

import sys


def tell(text: str) -> None:
    """Say it now."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
