"""Pure: a regular expression in, how many steps a character of text may cost, and how large it is when compiled, out.

The validator's engine takes linear time in the text, but each character may cost a step for each state of the
expression, and `.{500}` has 500 of them in nine characters (measured of jsonschema-rs 0.60: about 20 ns each).
"""

from __future__ import annotations

import re
from typing import Final

MOST: Final = 100_000
"""More than the engine takes: its programs are bounded."""
_TOKEN: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])*+\]|\{(\d{1,9})(?:,(\d{0,9}))?\}|.", re.DOTALL)


_WIDE: Final = re.compile(r"\\[pP]")
# Measured of jsonschema-rs 0.60: about 1 KB for a step, and 70 for one that is a Unicode property.
_WIDE_KILOBYTES: Final = 70


def pattern_steps(pattern: str) -> int:
    """Return an upper bound of the expression's states, counted repetitions written out; at most `MOST`."""
    return _sum(pattern, wide=1)


def pattern_kilobytes(pattern: str) -> int:
    """Return about how large the compiled expression is; at most `MOST`."""
    return _sum(pattern, wide=_WIDE_KILOBYTES)


def _sum(pattern: str, *, wide: int) -> int:
    groups, last = [0], 0  # what stands before in each open group, and the last atom, which a repetition repeats
    for token in _TOKEN.finditer(pattern):
        text = token[0]
        if token[1] is not None:
            times = max(int(token[1]), int(token[2] or 0), 1)
            last *= times
        elif text == "(":
            groups.append(groups.pop() + last)
            groups.append(0)
            last = 0
        elif text == ")" and len(groups) > 1:
            last += groups.pop()
        else:
            groups[-1] += last
            last = wide if _WIDE.search(text) else 1
        if groups[-1] + last > MOST:
            return MOST
    return min(sum(groups) + last, MOST)
