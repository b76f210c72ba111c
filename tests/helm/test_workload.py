"""Values in; that the rendered workload keeps the worker's promises, and is safe and kind to the cluster, out."""

from __future__ import annotations

import re

import pytest

from tests.helm.chart import (
    INSTALLS,
    ROOT,
    changed,
    container,
    default_values,
    environment,
    install_values,
    pod,
    render,
)

MINIMAL = install_values("minimal")
KEDA = install_values("keda-sasl")

every_install = pytest.mark.parametrize("install", INSTALLS)


def config_checksum(values, **changes):
    template = render(changed(values, **changes))["Deployment"]["spec"]["template"]
    return template["metadata"]["annotations"]["checksum/config"]


# --- starting and stopping


@pytest.mark.parametrize("drain_seconds", [0.5, 1, 60, 90.25, 3600])
def test_the_grace_period_exceeds_the_drain(drain_seconds):
    documents = render(changed(MINIMAL, settings__WORKER_DRAIN_SECONDS=drain_seconds))
    margin = default_values()["terminationMarginSeconds"]
    assert pod(documents)["terminationGracePeriodSeconds"] >= drain_seconds + margin
    assert pod(documents)["terminationGracePeriodSeconds"] < drain_seconds + margin + 1


def test_a_rollout_waits_longer_than_a_worker_may_drain():
    documents = render(changed(MINIMAL, settings__WORKER_DRAIN_SECONDS=3600))
    assert documents["Deployment"]["spec"]["progressDeadlineSeconds"] > pod(documents)["terminationGracePeriodSeconds"]


