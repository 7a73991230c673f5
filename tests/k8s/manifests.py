"""What stands under k8s/: rendered by kustomize, validated by the official schemas, held to the rules of pods.py."""

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
    """kustomize refuses, or warns."""


@functools.lru_cache
def all_schemas():
    """The kinds of each version of Kubernetes that has to accept the manifests."""
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
    """Every string in a document, and what follows the `=` of `KEY=FILE`."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, str) and "\n" not in value:
        yield value
        yield value.partition("=")[2] or value


class Tree:
    """The directories and files under a root, and who uses whom."""

    def __init__(self, root):
        self.root = root
        self.kustomizations = {
            path.parent: read(path)[0] for name in FILES_OF_A_KUSTOMIZATION for path in root.rglob(name)
        }
        self.uses = {
            directory.resolve(): {
                (directory / text).resolve() for text in strings(content) if (directory / text).exists()
            }
            for directory, content in self.kustomizations.items()
        }
        self.used = set().union(*self.uses.values())

    def rendered(self):
        """Directories that can be applied by themselves; a component is rendered where it is used."""
        return sorted(path for path, content in self.kustomizations.items() if content.get("kind") != "Component")

    def whole(self):
        """What users apply, complete: the examples, without what they have in common."""
        return [path for path in self.rendered() if path.is_relative_to(self.root / "examples") and path.name != "base"]

    def depends(self, directory, path):
        """Whether a file has a part in what a directory renders to."""
        directory, path = directory.resolve(), path.resolve()
        return (
            path.parent == directory
            or path in self.uses[directory]
            or any(self.depends(other, path) for other in self.uses[directory] if other in self.uses)
        )

    def loose(self):
        """YAML files that no kustomization names."""
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
    """Fields of a kustomization that don't exist, or not in this case; names below labels and annotations are free."""
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


def problems(root=ROOT, about=None):
    """Everything that is wrong under the root, a line each; or only in what a file has a part in."""
    tree = Tree(root)
    found = [f"{path.relative_to(root)}: a component that nobody uses" for path in tree.unused_components()]
    for directory, content in tree.kustomizations.items():
        found += [f"{directory.relative_to(root)}: kustomization: {problem}" for problem in unknown_fields(content)]
    everything = []
    for path in tree.loose():
        found += [f"{path.relative_to(root)}: {problem}" for problem in schema_problems(read(path))]
        everything += [] if found else read(path)
    for directory in tree.rendered():
        if about is not None and not tree.depends(directory, about):
            continue
        try:
            manifests = render(directory)
        except NotRendered as problem:
            found.append(f"{directory.relative_to(root)}: {problem}")
            continue
        wrong = schema_problems(manifests)
        # The rules read what the schemas have accepted.
        wrong = wrong or pods.problems(manifests, directory in tree.whole())
        found += [f"{directory.relative_to(root)}: {problem}" for problem in wrong]
        everything += [] if wrong else manifests
    return found + list(pods.monitor_problems(everything))
