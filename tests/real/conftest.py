"""The fixtures of the system tests, for what only Apache Kafka can show."""

from __future__ import annotations

from tests.system.conftest import bucket, empty_stack, fresh_stack, simulator, start_worker, wire

__all__ = ["bucket", "empty_stack", "fresh_stack", "simulator", "start_worker", "wire"]
