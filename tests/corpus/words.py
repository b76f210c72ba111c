"""Pure: a random source in, the tokens of an answer out, each as a piece of text, so that their number is known.

No tokenizer of the provider's can be had, so the pieces follow what is published of its kind: common words with their
space, rarer words in two or three parts, every digit by itself, one or two Han characters, marks by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

COMMON = (
    " the of and a to in is with on at for as by an it that this are was from two one man woman dog street light red "
    "white table screen music voice speaks walks shows holds camera scene left right behind window water product "
    "coffee bottle people background camera quiet loud bright dark slowly quickly then while after before first last"
)
RARE = (
    "sax|oph|one sil|hou|ette chore|ograph|y under|exp|osed cin|emat|ic em|bro|ider|ed tr|umpet mic|rophone "
    "ch|ant|icle|er pal|imp|sest kal|eid|osc|ope Q|wen On|omat|op|oeia back|lit zo|oms cl|atter mur|murs"
)
HAN = "视频 画面 一个 男人 女人 在 街道 上 走 着 音乐 背景 字幕 显示 商品 的 特点 是 手机 蓝色 镜头 慢 推进 他 说 你好 ， 。 、 情绪 平静"
OTHERS = ("ö", "ß", "é", "ña", "ство", " и", "かな", " 한", "글", "👍", "🎬", "—", "…")
MARKS = (",", ".", ":", ";", "!", "?", "(", ")", "-", '"', "'", "\n", "%", "/")

_COMMON = tuple(f" {word}" for word in COMMON.split())
_RARE = tuple(tuple(word.split("|")) for word in RARE.split())
_HAN = tuple(HAN.split())


def words(random: Random, *, tokens: int, chinese: bool) -> list[str]:
    """Return that many pieces of running text."""
    pieces: list[str] = []
    while len(pieces) < tokens:
        dice = random.random()
        if dice < 0.10:
            pieces.append(random.choice(MARKS))
        elif dice < 0.16:
            pieces += [str(random.randrange(10)) for _ in range(random.randrange(1, 5))]
        elif dice < 0.18:
            pieces.append(random.choice(OTHERS))
        elif chinese:
            pieces.append(random.choice(_HAN))
        elif dice < 0.30:
            first, *rest = random.choice(_RARE)
            pieces += [f" {first}", *rest]
        else:
            pieces.append(random.choice(_COMMON))
    return pieces[:tokens]