@every_install
def test_the_probes_ask_what_the_worker_answers(install):
    documents = render(install_values(install))
    worker = container(documents)
    paths = {name: worker[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert paths == {
        "startup": {"path": "/livez", "port": "http"},
        "liveness": {"path": "/livez", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }
    assert worker["ports"] == [{"name": "http", "containerPort": int(environment(documents)["WORKER_HTTP_PORT"])}]


def test_another_port_reaches_the_pod_the_probes_and_the_service():
    documents = render(changed(MINIMAL, settings__WORKER_HTTP_PORT=9090))
    assert environment(documents)["WORKER_HTTP_PORT"] == "9090"
    assert container(documents)["ports"] == [{"name": "http", "containerPort": 9090}]
    assert documents["Service"]["spec"]["ports"] == [{"name": "http", "port": 9090, "targetPort": "http"}]


def test_one_worker_is_replaced_at_a_time():
    strategy = render(MINIMAL)["Deployment"]["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}


def test_a_changed_setting_restarts_the_workers():
    assert config_checksum(MINIMAL) != config_checksum(MINIMAL, settings__WORKER_MAX_IN_FLIGHT=32)


def test_what_is_no_business_of_the_pods_does_not_restart_them():
    before = render(MINIMAL)["Deployment"]["spec"]["template"]
    after = render(
        changed(MINIMAL, replicas=5, podDisruptionBudget__maxUnavailable=2, networkPolicy__kafkaPorts=[9093])
    )["Deployment"]["spec"]["template"]
    assert before == after
    assert "helm.sh/chart" not in before["metadata"]["labels"]


# --- settings and secrets


@every_install
def test_every_secret_comes_by_reference_and_none_is_in_the_config_map(install):
    documents = render(install_values(install))
    config, secrets = documents["ConfigMap"]["data"], default_values()["secrets"]
    assert set(config) & set(secrets) == set()
    wanted = {name for name, source in install_values(install)["secrets"].items() if source["name"]}
    assert {name for name, value in environment(documents).items() if value.startswith("secret:")} == wanted
    assert "Secret" not in documents


def test_numbers_are_written_out_in_full():
    data = render(MINIMAL)["ConfigMap"]["data"]
    assert data["WORKER_SCRATCH_BYTES"] == "10737418240"
    assert data["KAFKA_MAX_MESSAGE_BYTES"] == "1048576"
    assert data["WORKER_COMMIT_SECONDS"] == "0.5"
    assert [value for value in data.values() if re.fullmatch(r"[\d.]+e[+-]?\d+", value)] == []


def test_an_empty_setting_is_not_passed_on():
    assert "S3_PUBLIC_ENDPOINT" not in environment(render(install_values("inline-only")))
    assert "S3_ALLOWED" not in environment(render(changed(MINIMAL, settings__S3_ALLOWED=None)))


def test_the_brokers_certificates_are_mounted_where_the_settings_say():
    tls = {"secretName": "kafka-mtls", "caKey": "root.pem", "certificateKey": "cert.pem", "keyKey": "key.pem"}
    documents = render(changed(KEDA, files__kafkaTls=tls))
    (mount,) = [mount for mount in container(documents)["volumeMounts"] if mount["name"] == "kafka-tls"]
    (volume,) = [volume for volume in pod(documents)["volumes"] if volume["name"] == "kafka-tls"]
    paths = {item["key"]: f"{mount['mountPath']}/{item['path']}" for item in volume["secret"]["items"]}
    seen = environment(documents)
    assert paths == {
        "root.pem": seen["KAFKA_SSL_CA_FILE"],
        "cert.pem": seen["KAFKA_SSL_CERTIFICATE_FILE"],
        "key.pem": seen["KAFKA_SSL_KEY_FILE"],
    }
    assert {"parameter": "key", "name": "kafka-mtls", "key": "key.pem"} in documents["TriggerAuthentication"]["spec"][
        "secretTargetRef"
    ]


def test_operators_profiles_are_mounted_as_the_folders_that_the_worker_reads():
    documents = render(changed(MINIMAL, files__profiles={"one": "cm-one", "two": "cm-two"}))
    assert {"name": "profiles", "mountPath": "/etc/media-analysis/profiles", "readOnly": True} in container(documents)[
        "volumeMounts"
    ]
    assert environment(documents)["WORKER_PROFILES_DIRECTORY"] == "/etc/media-analysis/profiles"
    (volume,) = [volume for volume in pod(documents)["volumes"] if volume["name"] == "profiles"]
    shipped = ROOT / "services" / "analysis_worker" / "profiles" / "describe"
    files = sorted(path.name for path in shipped.iterdir() if path.name != "brief.md")
    found = [
        (source["configMap"]["name"], source["configMap"].get("optional", False), source["configMap"]["items"])
        for source in volume["projected"]["sources"]
    ]
    assert found == [
        (f"cm-{name}", optional, [{"key": key, "path": f"{name}/{key}"} for key in keys])
        for name in ("one", "two")
        for optional, keys in ((False, files), (True, ["brief.md"]))
    ]


def test_the_operators_model_cards_are_mounted_where_the_settings_say():
    documents = render(changed(MINIMAL, files__catalogue__configMapName="ours"))
    assert {"name": "catalogue", "mountPath": "/etc/media-analysis/catalogue", "readOnly": True} in container(
        documents
    )["volumeMounts"]
    assert environment(documents)["MODEL_CATALOGUE_FILE"] == "/etc/media-analysis/catalogue/catalogue.toml"


def test_a_service_named_kafka_injects_no_variables():
    assert pod(render(MINIMAL))["enableServiceLinks"] is False


# --- the pod


@every_install
def test_the_pod_meets_the_restricted_security_standard(install):
    documents = render(install_values(install))
    assert pod(documents)["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(documents)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@every_install
def test_the_pod_gets_no_token_of_the_cluster(install):
    documents = render(install_values(install))
    assert pod(documents)["automountServiceAccountToken"] is False
    assert documents["ServiceAccount"]["automountServiceAccountToken"] is False
    assert pod(documents)["serviceAccountName"] == documents["ServiceAccount"]["metadata"]["name"]


@pytest.mark.parametrize("scratch_bytes", [0, 1, 1024**3, 10 * 1024**3, 10 * 1024**3 + 1])
def test_the_scratch_volume_is_larger_than_the_budget(scratch_bytes):
    documents = render(changed(MINIMAL, settings__WORKER_SCRATCH_BYTES=scratch_bytes))
    volume = pod(documents)["volumes"][0]
    assert volume["name"] == "scratch"
    assert {"name": "scratch", "mountPath": "/tmp"} in container(documents)["volumeMounts"]
    size = volume["emptyDir"]["sizeLimit"]
    assert int(size.removesuffix("Mi")) * 1024**2 > scratch_bytes
    assert container(documents)["resources"]["requests"]["ephemeral-storage"] == size


def test_memory_is_limited_and_the_cpu_is_not():
    assert container(render(MINIMAL))["resources"]["limits"] == {"memory": "1Gi"}


def test_a_digest_wins_over_a_tag_and_the_default_is_the_charts_release():
    assert container(render(MINIMAL))["image"] == "registry.example.com/media-analysis:0.1.0"
    assert container(render(install_values("inline-only")))["image"].endswith(":0.1.0-rc1")
    assert container(render(changed(KEDA, image__tag="0.2.0")))["image"].endswith("@" + KEDA["image"]["digest"])


@every_install
def test_all_that_select_the_pods_do(install):
    documents = render(install_values(install))
    labels = documents["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        documents["Deployment"]["spec"]["selector"]["matchLabels"],
        documents["Service"]["spec"]["selector"],
        documents["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        documents["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        *(spread["labelSelector"]["matchLabels"] for spread in pod(documents)["topologySpreadConstraints"]),
    ]
    for selector in selectors:
        assert selector
        assert selector.items() <= labels.items()


def test_two_releases_in_one_namespace_do_not_touch_each_other():
    one, two = render(MINIMAL, release="blue"), render(MINIMAL, release="green")
    for kind, document in one.items():
        assert document["metadata"]["name"] != two[kind]["metadata"]["name"]
    assert one["Deployment"]["spec"]["selector"] != two["Deployment"]["spec"]["selector"]
