"""The small drills run when they are asked for (`pytest -m drill`), not with every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "drill: kills real workers for minutes; run by `pytest -m drill`")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked_for = config.getoption("markexpr") == "drill"
    return True if collection_path.name == "test_small.py" and not asked_for else None
