"""Settings: every fault at once by its variable, secrets shown nowhere."""

import pytest

from analysis_worker.errors import Stopped
from analysis_worker.settings import Settings, variables

GOOD = {
    "S3_ENDPOINT": "http://127.0.0.1:1",
    "S3_ACCESS_KEY": "key",
    "S3_SECRET_KEY": "hidden-secret",
    "S3_RESULTS_BUCKET": "results",
}


@pytest.fixture
def environment(monkeypatch):
    for name in (*variables(), "DASHSCOPE_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def set_to(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_to


def test_defaults_are_those_of_the_design(environment):
    environment(**GOOD)
    worker = Settings.load().worker
    assert (worker.max_in_flight, worker.drain_seconds, worker.revoke_seconds) == (64, 60, 5)
    assert (worker.max_starts, worker.max_attempts, worker.default_deadline_seconds) == (3, 5, 86_400)
    assert (worker.scratch_bytes, worker.event_source, worker.http_port) == (10 * 1024**3, "/media-analysis", 8080)


def test_every_fault_is_reported_at_once_by_its_variable(environment):
    environment(S3_ENDPOINT="localhost", S3_ALLOWED="[", WORKER_MAX_IN_FLIGHT="0", KAFKA_TENANT_TOPICS="x")
    with pytest.raises(Stopped) as stopped:
        Settings.load()
    named = ("S3_ENDPOINT", "S3_ALLOWED", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_RESULTS_BUCKET", "WORKER_MAX_IN_FLIGHT")
    for name in (*named, "KAFKA_TENANT_TOPICS"):
        assert f"{name}: " in stopped.value.message


def test_an_empty_variable_is_unset_and_quotes_of_an_env_file_are_none(environment):
    environment(**GOOD, S3_PUBLIC_ENDPOINT="", S3_ALLOWED="""'{"default": ["media/*"]}'""")
    s3 = Settings.load().s3
    assert (s3.public_endpoint, s3.allowed) == (None, {"default": ("media/*",)})


def test_the_key_may_have_dashscopes_name(environment):
    environment(**GOOD, DASHSCOPE_API_KEY="sk-1")
    assert Settings.load().model.api_key.get_secret_value() == "sk-1"


def test_secrets_are_in_no_repr(environment):
    environment(**GOOD, MODEL_API_KEY="sk-hidden", KAFKA_SASL_PASSWORD="hidden-password")
    settings = Settings.load()
    shown = repr((settings.kafka, settings.s3, settings.model)) + str(settings.model)
    assert "hidden" not in shown
