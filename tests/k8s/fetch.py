#!/usr/bin/env python3
"""Fetches the tools of the tests of k8s/ once, into build/k8s: kustomize, built from source, and the official schemas.

Everything comes as Go modules, so only the Go module proxy is needed. All of it is pinned: kustomize and its
dependencies by tools/go.sum, the modules with the schemas by the sums below.

    fetch.py    fetch what is missing; exit 77 (skipped, with a message) if that fails and REQUIRE_KAFKA is not 1
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "k8s"
KUSTOMIZE = BUILD / "bin" / "kustomize"
SCHEMAS = BUILD / "schemas"
KUSTOMIZATION_FIELDS = SCHEMAS / "kustomization-fields.json"
STAMP = BUILD / "fetched"  # written last
GO = "/usr/bin/go"  # Debian's, regardless of PATH
SKIPPED = 77

# The newest Go version that a module may require: that of Debian 13, whose `go` rejects newer ones. Debian 12's (1.19)
# loads every module, and builds kustomize, which requires 1.19.
NEWEST_GO = (1, 24, 4)
# The oldest Kubernetes with native sidecars, and the newest that NEWEST_GO loads: a field must exist in both.
KUBERNETES = {
    "v1.29.6": "h1:jn8kA/oVOAWZOeoorx6xZ4d+KgGp+Evgi90x9bEI/DE=",
    "v1.34.4": "h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk=",
}
# Modules with custom resource definitions: (module, version) -> (sum, directory).
RESOURCES = {
    ("github.com/prometheus-operator/prometheus-operator", "v0.85.0"): (
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        "example/prometheus-operator-crd",
    ),
    ("github.com/kedacore/keda/v2", "v2.16.1"): (
        "h1:LfYsxfSX8DjetLW8q9qnriImH936POrQJvE+caRoScI=",
        "config/crd/bases",
    ),
}


def run_go(arguments, **options):
    environment = {
        **os.environ,
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-modcacherw",
        "GOSUMDB": "off",  # the expected sums are in this file and in go.sum
        "GOMODCACHE": str(BUILD / "go" / "modules"),
        "GOCACHE": str(BUILD / "go" / "cache"),
    }
    return subprocess.run([GO, *arguments], env=environment, check=True, text=True, **options)


def build_kustomize():
    run_go(["build", "-mod=readonly", "-o", str(KUSTOMIZE), "sigs.k8s.io/kustomize/kustomize/v5"], cwd=HERE / "tools")


def kustomization_fields():
    """Returns all field names of a kustomization.yaml, because kustomize accepts them in any case."""
    answer = run_go(
        ["list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kustomize/api"], cwd=HERE / "tools", stdout=subprocess.PIPE
    )
    # Fields of target selectors are defined in another module.
    fields = {"group", "version", "kind", "namespace", "name", "apiVersion"}
    for path in (Path(answer.stdout.strip()) / "types").glob("*.go"):
        fields.update(re.findall(r'json:"(\w+)', path.read_text()))
    return sorted(fields)


def download(module, version, expected):
    """Downloads a module, verifies its sum, and returns its directory."""
    answer = run_go(["mod", "download", "-json", f"{module}@{version}"], cwd="/", stdout=subprocess.PIPE).stdout
    found = json.loads(answer)
    if found["Sum"] != expected:
        raise ValueError(f"{module} {version} has the sum {found['Sum']}, not {expected}")
    required = re.search(r"^go ([\d.]+)", Path(found["GoMod"]).read_text(), re.MULTILINE)[1]
    if tuple(map(int, required.split("."))) > NEWEST_GO:
        raise ValueError(f"{module} {version} requires Go {required}, which Debian 13 does not have")
    return Path(found["Dir"])


def read_enumerations(source):
    """Yields the enumerations that the published schemas lack, from the source of the API server's own schemas.

    Each is (function name, property, whether it applies to the values of a list or map, allowed values).
    """
    function = name = None
    for line in source.splitlines():
        if match := re.match(r"func schema_(\w+)\(", line):
            function = match[1]
        elif match := re.match(r'\t{5}"([^"]+)": \{', line):
            name = match[1]
        elif match := re.match(r"(\t+)Enum:\s+\[\]interface\{\}\{(.*)\},$", line):
            yield function, name, len(match[1]) > 7, json.loads(f"[{match[2]}]")


def kubernetes_schemas(directory):
    definitions = json.loads((directory / "api/openapi-spec/swagger.json").read_text())["definitions"]
    by_function = {re.sub("^io_k8s_", "k8sio_", re.sub("[.-]", "_", name)): name for name in definitions}
    source = (directory / "pkg/generated/openapi/zz_generated.openapi.go").read_text()
    count = 0
    for function, name, nested, values in read_enumerations(source):
        field = definitions.get(by_function.get(function), {}).get("properties", {}).get(name)
        if field is not None:
            target = field[{"array": "items", "object": "additionalProperties"}[field["type"]]] if nested else field
            target["enum"] = values
            count += 1
    if count < 50:
        raise ValueError(f"only {count} enumerations found in {directory}: its generated source looks different now")
    return {"definitions": definitions}


def fetch_schemas(target):
    for version, expected in KUBERNETES.items():
        directory = download("k8s.io/kubernetes", version, expected)
        (target / f"kubernetes-{version}.json").write_text(json.dumps(kubernetes_schemas(directory)))
    for (module, version), (expected, folder) in RESOURCES.items():
        for path in sorted((download(module, version, expected) / folder).glob("*.yaml")):
            shutil.copy(path, target / path.name)


def pins():
    """Returns the pinned versions and sums."""
    return "\n".join(path.read_text() for path in (Path(__file__), HERE / "tools/go.mod", HERE / "tools/go.sum"))


def complete():
    return STAMP.exists() and STAMP.read_text() == pins()


def fetch():
    if complete():
        return
    STAMP.unlink(missing_ok=True)
    shutil.rmtree(SCHEMAS, ignore_errors=True)
    SCHEMAS.mkdir(parents=True)
    build_kustomize()
    KUSTOMIZATION_FIELDS.write_text(json.dumps(kustomization_fields()))
    fetch_schemas(SCHEMAS)
    shutil.rmtree(BUILD / "go")
    STAMP.write_text(pins())


def main():
    try:
        fetch()
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"NO KUSTOMIZE OR NO SCHEMAS: k8s/ is not checked: {problem}", file=sys.stderr)
        if os.environ.get("REQUIRE_KAFKA") == "1":
            print("This is a failure because REQUIRE_KAFKA=1.", file=sys.stderr)
            return 1
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
