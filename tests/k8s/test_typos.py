"""Tests that the checks of k8s/ find mistakes: each test plants one kind in a copy of k8s/."""

import pytest

import manifests

DEPLOYMENT = "standalone/deployment.yaml"
PODMONITOR = "monitoring/podmonitor.yaml"
HPA = "examples/standalone-hpa/horizontal-pod-autoscaler.yaml"
KUSTOMIZATION = "examples/standalone/kustomization.yaml"

# Kind of mistake: (file, correct text, planted text, what the problem must name)
MISTAKES = {
    "unknown kind": (DEPLOYMENT, "kind: Deployment", "kind: Deploymnet", "Deploymnet"),
    "unknown field": (DEPLOYMENT, "maxSurge", "maxsurge", "maxsurge"),
    "unknown field of a custom resource": (PODMONITOR, "interval:", "intervall:", "intervall"),
    "wrong type": (DEPLOYMENT, "  replicas: 2", '  replicas: "2"', ".spec.replicas"),
    "value that is not in the enumeration": (DEPLOYMENT, "type: RollingUpdate", "type: Rolling", ".strategy.type"),
    "missing required field": (HPA, "  maxReplicas: 6\n", "", "'maxReplicas'"),
    "unknown field of a kustomization": (KUSTOMIZATION, "disableNameSuffixHash", "disableNameSufixHash",
                                         "disableNameSufixHash"),
    "kustomization that does not render": (KUSTOMIZATION, "- network-policy.yaml", "- netwrok-policy.yaml",
                                           "netwrok-policy.yaml"),
    "reference to something that does not exist": (DEPLOYMENT, "name: kafka-http-sink-connectors",
                                                   "name: kafka-http-sink-connector", "kafka-http-sink-connector"),
    "violation of the restricted Pod Security Standard": (DEPLOYMENT, "drop: [ALL]", "drop: [NET_RAW]", "ALL"),
}


@pytest.mark.parametrize("path, correct, planted, named", MISTAKES.values(), ids=MISTAKES)
def test_a_planted_mistake_is_found_and_named(copy, path, correct, planted, named):
    text = (copy / path).read_text()
    assert correct in text, "the text to replace is missing"
    (copy / path).write_text(text.replace(correct, planted, 1))
    found = manifests.problems(copy)
    assert any(named in problem for problem in found), found


def test_an_unchanged_copy_has_no_problems(copy):
    assert manifests.problems(copy) == []


def test_an_unused_component_is_a_problem(copy):
    (copy / "examples/app/pre-1.29/kustomization.yaml").unlink()
    assert manifests.problems(copy) == ["sidecar/pre-1.29: component is not used"]
