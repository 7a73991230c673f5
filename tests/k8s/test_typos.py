"""That the checks of k8s/ can fail: a typo planted anywhere is found, and named."""

import copy as copying

import pytest

import manifests

DEPLOYMENT = "standalone/deployment.yaml"
SIDECAR = "sidecar/common/sidecar.yaml"
BUDGET = "standalone/pod-disruption-budget.yaml"
POLICY = "examples/standalone/network-policy.yaml"
HPA = "examples/standalone-hpa/horizontal-pod-autoscaler.yaml"
KEDA = "examples/standalone-keda/scaled-object.yaml"
APP = "examples/app/base/deployment.yaml"
MONITOR = "monitor.yaml"

# What the copy gets besides, in a file that no kustomization names: kinds of prometheus-operator that fit the pods.
MONITORING = """\
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: monitor
spec:
  selector:
    matchExpressions:
      - key: kafka-http-sink
        operator: Exists
  podMetricsEndpoints:
    - port: metrics
      interval: 30s
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: rules
spec:
  groups:
    - name: group
      rules:
        - alert: Something
          expr: up == 0
          for: 5m
          labels:
            severity: page
"""

# (file, what stands there, what is planted, what has to be named)
TYPOS = [
    # Unknown fields, from the outside in.
    (DEPLOYMENT, "apiVersion: apps/v1", "apiVersion: apps/v2", "apps/v2"),
    (DEPLOYMENT, "kind: Deployment", "kind: Deploymnet", "Deploymnet"),
    (DEPLOYMENT, "\nspec:\n", "\nspecs:\n", "specs"),
    (DEPLOYMENT, "  replicas: 2", "  replica: 2", "replica"),
    (DEPLOYMENT, "minReadySeconds", "minReadySecond", "minReadySecond"),
    (DEPLOYMENT, "maxSurge", "maxsurge", "maxsurge"),
    (DEPLOYMENT, "terminationGracePeriodSeconds", "terminationGracePeriodSecond", "terminationGracePeriodSecond"),
    (DEPLOYMENT, "        fsGroup:", "        fsgroup:", "fsgroup"),
    (DEPLOYMENT, "topologyKey", "topologykey", "topologykey"),
    (DEPLOYMENT, "containerPort", "containerport", "containerport"),
    (DEPLOYMENT, "          readinessProbe", "          readynessProbe", "readynessProbe"),
    (DEPLOYMENT, "path: /readyz", "pth: /readyz", "pth"),
    (DEPLOYMENT, "drop: [ALL]", "drops: [ALL]", "drops"),
    (DEPLOYMENT, "mountPath: /var/lib/kafka-http-sink", "mountpath: /var/lib/kafka-http-sink", "mountpath"),
    (DEPLOYMENT, "optional: true", "optionl: true", "optionl"),
    (SIDECAR, "          restartPolicy: Always", "          restartpolicy: Always", "restartpolicy"),
    (SIDECAR, "startupProbe", "startUpProbe", "startUpProbe"),
    (SIDECAR, "httpGet:\n              path: /livez", "httpget:\n              path: /livez", "httpget"),
    (SIDECAR, "failureThreshold: 120", "failureTreshold: 120", "failureTreshold"),
    (SIDECAR, "preStop", "prestop", "prestop"),
    (SIDECAR, "limits:", "limit:", "limit"),
    (SIDECAR, "readOnlyRootFilesystem", "readOnlyRootFileSystem", "readOnlyRootFileSystem"),
    (SIDECAR, "seccompProfile", "seccompprofile", "seccompprofile"),
    (SIDECAR, "emptyDir: {}", "emptydir: {}", "emptydir"),
    (SIDECAR, "secretName", "name", "name"),
    (BUDGET, "maxUnavailable", "maxUnavailabel", "maxUnavailabel"),
    (BUDGET, "matchLabels", "matchLabel", "matchLabel"),
    (POLICY, "policyTypes", "policyType", "policyType"),
    (POLICY, "    - to:\n        - podSelector", "    - too:\n        - podSelector", "too"),
    (POLICY, "ports:\n        - port: 9092", "ports:\n        - prot: 9092", "prot"),
    (HPA, "maxReplicas", "maxReplica", "maxReplica"),
    (HPA, "averageValue", "avarageValue", "avarageValue"),
    (HPA, "stabilizationWindowSeconds", "stabilisationWindowSeconds", "stabilisationWindowSeconds"),
    (KEDA, "maxReplicaCount", "maxReplicas", "maxReplicas"),
    (KEDA, "metricType", "metrictype", "metrictype"),
    (KEDA, "stabilizationWindowSeconds", "stabilisationWindowSeconds", "stabilisationWindowSeconds"),
    (APP, "        - name: shop\n", "        - nam: shop\n", "nam"),
    ("examples/app/base/service.yaml", "targetPort", "targetport", "targetport"),
    ("examples/standalone-volume/state.yaml", "accessModes", "accessMode", "accessMode"),
    ("examples/standalone-volume/one-replica.yaml", "claimName", "claimname", "claimname"),
    (MONITOR, "podMetricsEndpoints", "podMetricsEndpoint", "podMetricsEndpoint"),
    (MONITOR, "interval:", "intervall:", "intervall"),
    (MONITOR, "operator: Exists", "operater: Exists", "operater"),
    (MONITOR, "expr:", "exp:", "exp"),
    (MONITOR, "for: 5m", "fro: 5m", "fro"),
    (MONITOR, "groups:", "group:", "group"),
    # Files of kustomize itself.
    ("standalone/kustomization.yaml", "resources:", "resource:", "resource"),
    ("standalone/kustomization.yaml", "- deployment.yaml", "- deploymnet.yaml", "deploymnet.yaml"),
    ("examples/standalone/kustomization.yaml", "disableNameSuffixHash", "disableNameSufixHash", "disableNameSufixHash"),
    ("examples/app/native/kustomization.yaml", "components:", "component:", "component"),
    (
        "examples/standalone/kustomization.yaml",
        "disableNameSuffixHash",
        "disableNameSuffixhash",
        "disableNameSuffixhash",
    ),
    ("standalone/kustomization.yaml", "resources:", "Resources:", "Resources"),
    ("sidecar/common/kustomization.yaml", "labelSelector: kafka", "labelSelectr: kafka", "labelSelectr"),
    ("sidecar/common/kustomization.yaml", "kafka-http-sink=sidecar", "kafka-http-snik=sidecar", "initContainers"),
    # Wrong types and values.
    (DEPLOYMENT, "  replicas: 2", '  replicas: "2"', ".spec.replicas"),
    (
        DEPLOYMENT,
        "automountServiceAccountToken: false",
        "automountServiceAccountToken: nope",
        "automountServiceAccountToken",
    ),
    (DEPLOYMENT, "cpu: 100m", "cpu: 100x", ".requests.cpu"),
    (DEPLOYMENT, "type: RollingUpdate", "type: Rolling", ".strategy.type"),
    (DEPLOYMENT, "drop: [ALL]", "drop: ALL", ".capabilities.drop"),
    (DEPLOYMENT, "args: [run,", "args: [1,", ".args[0]"),
    (
        DEPLOYMENT,
        "        - name: process\n          configMap:\n            name: kafka-http-sink",
        "        - name: process\n          configMap: kafka-http-sink",
        "configMap",
    ),
    (SIDECAR, "type: RuntimeDefault", "type: RuntimeDefalut", ".seccompProfile.type"),
    (BUDGET, "AlwaysAllow", "AllwaysAllow", ".unhealthyPodEvictionPolicy"),
    (POLICY, "protocol: UDP", "protocol: UPD", ".protocol"),
    (HPA, "maxReplicas: 6", "maxReplicas: many", ".spec.maxReplicas"),
    (KEDA, 'threshold: "1000"', "threshold: 1000", ".metadata.threshold"),
    (MONITOR, "interval: 30s", "interval: soon", ".interval"),
    (MONITOR, "for: 5m", "for: 5 minutes", ".for"),
    # What is required is missing.
    (DEPLOYMENT, "metadata:\n  name: kafka-http-sink\n", "metadata:\n", "name"),
    (DEPLOYMENT, "          image: kafka-http-sink:0.1.0\n", "", "has no image"),
    (
        DEPLOYMENT,
        "              port: metrics\n            periodSeconds: 10",
        "            periodSeconds: 10",
        "'port'",
    ),
    (HPA, "  maxReplicas: 6\n", "", "'maxReplicas'"),
    (HPA, "          name: kafka_http_sink_consumer_lag_records\n", "          selector: {}\n", "'name'"),
    (
        POLICY,
        "  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: kafka-http-sink\n  policyTypes",
        "  policyTypes",
        "'podSelector'",
    ),
    (KEDA, "    - type: prometheus\n      metricType", "    - metricType", "'type'"),
    (
        MONITOR,
        "  selector:\n    matchExpressions:\n      - key: kafka-http-sink\n        operator: Exists\n",
        "",
        "'selector'",
    ),
    (MONITOR, "          expr: up == 0\n", "", "'expr'"),
    # A key twice.
    (DEPLOYMENT, "  replicas: 2", "  replicas: 2\n  replicas: 3", "replicas"),
    # Valid, but it does not fit together, or is not as restricted as it can be.
    (DEPLOYMENT, "            allowPrivilegeEscalation: false\n", "", "allowPrivilegeEscalation"),
    (DEPLOYMENT, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem"),
    (DEPLOYMENT, "drop: [ALL]", "drop: [NET_RAW]", "ALL"),
    (DEPLOYMENT, "        runAsUser: 65532", "        runAsUser: 0", "root"),
    (DEPLOYMENT, "      automountServiceAccountToken: false\n", "", "automountServiceAccountToken"),
    (
        DEPLOYMENT,
        "terminationGracePeriodSeconds: 40",
        "terminationGracePeriodSeconds: 30",
        "terminationGracePeriodSeconds",
    ),
    (
        DEPLOYMENT,
        "path: /livez\n              port: metrics",
        "path: /livez\n              port: metric",
        "no port metric",
    ),
    (DEPLOYMENT, "path: /readyz", "path: /ready", "readinessProbe"),
    (DEPLOYMENT, "kafka-http-sink, drain]", "kafka-http-sink, drian]", "preStop"),
    (DEPLOYMENT, "name: kafka-http-sink-connectors", "name: kafka-http-sink-connector", "kafka-http-sink-connector"),
    (
        DEPLOYMENT,
        "secretName: kafka-http-sink-secrets",
        "secretName: kafka-http-sink-secret",
        "kafka-http-sink-secrets",
    ),
    (DEPLOYMENT, "/etc/kafka-http-sink/secrets", "/etc/kafka-http-sink/secret", "/etc/kafka-http-sink/secrets"),
    (DEPLOYMENT, "            - name: state\n", "            - name: stat\n", "stat"),
    (SIDECAR, "process/sidecar.toml", "process/sidecar.tml", "sidecar.toml"),
    (SIDECAR, "labels:\n        kafka-http-sink: sidecar", "labels:\n        kafka-http-sink: sidecat", "sidecat"),
    ("sidecar/native/kustomization.yaml", "initContainers/-", "initContainers/0", "last init container"),
    (SIDECAR, "runAsUser: 65532", "runAsUser: 65533", "65533"),
    (SIDECAR, "limits:\n              cpu", "limits:\n              cpus", "limits or requests"),
    ("examples/standalone-volume/state.yaml", "storage:", "storge:", "storage alone"),
    (BUDGET, "name: kafka-http-sink\n", "name: kafka-http-snik\n", "PodDisruptionBudget"),
    (POLICY, "kubernetes.io/metadata.name: monitoring", "kubernetes.io/metadata.nam: monitoring", "by another label"),
    (POLICY, "port: metrics", "port: metric", "port metric:"),
    (
        HPA,
        "    kind: Deployment\n    name: kafka-http-sink",
        "    kind: Deployment\n    name: kafka-http-snik",
        "scaleTargetRef",
    ),
    (HPA, "apiVersion: apps/v1", "apiVersion: app/v1", "scaleTargetRef"),
    (HPA, "- type: External", "- type: Externl", "type Externl"),
    (HPA, "type: AverageValue", "type: AverageVal", "type AverageVal"),
    (HPA, "- type: Pods", "- type: Pod", "behavior"),
    (KEDA, "serverAddress", "serverAddres", "serverAddress"),
    (KEDA, "- type: prometheus", "- type: promethus", "promethus"),
    ("examples/standalone-volume/one-replica.yaml", "emptyDir: null", "emptydir: null", "volume state"),
    ("examples/standalone-volume/one-replica.yaml", "rollingUpdate: null", "rollingupdate: null", "rollingUpdate"),
    ("examples/standalone-volume/kustomization.yaml", "$patch: delete", "$ptch: delete", "$ptch"),
    (
        "examples/app/base/service.yaml",
        "app.kubernetes.io/name: shop\n  ports",
        "app.kubernetes.io/name: shpo\n  ports",
        "Service/shop: selects no pod",
    ),
    ("examples/app/base/service.yaml", "targetPort: http", "targetPort: htpt", "htpt"),
    (
        "examples/standalone/kustomization.yaml",
        "    options:\n      disableNameSuffixHash: true\n",
        "",
        "kafka-http-sink-connectors",
    ),
    (
        "examples/standalone/kustomization.yaml",
        "  - name: kafka-http-sink\n",
        "  - name: kafka-http-snik\n",
        "kafka-http-sink",
    ),
    (MONITOR, "port: metrics", "port: metric", "does not scrape"),
    (MONITOR, "key: kafka-http-sink", "key: kafka-http-snik", "does not scrape"),
]


def title(path, planted, named):
    planted = planted.strip().splitlines()
    return f"{path.rpartition('/')[2]}-{planted[-1].strip() if planted else 'without ' + named}"


@pytest.mark.parametrize(
    ("path", "text", "planted", "named"), TYPOS, ids=[title(path, *rest) for path, _, *rest in TYPOS]
)
def test_a_planted_typo_is_found_and_named(copy, path, text, planted, named):
    (copy / MONITOR).write_text(MONITORING)
    before = (copy / path).read_text()
    assert text in before, "nothing to plant it into"
    (copy / path).write_text(before.replace(text, planted, 1))
    # A file that no kustomization names has its say about all pods.
    found = manifests.problems(copy, about=None if path == MONITOR else copy / path)
    assert any(named in problem for problem in found), found


def test_without_a_typo_the_same_copy_is_right(copy):
    (copy / MONITOR).write_text(MONITORING)
    assert manifests.problems(copy) == []


def test_a_component_that_nobody_uses_is_not_left_unchecked(copy):
    (copy / "examples/app/pre-1.29/kustomization.yaml").unlink()
    assert manifests.problems(copy) == ["sidecar/pre-1.29: a component that nobody uses"]


# Keys below these are names that somebody chose.
FREE = {"labels", "annotations", "matchLabels", "selector", "data", "limits", "requests"}
TRIGGER = ("triggers", "metadata")


def fields(value, path=()):
    """The path of every field of a manifest, at any depth, that a schema knows by name."""
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from fields(part, (*path, index))
    if isinstance(value, dict):
        for key, part in value.items():
            if not is_free(path, value):
                yield (*path, key)
            yield from fields(part, (*path, key))


def is_free(path, value):
    named = [key for key in path if isinstance(key, str)]
    if named[-1:] == ["selector"]:  # a Service's; the others are selectors with fields of their own
        return not {"matchLabels", "matchExpressions"} & set(value)
    return bool(named) and (named[-1] in FREE or tuple(named[-2:]) == TRIGGER)


def every_field():
    """One example of each field: (manifest, path), the manifests rendered from k8s/ and those above."""
    seen, examples = set(), []
    tree = manifests.Tree(manifests.ROOT)
    rendered = [one for directory in tree.rendered() for one in manifests.render(directory)]
    for manifest in rendered + list(manifests.yaml.load_all(MONITORING, manifests.Loader)):
        for path in fields(manifest):
            shape = (manifest["kind"], *(0 if isinstance(key, int) else key for key in path))
            if shape not in seen:
                seen.add(shape)
                examples.append((manifest, path))
    return examples


def with_key(manifest, path, change):
    spoilt = copying.deepcopy(manifest)
    parent = spoilt
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return spoilt


def rename(parent, key):
    parent[f"{key}x"] = parent.pop(key)


def replace(parent, key):
    parent[key] = [[parent[key]]]


def test_no_field_of_any_manifest_can_be_misspelt():
    examples = every_field()
    assert len(examples) > 200
    unnoticed = [
        (manifest["kind"], path)
        for manifest, path in examples
        if not any(
            f"{path[-1]}x" in problem or path[-1] in ("kind", "apiVersion")
            for problem in manifests.schema_problems([with_key(manifest, path, rename)])
        )
    ]
    assert unnoticed == []


def test_no_field_of_any_manifest_can_have_another_type():
    unnoticed = [
        (manifest["kind"], path)
        for manifest, path in every_field()
        if not manifests.schema_problems([with_key(manifest, path, replace)])
    ]
    assert unnoticed == []
