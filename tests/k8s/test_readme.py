"""Tests the instructions in k8s/README.md as far as possible without a cluster."""

import functools
import re
import shlex
import subprocess

import pytest

import fetch
import manifests
import pods

REPOSITORY = manifests.ROOT.parent
TEXT = (manifests.ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.M | re.S)
COMMANDS = [line for language, text in SNIPPETS if language == "sh" for line in text.splitlines()]
KUBECTL = [part.strip() for line in COMMANDS for part in line.split("|") if part.strip().startswith("kubectl")]
NAMESPACE = "shop"
WORKLOADS = {"deployment": "Deployment", "configmap": "ConfigMap", "secret": "Secret"}
# A complete manifest, and parts that other tests check.
YAML = [manifests.yaml.load(text, manifests.Loader) for language, text in SNIPPETS if language == "yaml"]


@functools.lru_cache
def rendered():
    tree = manifests.Tree(manifests.ROOT)
    return [one for directory in tree.complete() for one in manifests.render(directory)]


def option(words, *names):
    return next((words[index + 1] for index, word in enumerate(words) if word in names), None)


def test_every_snippet_language_is_tested():
    assert {language for language, _ in SNIPPETS} == {"sh", "yaml"}


def test_named_files_and_directories_exist():
    for line in TEXT.splitlines():
        for name in re.findall(r"`((?:sidecar|standalone|examples|k8s)(?:/[\w.-]+)*)`", line):
            if name not in ("kafka-http-sink", "sidecar"):
                assert (manifests.ROOT / name).exists() or (REPOSITORY / name).exists(), name
    for path in re.findall(r"\bk8s/[\w./-]+", "\n".join(COMMANDS)):
        assert (REPOSITORY / path).exists(), path


@pytest.mark.parametrize("command", KUBECTL)
def test_a_command_refers_to_existing_objects(command):
    words = shlex.split(command)
    found = rendered()
    directory = option(words, "-k")
    if directory:
        assert manifests.render(REPOSITORY / directory)
        return
    assert option(words, "-n") == NAMESPACE or "namespace" in words or words[1:] == ["apply", "-f", "-"]
    assert all(one["metadata"]["namespace"] == NAMESPACE for one in found)
    for kind, name in re.findall(r"\b(deployment)/([\w-]+)", command) + re.findall(
        r"delete (\w+) .*?([\w-]+)$", command
    ):
        assert name == pods.SECRETS if kind == "secret" else pods.named(found, WORKLOADS[kind], name), command
    specs = [
        (one["spec"]["template"]["metadata"]["labels"], one["spec"]["template"]["spec"])
        for one in pods.workloads(found)
    ]
    if label := option(words, "-l"):
        specs = [(labels, spec) for labels, spec in specs if labels.get(label.split("=")[0]) == label.split("=")[1]]
        assert specs
    if container := option(words, "-c"):
        assert all(container in [one["name"] for one in pods.containers(spec)] for _, spec in specs)
    if "secret" in words and "create" in words:
        assert words[words.index("generic") + 1] == pods.SECRETS
        key = option([part for word in words for part in word.split("=", 1)], "--from-literal")
        for one in (one for one in found if one["metadata"]["name"] == pods.CONNECTORS):
            assert f"${{file:/etc/kafka-http-sink/secrets/{key.split('=')[0]}}}" in "".join(one["data"].values())


def test_the_kustomization_snippet_adds_the_sidecar_with_its_image(copy):
    directory = copy / "examples/app/readme"
    directory.mkdir()
    for name in ("deployment.yaml", "service.yaml", "sidecar.toml", "connectors"):
        source = copy / "examples/app/base" / name
        (directory / name).parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-r", source, directory / name], check=True)
    (directory / "kustomization.yaml").write_text(
        next(text for language, text in SNIPPETS if "kind: Kustomization" in text)
    )
    assert manifests.problems(copy) == []
    (workload,) = pods.workloads(manifests.render(directory))
    container, native = pods.sink(workload["spec"]["template"]["spec"])
    assert native
    assert container["image"] == "registry.example/kafka-http-sink:0.1.0"


def test_the_label_matches_the_selector_of_the_component():
    (label,) = [one["metadata"]["labels"] for one in YAML if set(one) == {"metadata"}]
    (target,) = [
        patch["target"]["labelSelector"]
        for patch in manifests.Tree(manifests.ROOT).kustomizations[manifests.ROOT / "sidecar/common"]["patches"]
    ]
    assert "=".join(*label.items()) == target


def test_the_adapter_rule_provides_the_metric_of_the_autoscaler():
    (rules,) = [one["externalRules"] for one in YAML if "externalRules" in one]
    (scaler,) = [one for one in rendered() if one["kind"] == "HorizontalPodAutoscaler"]
    assert rules[0]["seriesQuery"].partition("{")[0] == scaler["spec"]["metrics"][0]["external"]["metric"]["name"]


def test_the_upgrade_command_sets_the_image(copy):
    (line,) = [line for line in COMMANDS if "kustomize edit" in line]
    directory, arguments = re.fullmatch(r"cd k8s/(\S+) && kustomize (.*)", line).groups()
    subprocess.run([fetch.KUSTOMIZE, *shlex.split(arguments)], cwd=copy / directory, check=True)
    (workload,) = pods.workloads(manifests.render(copy / directory))
    container, _ = pods.sink(workload["spec"]["template"]["spec"])
    assert container["image"] == shlex.split(arguments)[-1].partition("=")[2]


def test_the_check_command_accepts_the_definitions(program):
    (line,) = [line for line in COMMANDS if line.startswith("kafka-http-sink check")]
    subprocess.run([program, *shlex.split(line)[1:]], cwd=REPOSITORY, check=True)
