"""Checks beyond the schemas: the manifests refer to each other correctly, and every pod is restricted.

Each function yields problems, one line each, of manifests that are valid by their schemas.
"""

import tomllib

CONTAINER = "kafka-http-sink"
PROGRAM = "/usr/bin/kafka-http-sink"  # its path in the image
UID = 65532
CONNECTORS = "kafka-http-sink-connectors"
SECRETS = "kafka-http-sink-secrets"
# Default directories of the process (etc/README.md) -> the volume that must be mounted there.
PLACES = {
    "/etc/kafka-http-sink/connectors": ("configMap", "name", CONNECTORS),
    "/etc/kafka-http-sink/secrets": ("secret", "secretName", SECRETS),
    "/var/lib/kafka-http-sink": (None, None, None),
}
PROBES = {"startupProbe": "/startupz", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
METRICS_PORT = 9404
NAMESPACE_LABEL = "kubernetes.io/metadata.name"  # set by Kubernetes itself
# A drain, and the shutdown after it, may each take this longer than shutdown.grace.ms if a broker does not answer.
MARGIN_SECONDS = 5
VOLUMES_ALLOWED = {
    "name",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def workloads(manifests):
    return [one for one in manifests if "template" in one.get("spec", {}) and "selector" in one["spec"]]


def named(manifests, kind, name):
    return next((one for one in manifests if one["kind"] == kind and one["metadata"]["name"] == name), None)


def containers(spec):
    return spec.get("initContainers", []) + spec["containers"]


def selects(selector, labels):
    """Whether a label selector matches; an empty one matches everything."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(
        {
            "In": labels.get(term["key"]) in term.get("values", []),
            "NotIn": labels.get(term["key"]) not in term.get("values", []),
            "Exists": term["key"] in labels,
            "DoesNotExist": term["key"] not in labels,
        }[term["operator"]]
        for term in selector.get("matchExpressions", [])
    )


def port_named(container, port):
    """Returns the number of a container port given by name or number; None if there is no such port."""
    return next(
        (one["containerPort"] for one in container.get("ports", []) if port in (one.get("name"), one["containerPort"])),
        None,
    )


def has_port(spec, port):
    return any(port_named(container, port) for container in containers(spec))


def resources_of(one):
    """Returns the names of limited and requested resources of a container or claim, which the schema leaves open."""
    return {name for kind in one.get("resources", {}).values() if isinstance(kind, dict) for name in kind}


def restricted(spec):
    """Checks the Pod Security Standard "restricted"."""
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield "shares a host namespace"
    pod = spec.get("securityContext", {})
    if pod.get("sysctls"):
        yield "sets sysctls"
    for volume in spec.get("volumes", []):
        if set(volume) - VOLUMES_ALLOWED or len(volume) != 2:
            yield f"volume {volume['name']}: not exactly one allowed kind: {sorted(volume)}"
    for container in containers(spec):
        own = container.get("securityContext", {})
        effective = {**pod, **own}
        rules = {
            "runAsNonRoot is not true": effective.get("runAsNonRoot") is True,
            "runAsUser is root": effective.get("runAsUser") != 0,
            "seccompProfile is neither RuntimeDefault nor Localhost": effective.get("seccompProfile", {}).get("type")
            in ("RuntimeDefault", "Localhost"),
            "allowPrivilegeEscalation is not false": own.get("allowPrivilegeEscalation") is False,
            "privileged": not own.get("privileged"),
            "capabilities: does not drop ALL": "ALL" in own.get("capabilities", {}).get("drop", []),
            "capabilities: adds some": not set(own.get("capabilities", {}).get("add", [])) - {"NET_BIND_SERVICE"},
            "procMount is not Default": own.get("procMount", "Default") == "Default",
            "has a host port": not any(port.get("hostPort") for port in container.get("ports", [])),
            # Beyond the standard:
            "readOnlyRootFilesystem is not true": own.get("readOnlyRootFilesystem") is True,
            "has no image": bool(container.get("image")),
            "limits or requests an unknown resource": not resources_of(container)
            - {"cpu", "memory", "ephemeral-storage"},
            "has no memory limit": "memory" in container.get("resources", {}).get("limits", {}),
            "does not request cpu and memory": {"cpu", "memory"}
            <= set(container.get("resources", {}).get("requests", {})),
        }
        yield from (f"container {container['name']}: {problem}" for problem, holds in rules.items() if not holds)
    if spec.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken is not false"


def probes_and_mounts(spec):
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    mounted = {mount["name"] for container in containers(spec) for mount in container.get("volumeMounts", [])}
    for name in volumes ^ mounted:
        yield f"volume {name}: " + ("not mounted" if name in volumes else "does not exist")
    for container in containers(spec):
        for kind in (*PROBES, "lifecycle"):
            probe = container.get(kind, {}).get("preStop", {}) if kind == "lifecycle" else container.get(kind, {})
            for handler in ("httpGet", "tcpSocket"):
                if handler in probe and port_named(container, probe[handler]["port"]) is None:
                    yield f"container {container['name']}: {kind}: no port {probe[handler]['port']}"


def sink(spec):
    """Returns the container of kafka-http-sink, and whether it is a native sidecar."""
    found = [container for container in containers(spec) if container["name"] == CONTAINER]
    return (found[0] if len(found) == 1 else None), found and found[0] in spec.get("initContainers", [])


def sink_problems(labels, spec):
    container, native = sink(spec)
    if container is None:
        yield f"does not have exactly one container {CONTAINER}"
        return
    alone = len(containers(spec)) == 1
    if labels.get(CONTAINER) != ("standalone" if alone else "sidecar"):
        yield f"pod label {CONTAINER} is {labels.get(CONTAINER)}"
    if native and (container is not spec["initContainers"][-1] or container.get("restartPolicy") != "Always"):
        yield "the native sidecar is not the last init container, or has no restartPolicy: Always"
    user = {**spec.get("securityContext", {}), **container.get("securityContext", {})}
    if (user.get("runAsUser"), user.get("runAsGroup")) != (UID, UID):
        yield f"runs as {user.get('runAsUser')}:{user.get('runAsGroup')}, not {UID}:{UID}"
    if not container.get("image", "").rpartition("/")[2].startswith(f"{CONTAINER}:"):
        yield f"image {container.get('image')}: wrong name, or without a tag"
    for kind, path in PROBES.items():
        get = container.get(kind, {}).get("httpGet", {})
        if kind == "readinessProbe" and not alone:
            if kind in container:
                yield "a readinessProbe of the sidecar would remove the app from its Services"
        elif (get.get("path"), port_named(container, get.get("port"))) != (path, METRICS_PORT):
            yield f"{kind} does not call {path} on port {METRICS_PORT}"
    if container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command") != [PROGRAM, "drain"]:
        yield "preStop is not `kafka-http-sink drain`"
    mounts = {mount["mountPath"]: mount for mount in container.get("volumeMounts", [])}
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    for path, (kind, key, name) in PLACES.items():
        volume = volumes.get(mounts.get(path, {}).get("name"), {})
        if not volume or (kind and volume.get(kind, {}).get(key) != name):
            yield f"{path}: " + (f"not the {kind} {name}" if kind else "not mounted")
    if any("subPath" in mount or "subPathExpr" in mount for mount in mounts.values()):
        yield "subPath: such a mount is never updated"


def process_file(manifests, spec):
    """Returns the sidecar.toml of the container; None if its arguments name no file of a ConfigMap."""
    container, _ = sink(spec)
    arguments = container.get("args", [])
    if arguments[:2] != ["run", "--config"] or len(arguments) != 3:
        return None
    directory, _, key = arguments[2].rpartition("/")
    name = next((mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == directory), None)
    volume = next((volume for volume in spec["volumes"] if volume["name"] == name), {})
    config_map = named(manifests, "ConfigMap", volume.get("configMap", {}).get("name"))
    return (config_map or {}).get("data", {}).get(key)


def grace(manifests, spec):
    text = process_file(manifests, spec)
    if text is None:
        yield "args name no sidecar.toml of a ConfigMap"
        return
    milliseconds = int(tomllib.loads(text).get("shutdown", {}).get("grace", {}).get("ms", 20000))
    needed = milliseconds / 1000 + 2 * MARGIN_SECONDS
    if spec.get("terminationGracePeriodSeconds", 30) <= needed:
        yield f"terminationGracePeriodSeconds is not longer than preStop and shutdown: {needed:g} s"


def references(manifests, spec):
    """Finds ConfigMaps, Secrets and claims that the pod needs but no manifest creates."""
    needed = []
    for volume in spec.get("volumes", []):
        needed += [("ConfigMap", volume[kind]["name"], volume[kind]) for kind in ("configMap",) if kind in volume]
        needed += [("Secret", volume[kind]["secretName"], volume[kind]) for kind in ("secret",) if kind in volume]
        if "persistentVolumeClaim" in volume:
            needed.append(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], {}))
    for container in containers(spec):
        for source in container.get("envFrom", []) + [one.get("valueFrom", {}) for one in container.get("env", [])]:
            for key, kind in (
                ("configMapRef", "ConfigMap"),
                ("configMapKeyRef", "ConfigMap"),
                ("secretRef", "Secret"),
                ("secretKeyRef", "Secret"),
            ):
                if key in source:
                    needed.append((kind, source[key]["name"], source[key]))
    for kind, name, reference in needed:
        if not reference.get("optional") and named(manifests, kind, name) is None:
            yield f"{kind} {name}: does not exist"


def selectors(manifests):
    """Checks that selectors and references match pods or workloads, and ports that these have."""
    owners = workloads(manifests)
    pods = [(one["spec"]["template"]["metadata"].get("labels", {}), one["spec"]["template"]["spec"]) for one in owners]
    for one in owners:
        labels = one["spec"]["template"]["metadata"].get("labels", {})
        if not selects(one["spec"]["selector"], labels):
            yield f"{one['kind']}/{one['metadata']['name']}: its selector does not match its pods"
        for spread in one["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
            if not selects(spread.get("labelSelector", {}), labels):
                yield f"{one['kind']}/{one['metadata']['name']}: topologySpreadConstraints select other pods"
        strategy = one["spec"].get("strategy", {})
        if strategy.get("type") == "Recreate" and "rollingUpdate" in strategy:
            yield f"{one['kind']}/{one['metadata']['name']}: rollingUpdate with strategy Recreate"
    for one in manifests:
        spec, label = one.get("spec", {}), f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] in ("PodDisruptionBudget", "NetworkPolicy", "Service"):
            selector = {
                "Service": {"matchLabels": spec.get("selector", {})},
                "PodDisruptionBudget": spec.get("selector", {}),
                "NetworkPolicy": spec.get("podSelector", {}),
            }[one["kind"]]
            chosen = [pod for labels, pod in pods if selects(selector, labels)]
            ports = [port.get("targetPort", port["port"]) for port in spec.get("ports", [])]
            ports += [port["port"] for rule in spec.get("ingress", []) for port in rule.get("ports", [])]
            if not chosen:
                yield f"{label}: selects no pod"
            yield from (
                f"{label}: port {port}: no selected pod has it"
                for port in ports
                if chosen and not any(has_port(pod, port) for pod in chosen)
            )
        if one["kind"] == "PersistentVolumeClaim" and resources_of(spec) != {"storage"}:
            yield f"{label}: does not request only storage"
        if one["kind"] == "NetworkPolicy":
            rules = spec.get("ingress", []) + spec.get("egress", [])
            peers = [peer for rule in rules for peer in rule.get("from", []) + rule.get("to", [])]
            if any(set(peer.get("namespaceSelector", {}).get("matchLabels", {})) - {NAMESPACE_LABEL} for peer in peers):
                yield f"{label}: selects a namespace by another label than {NAMESPACE_LABEL}"
        if "scaleTargetRef" in spec:
            yield from (f"{label}: {problem}" for problem in scaler_problems(manifests, one))


def scaler_problems(manifests, scaler):
    """Checks a HorizontalPodAutoscaler or ScaledObject, whose schemas leave most values open."""
    spec = scaler["spec"]
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", **spec["scaleTargetRef"]}
    target = named(manifests, reference["kind"], reference["name"])
    if target is None or target["apiVersion"] != reference["apiVersion"]:
        yield "scaleTargetRef names no existing workload"
    elif "replicas" in target["spec"]:
        yield "its target has replicas, which each apply would reset"
    behavior = spec.get("behavior") or spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get(
        "behavior", {}
    )
    for direction in behavior.values():
        if any(policy["type"] not in ("Pods", "Percent") for policy in direction.get("policies", [])):
            yield "behavior: unknown policy type"
    for metric in spec.get("metrics", []):
        source = metric.get(metric["type"][0].lower() + metric["type"][1:])
        if source is None or len(metric) != 2:
            yield f"metrics: type {metric['type']} without its own field"
        else:
            kind = source["target"]["type"]
            key = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}.get(kind)
            if set(source["target"]) != {"type", key}:
                yield f"metrics: target of type {kind} without its own field"
    for trigger in spec.get("triggers", []):
        if trigger["type"] != "prometheus" or set(trigger["metadata"]) != {"serverAddress", "query", "threshold"}:
            yield f"trigger {trigger['type']}: not of type prometheus with serverAddress, query and threshold"


def problems(manifests, complete):
    """Returns all problems. `complete` manifests have all ConfigMaps, and the container in every pod."""
    found = list(selectors(manifests))
    for one in workloads(manifests):
        template = one["spec"]["template"]
        spec, labels = template["spec"], template["metadata"].get("labels", {})
        wrong = [*restricted(spec), *probes_and_mounts(spec)]
        if complete:
            wrong += [*references(manifests, spec), *sink_problems(labels, spec)]
            wrong += grace(manifests, spec) if not wrong else []
        found += [f"{one['kind']}/{one['metadata']['name']}: {problem}" for problem in wrong]
    return found


def monitor_problems(manifests):
    """Checks that every PodMonitor scrapes every pod with our container."""
    for monitor in (one for one in manifests if one["kind"] == "PodMonitor"):
        for one in workloads(manifests):
            template = one["spec"]["template"]
            container, _ = sink(template["spec"])
            ports = [endpoint.get("port") for endpoint in monitor["spec"].get("podMetricsEndpoints", [])]
            if container is not None and not (
                selects(monitor["spec"]["selector"], template["metadata"].get("labels", {}))
                and any(port_named(container, port) == METRICS_PORT for port in ports)
            ):
                name = monitor["metadata"]["name"]
                yield f"PodMonitor/{name}: does not scrape {one['kind']}/{one['metadata']['name']}"
