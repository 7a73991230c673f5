"""Every directory of k8s/ renders to manifests that are valid for the oldest and the newest supported Kubernetes."""

import re
import subprocess

import pytest

import manifests
import pods

TREE = manifests.Tree(manifests.ROOT)
RENDERED = [str(path.relative_to(manifests.ROOT)) for path in TREE.rendered()]
COMPLETE = [str(path.relative_to(manifests.ROOT)) for path in TREE.complete()]


def test_k8s_has_no_problems():
    assert manifests.problems() == []


def test_every_documented_directory_is_rendered():
    assert {
        "examples/app/native",
        "examples/app/pre-1.29",
        "examples/standalone",
        "examples/standalone-hpa",
        "examples/standalone-keda",
        "examples/standalone-volume",
        "standalone",
    } <= set(RENDERED)
    assert set(COMPLETE) <= set(RENDERED)


@pytest.mark.parametrize("directory", RENDERED)
def test_a_directory_renders_to_valid_manifests(directory):
    found = manifests.render(manifests.ROOT / directory)
    assert found
    assert manifests.schema_problems(found) == []


@pytest.mark.parametrize("directory", COMPLETE)
def test_a_pod_has_the_sidecar_once_and_keeps_its_other_containers(directory):
    found = manifests.render(manifests.ROOT / directory)
    (workload,) = pods.workloads(found)
    spec = workload["spec"]["template"]["spec"]
    container, native = pods.sink(spec)
    assert container is not None
    assert bool(native) == directory.endswith("native")
    others = [one["name"] for one in pods.containers(spec) if one is not container]
    assert others == (["migrate", "shop"] if "app" in directory else [])
    # The first container is kubectl's default, and must stay the app's.
    assert spec["containers"][0]["name"] == ("shop" if "app" in directory else "kafka-http-sink")


def test_the_image_tag_is_the_project_version():
    version = re.search(
        r"VERSION ([\d.]+)", (manifests.ROOT.parent / "CMakeLists.txt").read_text().split("project(")[1]
    )[1]
    images = [
        pods.sink(one["spec"]["template"]["spec"])[0]["image"]
        for directory in TREE.complete()
        for one in pods.workloads(manifests.render(directory))
    ]
    assert set(images) == {f"kafka-http-sink:{version}"}


@pytest.mark.parametrize("directory", COMPLETE)
def test_a_changed_definition_keeps_all_names_and_a_changed_sidecar_toml_changes_one(directory, copy):
    """A new name restarts pods; otherwise the kubelet updates the file in running pods."""
    before = manifests.render(copy / directory)
    for path in copy.rglob("*.toml"):
        if path.parent.name == "connectors":
            path.write_text(path.read_text() + "# edited\n")
    edited = manifests.render(copy / directory)
    assert pods.workloads(edited) == pods.workloads(before)
    assert edited != before
    for path in copy.rglob("sidecar.toml"):
        path.write_text(path.read_text() + "# edited\n")
    assert pods.workloads(manifests.render(copy / directory)) != pods.workloads(before)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
@pytest.mark.parametrize("component", ["native", "pre-1.29"])
@pytest.mark.parametrize("init_containers", ["", "initContainers: [{name: first, image: i}, {name: second, image: i}]"])
def test_a_component_selects_workloads_of_any_kind_by_label(copy, kind, component, init_containers):
    directory = copy / "examples" / "other"
    directory.mkdir()
    (directory / "kustomization.yaml").write_text(
        f"resources: [workloads.yaml]\ncomponents: [../../sidecar/{component}]\n"
        "images: [{name: kafka-http-sink, newName: registry.example/sink, newTag: '7'}]\n"
    )
    workload = f"""\
apiVersion: apps/v1
kind: {kind}
metadata: {{name: NAME, labels: {{LABEL: sidecar}}}}
spec:
  selector: {{matchLabels: {{a: b}}}}
  template:
    metadata: {{labels: {{a: b}}}}
    spec:
      {init_containers}
      containers: [{{name: app, image: i}}]
"""
    (directory / "workloads.yaml").write_text(
        workload.replace("NAME", "with").replace("LABEL", "kafka-http-sink")
        + "---\n"
        + workload.replace("NAME", "without").replace("LABEL", "other")
    )
    by_name = {one["metadata"]["name"]: one["spec"]["template"] for one in manifests.render(directory)}
    container, native = pods.sink(by_name["with"]["spec"])
    assert container["image"] == "registry.example/sink:7"
    assert bool(native) == (component == "native")
    names = [one["name"] for one in pods.containers(by_name["with"]["spec"])]
    app = ["first", "second"] if init_containers else []
    assert names == (app + ["kafka-http-sink", "app"] if native else app + ["app", "kafka-http-sink"])
    assert ("restartPolicy" in container) == bool(native)
    assert by_name["with"]["metadata"]["labels"] == {"a": "b", "kafka-http-sink": "sidecar"}
    assert pods.sink(by_name["without"]["spec"])[0] is None


@pytest.mark.parametrize("directory", COMPLETE)
def test_the_program_accepts_the_definitions_and_sidecar_toml_of_every_pod(directory, program, tmp_path):
    """Checks the rendered ConfigMaps, not the files that they are made from."""
    found = manifests.render(manifests.ROOT / directory)
    (workload,) = pods.workloads(found)
    (tmp_path / "sidecar.toml").write_text(pods.process_file(found, workload["spec"]["template"]["spec"]))
    (tmp_path / "connectors").mkdir()
    for name, text in pods.named(found, "ConfigMap", pods.CONNECTORS)["data"].items():
        assert name.endswith(".toml") and not name.startswith("."), "the program would ignore it"
        (tmp_path / "connectors" / name).write_text(text)
    check(program, tmp_path / "sidecar.toml", tmp_path / "connectors")


@pytest.mark.parametrize(
    "path", [str(path.relative_to(manifests.ROOT)) for path in sorted(manifests.ROOT.rglob("*.toml"))]
)
def test_the_program_accepts_every_toml_file(path, program):
    check(program, manifests.ROOT / path)


def check(program, *paths):
    result = subprocess.run(
        [program, "check", *paths],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout
