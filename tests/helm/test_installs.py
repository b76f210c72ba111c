"""The supported installs in, what Kubernetes, KEDA and Helm say of them out."""

from __future__ import annotations

import json
import tomllib

import jsonschema
import kubernetes_validate
import pytest
import yaml
from helm_python import Chart, lint, package

from tests.helm.chart import CHART, GOLDEN, INSTALLS, ROOT, changed, golden, install_values, render

KEDA_SCHEMAS = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text())
    for path in (ROOT / "tests" / "helm" / "keda").glob("*.schema.json")
}
# The oldest release that Chart.yaml admits, one in the middle, and the newest that the validator knows.
KUBERNETES = ("1.27", "1.33", kubernetes_validate.latest_version())

every_install = pytest.mark.parametrize("install", INSTALLS)


@every_install
def test_the_strict_linter_has_nothing_to_say(install):
    report = lint(CHART, install_values(install), strict=True)
    assert report["errors"] == []
    assert [message["error"] for message in report["messages"]] == ["icon is recommended"]


@every_install
def test_the_render_is_the_golden_one(install):
    assert golden(install) == (GOLDEN / f"{install}.yaml").read_text(), (
        "the chart renders otherwise: if that is intended, run python -m tests.helm.chart and read the diff"
    )


def test_no_golden_render_is_left_of_an_install_that_is_gone():
    assert sorted(path.stem for path in GOLDEN.iterdir()) == list(INSTALLS)


@every_install
@pytest.mark.parametrize("release", KUBERNETES)
def test_kubernetes_accepts_every_document_and_knows_every_field(install, release):
    documents = render(install_values(install))
    assert {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"} <= set(
        documents
    )
    for document in documents.values():
        if not document["apiVersion"].startswith("keda.sh/"):
            kubernetes_validate.validate(document, release, strict=True)


def test_keda_accepts_the_scaler_and_its_credentials():
    documents = render(install_values("keda-sasl"))
    for kind in ("ScaledObject", "TriggerAuthentication"):
        jsonschema.validate(documents[kind], KEDA_SCHEMAS[kind.lower()])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.lagThreshold", 128),
        ("metadata.offsetReset", "earliest"),
        ("metadata.sasl", "SCRAM-SHA-512"),
        ("topic", "t"),
    ],
)
def test_the_schema_of_keda_notices_what_keda_would_ignore(path, value):
    document = render(install_values("keda-sasl"))["ScaledObject"]
    trigger = document["spec"]["triggers"][0]
    *parents, last = path.split(".")
    (trigger[parents[0]] if parents else trigger)[last] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, KEDA_SCHEMAS["scaledobject"])


def test_kubernetes_notices_a_misspelt_field():
    document = render(install_values("minimal"))["Deployment"]
    document["spec"]["template"]["spec"]["terminationGracePeriod"] = 90
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, KUBERNETES[0], strict=True)


def test_the_chart_installs_the_release_that_it_lies_beside():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["name"] == CHART.name
    assert chart["appVersion"] == project["version"]


def test_the_package_holds_no_tests(tmp_path):
    with Chart.load(package(CHART, destination=tmp_path)) as chart:
        names = [file["name"] for file in chart.files]
        assert [name for name in names if name.startswith("ci/")] == []
        assert "ScaledObject" in "".join(
            chart.render(install_values("keda-sasl"), name="demo", namespace="analysis").values()
        )


def test_it_can_be_a_dependency_of_another_chart(tmp_path):
    parent = tmp_path / "parent"
    (parent / "charts").mkdir(parents=True)
    (parent / "templates").mkdir()
    (parent / "Chart.yaml").write_text("apiVersion: v2\nname: parent\nversion: 1.0.0\n")
    package(CHART, destination=parent / "charts")
    with Chart.load(parent) as chart:
        texts = chart.render(
            {"global": {"region": "x"}, "analysis-worker": install_values("minimal")}, name="demo", namespace="analysis"
        )
    assert any("kind: Deployment" in text for text in texts.values())


def test_a_long_release_name_still_makes_names_that_kubernetes_takes():
    documents = render(changed(install_values("keda-sasl")), release="a" * 53)
    assert max(len(document["metadata"]["name"]) for document in documents.values()) <= 63
