"""Values, good and bad, in; what the chart says to whoever wrote them out."""

from __future__ import annotations

import json

import pytest
from helm_python import Chart, HelmError

from tests.helm.chart import CHART, INSTALLS, changed, default_values, install_values, render, render_text

MINIMAL = install_values("minimal")
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def resolved(schema):
    return SCHEMA["definitions"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def refusal(values):
    with Chart.load(CHART) as chart, pytest.raises(HelmError) as refused:
        chart.validate_schema(values)
    return str(refused.value)


def failure(values):
    with pytest.raises(HelmError) as failed:
        render(values)
    return str(failed.value)


@pytest.mark.parametrize("install", INSTALLS)
def test_the_values_of_a_supported_install_are_accepted(install):
    with Chart.load(CHART) as chart:
        chart.validate_schema(install_values(install))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("replicaCount", 2),
        ("settings__KAFKA_BOOTSTRAP", "kafka:9092"),
        ("settings__S3_SECRET_KEY", "hunter2"),
        ("settings__OTEL_EXPORTER_OTLP_HEADERS", "authorization=token"),
        ("settings__KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
        ("settings__KAFKA_SASL_MECHANISM", "OAUTHBEARER"),
        ("settings__KAFKA_BOOTSTRAP_SERVERS", "kafka"),
        ("settings__KAFKA_BOOTSTRAP_SERVERS", "kafka:9092, other:9092"),
        ("settings__S3_ENDPOINT", "s3.example.com:443"),
        ("settings__S3_ALLOWED", {"default": "media/*"}),
        ("settings__KAFKA_TENANT_TOPICS", {"acme.requested": "Acme Inc"}),
        ("settings__S3_ALLOWED", {"Not A Tenant": ["media/*"]}),
        ("settings__WORKER_MAX_IN_FLIGHT", 0),
        ("settings__WORKER_MAX_IN_FLIGHT", "64"),
        ("settings__WORKER_DRAIN_SECONDS", 0),
        ("settings__WORKER_DRAIN_SECONDS", None),
        ("settings__WORKER_HTTP_PORT", 80),
        ("settings__OTEL_TRACES_SAMPLER", "sometimes"),
        ("secrets__S3_SECRET_KEY", "hunter2"),
        ("secrets__S3_SECRET_KEY", {"name": "a", "key": "b", "value": "hunter2"}),
        ("secrets__AWS_SECRET", {"name": "a", "key": "b"}),
        ("files__profiles", {"Product Video": "profile-product-video"}),
        ("files__profiles", {"product_video": ""}),
        ("image__pullPolicy", "always"),
        ("image__digest", "0f1e2d3c"),
        ("image__repository", "registry.example.com/Media Analysis"),
        ("terminationMarginSeconds", 0),
        ("resources__limits__cpu", "1"),
        ("resources__limits__memory", "1 GB"),
        ("keda__minReplicas", 0),
        ("keda__lagThreshold", "128"),
        ("networkPolicy__to__kafka", ["10.0.0.0/8"]),
        ("networkPolicy__kafkaPorts", ["9092"]),
        ("podDisruptionBudget__maxUnavailable", 0),
    ],
)
def test_a_bad_value_is_refused_by_its_name(path, value):
    named = path.replace("__", "/")
    message = refusal(changed(MINIMAL, **{path: value}))
    assert any(part in message for part in (named, path.rsplit("__", 1)[-1])), message


def test_all_that_is_missing_is_said_at_once():
    message = failure({})
    for name in (
        "image.repository",
        "settings.KAFKA_BOOTSTRAP_SERVERS",
        "settings.S3_ENDPOINT",
        "settings.S3_RESULTS_BUCKET",
        "secrets.S3_ACCESS_KEY.name",
        "secrets.S3_SECRET_KEY.name",
    ):
        assert name in message


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"settings__KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "secrets.KAFKA_SASL_PASSWORD.name is empty"),
        ({"files__kafkaTls__secretName": "kafka-ca"}, "use SSL or SASL_SSL"),
        ({"files__kafkaTls__certificateKey": "tls.crt"}, "a client certificate needs both"),
        (
            {"settings__KAFKA_SECURITY_PROTOCOL": "SSL", "files__kafkaTls": {"secretName": "kafka-ca", "caKey": ""}},
            "name what the worker is to take from it",
        ),
        ({"keda__enabled": True, "keda__maxReplicas": 64}, "keda.maxReplicas is 64 but keda.partitions is 12"),
        ({"keda__enabled": True, "keda__minReplicas": 13}, "keda.minReplicas is 13 but keda.maxReplicas is 12"),
    ],
)
def test_values_that_contradict_each_other_are_refused_with_a_remedy(changes, remedy):
    assert remedy in failure(changed(MINIMAL, **changes))


def test_every_key_of_the_values_is_in_the_schema_and_the_other_way_round():
    def compare(values, schema, path):
        schema = resolved(schema)
        if "properties" in schema:
            assert schema["additionalProperties"] is False, f"{path} takes unknown keys"
            assert set(values) == set(schema["properties"]) - {"global"}, path
            for key, value in values.items():
                compare(value, schema["properties"][key], f"{path}.{key}")

    compare(default_values(), SCHEMA, "values")


def test_every_value_says_what_it_is():
    lines = (CHART / "values.yaml").read_text().splitlines()
    groups = ("image:", "settings:", "secrets:", "files:", "kafkaTls:", "catalogue:", "resources:",
              "requests:", "limits:", "serviceAccount:", "keda:", "networkPolicy:", "to:", "podDisruptionBudget:")  # fmt: skip
    for number, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#") or line.strip() in groups:
            continue
        comment = [above for above in reversed(lines[max(0, number - 3) : number]) if above.strip()]
        assert comment, line
        assert comment[0].lstrip().startswith("#"), f"no comment above {line.strip()!r}"


def test_the_comment_of_a_variable_names_it():
    lines = (CHART / "values.yaml").read_text().splitlines()
    start, end = lines.index("settings:"), lines.index("files:")
    for number in range(start, end):
        variable = lines[number].strip().split(":")[0]
        if variable.isupper():
            assert variable in lines[number - 1] or variable in lines[number - 2], variable


def test_the_notes_say_how_to_look_and_what_will_not_work():
    notes = render_text(install_values("inline-only"))["NOTES.txt"]
    assert "kubectl -n analysis exec deployment/demo-analysis-worker -- media-analysis check" in notes
    assert "S3_PUBLIC_ENDPOINT is empty" in notes
    assert "MODEL_API_KEY is not set" in notes
    assert "S3_ALLOWED is empty" in render_text(changed(MINIMAL, settings__S3_ALLOWED=None))["NOTES.txt"]


def test_the_notes_of_a_complete_install_do_not_warn():
    notes = render_text(install_values("keda-sasl"))["NOTES.txt"]
    assert "is empty" not in notes
    assert "is not set" not in notes
    assert "A stopping worker has 270 s: 240 s to finish" in notes
