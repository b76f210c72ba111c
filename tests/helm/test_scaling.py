"""Values in; how many workers run, what reaches them and what may disturb them out."""

from __future__ import annotations

import re

import pytest

from media_contracts.topics import REQUESTED, load_topic_cards
from tests.helm.chart import (
    ROOT,
    changed,
    default_values,
    environment,
    install_values,
    pod,
    render,
)

MINIMAL = install_values("minimal")
KEDA = install_values("keda-sasl")


# --- scaling


def test_without_keda_the_replicas_are_ours():
    documents = render(MINIMAL)
    assert documents["Deployment"]["spec"]["replicas"] == 2
    assert {"ScaledObject", "TriggerAuthentication"} & set(documents) == set()


def test_keda_replaces_the_replicas():
    documents = render(KEDA)
    assert "replicas" not in documents["Deployment"]["spec"]
    target = documents["ScaledObject"]["spec"]["scaleTargetRef"]
    assert target == {"name": documents["Deployment"]["metadata"]["name"]}


def test_keda_watches_the_group_and_the_topics_that_the_worker_reads():
    documents = render(KEDA)
    seen = environment(documents)
    triggers = [trigger["metadata"] for trigger in documents["ScaledObject"]["spec"]["triggers"]]
    assert [trigger["topic"] for trigger in triggers] == ["media.analysis.requested.v1", "acme.media.requested"]
    for trigger in triggers:
        assert trigger["bootstrapServers"] == seen["KAFKA_BOOTSTRAP_SERVERS"]
        assert trigger["consumerGroup"] == seen["KAFKA_GROUP_ID"]
        assert trigger["offsetResetPolicy"] == "earliest"
        assert trigger["excludePersistentLag"] == "false"


def test_a_bound_requested_topic_is_watched_once():
    bound = changed(KEDA, settings__KAFKA_TENANT_TOPICS={"media.analysis.requested.v1": "acme"})
    assert len(render(bound)["ScaledObject"]["spec"]["triggers"]) == 1


@pytest.mark.parametrize(
    ("protocol", "mechanism", "sasl", "tls"),
    [
        ("PLAINTEXT", "PLAIN", "none", "disable"),
        ("SSL", "PLAIN", "none", "enable"),
        ("SASL_PLAINTEXT", "SCRAM-SHA-256", "scram_sha256", "disable"),
        ("SASL_SSL", "PLAIN", "plaintext", "enable"),
        ("SASL_SSL", "SCRAM-SHA-512", "scram_sha512", "enable"),
    ],
)
def test_keda_logs_in_as_the_worker_does(protocol, mechanism, sasl, tls):
    values = changed(
        KEDA,
        settings__KAFKA_SECURITY_PROTOCOL=protocol,
        settings__KAFKA_SASL_MECHANISM=mechanism,
        files__kafkaTls__secretName="",
    )
    documents = render(values)
    trigger = documents["ScaledObject"]["spec"]["triggers"][0]
    assert (trigger["metadata"]["sasl"], trigger["metadata"]["tls"]) == (sasl, tls)
    assert ("authenticationRef" in trigger) is ("TriggerAuthentication" in documents) is (sasl != "none")


def test_the_ceiling_is_the_partitions_of_the_requested_topic():
    (card,) = [card for card in load_topic_cards() if card.name == REQUESTED]
    values = default_values()["keda"]
    assert values["partitions"] == card.partitions
    assert values["maxReplicas"] <= card.partitions
    triggers = render(KEDA)["ScaledObject"]["spec"]["triggers"]
    assert triggers[0]["metadata"]["topic"] == REQUESTED


def test_one_worker_that_is_full_does_not_call_for_a_second():
    values = default_values()
    assert values["keda"]["lagThreshold"] > values["settings"]["WORKER_MAX_IN_FLIGHT"]


def test_scaling_in_is_not_faster_than_one_drain():
    documents = render(KEDA)
    behavior = documents["ScaledObject"]["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    (policy,) = behavior["scaleDown"]["policies"]
    assert policy == {"type": "Pods", "value": 1, "periodSeconds": pod(documents)["terminationGracePeriodSeconds"]}


def test_a_drain_of_an_hour_stays_within_what_the_autoscaler_takes():
    documents = render(changed(KEDA, settings__WORKER_DRAIN_SECONDS=3600))
    behavior = documents["ScaledObject"]["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["policies"][0]["periodSeconds"] == 1800


# --- network and disruption


def ports(rule):
    return {(port["protocol"], port["port"]) for port in rule["ports"]}


def test_the_network_policy_opens_what_the_settings_name_and_no_more():
    policy = render(KEDA)["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [ports(rule) for rule in policy["ingress"]] == [{("TCP", "http")}]
    assert [ports(rule) for rule in policy["egress"]] == [
        {("UDP", 53), ("TCP", 53)},
        {("TCP", 9096)},
        {("TCP", 443)},
        {("TCP", 443)},
        {("TCP", 4318)},
    ]
    assert policy["egress"][1]["to"] == [{"ipBlock": {"cidr": "10.20.0.0/16"}}]


def test_ports_are_taken_from_the_urls():
    policy = render(
        changed(
            install_values("inline-only"),
            settings__KAFKA_BOOTSTRAP_SERVERS="a:9092,b:9094",
            networkPolicy__kafkaPorts=[19092],
            settings__S3_ENDPOINT="http://store",
        )
    )["NetworkPolicy"]["spec"]
    assert [ports(rule) for rule in policy["egress"]] == [
        {("UDP", 53), ("TCP", 53)},
        {("TCP", 9092), ("TCP", 9094), ("TCP", 19092)},
        {("TCP", 80)},
        {("TCP", 443), ("TCP", 8000)},
    ]


def test_the_network_policy_can_be_left_to_others():
    assert "NetworkPolicy" not in render(changed(MINIMAL, networkPolicy__enabled=False))


def test_a_node_can_always_be_drained():
    budget = render(MINIMAL)["PodDisruptionBudget"]["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_metrics_can_be_read_from_every_worker_also_from_one_that_is_not_ready():
    service = render(MINIMAL)["Service"]["spec"]
    assert service["clusterIP"] == "None"
    assert service["publishNotReadyAddresses"] is True


def test_the_image_and_the_pod_agree_on_the_user():
    (user,) = re.findall(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    context = pod(render(MINIMAL))["securityContext"]
    assert user == (str(context["runAsUser"]), str(context["runAsGroup"]))
