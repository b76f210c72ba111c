"""Pure: text in, an estimate of its tokens out that is meant to be high rather than low.

The provider publishes no offline tokenizer for the Omni models; its own rule of thumb is 3 to 4 English letters or 1.5
to 1.8 Chinese characters a token. The estimate takes the dear end of each:

    a run of ASCII letters          one token for every 3, rounded up
    digits                          one each (the family's tokenizer splits numbers into digits)
    punctuation and symbols         one each
    Han, kana, hangul               one each
    other scripts                   half their UTF-8 bytes, rounded up per run
    space                           one space belongs to the word after it; longer runs and line ends count one
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LETTERS_PER_TOKEN = 3
BYTES_PER_TOKEN = 2
# A message is wrapped in a marker, its role, a line end, a marker and a line end; the answer's opening takes 3 more.
# With these "three Chinese characters" come to the 11 input tokens of the sample in 001_c4bbddce233d9b12.txt.
MESSAGE_TOKENS = 5
REPLY_TOKENS = 3

_RUNS = re.compile(
    r"(?P<letters>[A-Za-z]+)"
    r"|(?P<space> )(?=\S)"
    r"|(?P<gap>[ \t\r\n\f\v]+)"
    r"|(?P<single>[\x00-\x7f]|[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\uffef\U00020000-\U0003ffff])"
    r"|(?P<other>[^\x00-\x7f\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\uffef\U00020000-\U0003ffff]+)"
)


def text_tokens(text: str) -> int:
    """Tokens of a text, estimated by script as the module's table says; a lone surrogate counts as three bytes."""
    return sum(_run_tokens(match) for match in _RUNS.finditer(text))


def conversation_tokens(texts: Iterable[str]) -> int:
    """Tokens of a whole request's text, one item a message, with the wrapping of messages and of the answer."""
    return REPLY_TOKENS + sum(MESSAGE_TOKENS + text_tokens(text) for text in texts)


def _run_tokens(match: re.Match[str]) -> int:
    run = match.group()
    match match.lastgroup:
        case "letters":
            return math.ceil(len(run) / LETTERS_PER_TOKEN)
        case "space":
            return 0
        case "other":
            return math.ceil(len(run.encode("utf-8", "surrogatepass")) / BYTES_PER_TOKEN)
        case _:
            return 1
