"""Checks the files under k8s/: renders them with kustomize, validates them by the official schemas, applies pods.py."""

import functools
import json
import subprocess
from pathlib import Path

import yaml

import fetch
import pods
from schemas import Loader, Schemas

ROOT = Path(__file__).resolve().parent.parent.parent / "k8s"
FILES_OF_A_KUSTOMIZATION = ("kustomization.yaml", "kustomization.yml", "Kustomization")


class NotRendered(Exception):
    """kustomize failed, or printed a warning."""


@functools.lru_cache
def all_schemas():
    """The schemas of each Kubernetes version that must accept the manifests."""
    resources = sorted(fetch.SCHEMAS.glob("*.yaml"))
    return [Schemas(fetch.SCHEMAS / f"kubernetes-{version}.json", resources) for version in fetch.KUBERNETES]


def read(path):
    return list(yaml.load_all(path.read_text(), Loader))


def render(directory):
    """The manifests that `kubectl apply -k DIRECTORY` would send."""
    result = subprocess.run(
        [fetch.KUSTOMIZE, "build", directory],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    if result.returncode != 0 or result.stderr:
        raise NotRendered(f"kustomize build: {result.stderr.strip()}")
    return list(yaml.load_all(result.stdout, Loader))


def strings(value):
    """Yields every string in a document, and for `KEY=FILE` also the text after the `=`."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, str) and "\n" not in value:
        yield value
        yield value.partition("=")[2] or value


class Tree:
    """The kustomizations and files under a root, and which of them are used by another kustomization."""

    def __init__(self, root):
        self.root = root
        self.kustomizations = {
            path.parent: read(path)[0] for name in FILES_OF_A_KUSTOMIZATION for path in root.rglob(name)
        }
        self.used = {
            (directory / text).resolve()
            for directory, content in self.kustomizations.items()
            for text in strings(content)
            if (directory / text).exists()
        }

    def rendered(self):
        """Directories that can be applied on their own; a component is rendered where it is used."""
        return sorted(path for path, content in self.kustomizations.items() if content.get("kind") != "Component")

    def complete(self):
        """The complete examples that users apply, without the base that they share."""
        return [path for path in self.rendered() if path.is_relative_to(self.root / "examples") and path.name != "base"]

    def loose(self):
        """YAML files that no kustomization refers to."""
        return sorted(
            path
            for pattern in ("*.yaml", "*.yml")
            for path in self.root.rglob(pattern)
            if path.name not in FILES_OF_A_KUSTOMIZATION and path.resolve() not in self.used
        )

    def unused_components(self):
        return sorted(
            path
            for path, content in self.kustomizations.items()
            if content.get("kind") == "Component" and path.resolve() not in self.used
        )


def unknown_fields(value):
    """Yields fields that no kustomization has, case-sensitively; keys below labels and annotations are free."""
    known = json.loads(fetch.KUSTOMIZATION_FIELDS.read_text())
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(value, dict) and key not in known:
            yield f"unknown field {key}"
        if isinstance(part, (dict, list)) and key not in (
            "labels",
            "annotations",
            "pairs",
            "commonLabels",
            "commonAnnotations",
        ):
            yield from unknown_fields(part)


def schema_problems(manifests):
    found = [problem for schemas in all_schemas() for manifest in manifests for problem in schemas.problems(manifest)]
    return list(dict.fromkeys(found))


def problems(root=ROOT):
    """Everything that is wrong under the root, one line per problem."""
    tree = Tree(root)
    found = [f"{path.relative_to(root)}: component is not used" for path in tree.unused_components()]
    for directory, content in tree.kustomizations.items():
        found += [f"{directory.relative_to(root)}: kustomization: {problem}" for problem in unknown_fields(content)]
    everything = []
    for path in tree.loose():
        found += [f"{path.relative_to(root)}: {problem}" for problem in schema_problems(read(path))]
        everything += [] if found else read(path)
    for directory in tree.rendered():
        try:
            manifests = render(directory)
        except NotRendered as problem:
            found.append(f"{directory.relative_to(root)}: {problem}")
            continue
        wrong = schema_problems(manifests)
        # pods.py expects manifests that are valid by their schemas.
        wrong = wrong or pods.problems(manifests, directory in tree.complete())
        found += [f"{directory.relative_to(root)}: {problem}" for problem in wrong]
        everything += [] if wrong else manifests
    return found + list(pods.monitor_problems(everything))
