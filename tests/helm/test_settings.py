"""The chart's variables and the code's settings in, that they are the same out (DESIGN.md §6 rule 9)."""

from __future__ import annotations

import json

import pytest

from analysis_worker import settings
from tests.helm.chart import INSTALLS, changed, default_values, environment, install_values, render

# Needed, so the chart offers no default that would only work on one's own machine.
LEFT_EMPTY = {"KAFKA_BOOTSTRAP_SERVERS"}


@pytest.fixture
def load(monkeypatch):
    """The settings as the worker reads them in a container with that environment and no other."""

    def load(variables):
        for name in (*settings.variables(), "DASHSCOPE_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return settings.Settings.load()

    return load


def everything():
    """Values in which nothing is left out."""
    full = changed(install_values("keda-sasl"))
    for variable, value in default_values()["settings"].items():
        if value in ("", {}) and variable not in full["settings"]:
            full["settings"][variable] = "traceidratio" if variable == "OTEL_TRACES_SAMPLER" else "0.5"
    full["files"] = {
        "kafkaTls": {"secretName": "tls", "certificateKey": "tls.crt", "keyKey": "tls.key"},
        "profiles": {"ours": "profile-ours"},
        "catalogue": {"configMapName": "catalogue"},
    }
    return full


def test_the_charts_variables_are_the_codes():
    assert sorted(environment(render(everything()))) == sorted(settings.variables())


def test_the_charts_defaults_are_the_codes(load, monkeypatch):
    needed = {"S3_ENDPOINT": "http://s3", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b", "S3_RESULTS_BUCKET": "results"}
    code = load(needed)
    offered = default_values()["settings"]
    chart = load({**needed, **{name: value for name, value in as_text(offered).items() if name not in needed}})
    for group in ("kafka", "s3", "model", "worker"):
        assert getattr(chart, group) == getattr(code, group)
    assert [name for name in LEFT_EMPTY if offered[name]] == []


def as_text(offered):
    return {
        name: json.dumps(value) if isinstance(value, (dict, bool)) else str(value)
        for name, value in offered.items()
        if value not in ("", {})
    }


@pytest.mark.parametrize("install", INSTALLS)
def test_the_worker_accepts_the_environment_of_every_supported_install(install, load):
    values = install_values(install)
    loaded = load(environment(render(values)))
    assert {tenant: list(patterns) for tenant, patterns in loaded.s3.allowed.items()} == values["settings"][
        "S3_ALLOWED"
    ]
    assert loaded.kafka.tenant_topics == values["settings"].get("KAFKA_TENANT_TOPICS", {})
    assert loaded.s3.secret_key.get_secret_value() == "secret:analysis-s3/secret-key"


def test_the_worker_accepts_an_environment_with_every_variable(load):
    loaded = load(environment(render(everything())))
    assert loaded.worker.scratch_bytes == 10 * 1024**3
    assert loaded.kafka.producer_idempotence is True
    assert loaded.kafka.ssl_key_file == "/etc/media-analysis/kafka-tls/tls.key"


def test_what_is_false_or_small_reaches_the_worker(load):
    values = changed(
        install_values("minimal"), settings__KAFKA_PRODUCER_IDEMPOTENCE=False, settings__WORKER_SCRATCH_BYTES=0
    )
    loaded = load(environment(render(values)))
    assert loaded.kafka.producer_idempotence is False
    assert loaded.worker.scratch_bytes == 0
