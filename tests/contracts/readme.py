"""Reads the code blocks and tables of `contracts/README.md`."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

TEXT = (Path(__file__).parents[2] / "contracts" / "README.md").read_text(encoding="utf-8")
BLOCKS: dict[str, str] = dict(re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))


def run_block(name: str) -> SimpleNamespace:
    """What a block defines, after running it on its own."""
    namespace: dict[str, object] = {"__name__": name}
    exec(compile(BLOCKS[name], f"README.md:{name}.py", "exec"), namespace)
    return SimpleNamespace(**{key: value for key, value in namespace.items() if not key.startswith("__")})


def table_under(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its head; code marks removed."""
    section = TEXT.split(f"{heading}\n", 1)[1]
    rows = re.findall(r"^\|(.+)\|$", section.split("\n#", 1)[0], re.MULTILINE)
    return [[cell.strip().replace("`", "") for cell in row.split("|")] for row in rows[2:]]
