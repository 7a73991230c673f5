"""Validates manifests by the official schemas, like an API server with strict field validation.

The published schemas only describe known fields. Here unknown fields are errors: a schema with properties allows no
others.
"""

import json
from pathlib import Path

import jsonschema
import yaml

DEFINITION = "#/definitions/"
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
# Types that the API server parses in code; their published schema is at most "string".
QUANTITY = {
    "anyOf": [
        {"type": "number"},
        {
            "type": "string",
            "pattern": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$",
        },
    ]
}
HANDWRITTEN = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": QUANTITY,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["integer", "string"]},
}


class Loader(yaml.CSafeLoader):
    """Loads YAML like Kubernetes: a date or "=" is a string."""


for tag in ("value", "timestamp"):
    Loader.add_constructor(f"tag:yaml.org,2002:{tag}", yaml.CSafeLoader.construct_yaml_str)


def strict(schema, closing=True):
    """Returns the schema without descriptions, and closed: a schema with properties allows no others.

    Branches of anyOf and the like stay open, because they add conditions to properties that are listed elsewhere.
    """
    if isinstance(schema, list):
        return [strict(part, closing) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: strict(part, closing) for name, part in value.items()}
        elif not key.startswith("x-kubernetes") and key not in (
            "description",
            "default",
            "example",
            "format",
            "nullable",
        ):
            result[key] = strict(value, closing and key not in ("allOf", "anyOf", "oneOf", "not"))
    if schema.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
        result.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    if schema.get("nullable") and "type" in result:
        result["type"] = [result["type"], "null"]
    if closing and "properties" in result and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    return result


def whole_object(schema, api_version, kind):
    """Returns the closed schema of an object of this kind in a manifest: with a name and without a status."""
    properties = {name: part for name, part in schema["properties"].items() if name != "status"}
    properties["apiVersion"] = {"enum": [api_version]}
    properties["kind"] = {"enum": [kind]}
    properties["metadata"] = {
        "allOf": [{"$ref": DEFINITION + OBJECT_META}, {"required": ["name"], "properties": {"name": {"minLength": 1}}}]
    }
    required = sorted({"apiVersion", "kind", "metadata", *schema.get("required", [])})
    return {**schema, "properties": properties, "required": required, "additionalProperties": False}


def load_definitions(path):
    definitions = json.loads(path.read_text())["definitions"]
    return {**{name: strict(schema) for name, schema in definitions.items()}, **HANDWRITTEN}, definitions


class Schemas:
    """The schemas of one Kubernetes version and of the custom resources."""

    def __init__(self, kubernetes: Path, custom_resources):
        self.definitions, published = load_definitions(kubernetes)
        self.kinds = {}
        for name, schema in published.items():
            for gvk in schema.get("x-kubernetes-group-version-kind", []):
                if "properties" in schema and len(schema["x-kubernetes-group-version-kind"]) == 1:
                    api_version = "/".join(filter(None, [gvk["group"], gvk["version"]]))
                    self.add(api_version, gvk["kind"], self.definitions[name])
        for path in custom_resources:
            resource = yaml.load(path.read_text(), Loader)["spec"]
            for version in resource["versions"]:
                if version["served"]:
                    schema = strict(version["schema"]["openAPIV3Schema"])
                    self.add(f"{resource['group']}/{version['name']}", resource["names"]["kind"], schema)

    def add(self, api_version, kind, schema):
        if "metadata" in schema["properties"]:
            self.kinds[api_version, kind] = whole_object(schema, api_version, kind)

    def problems(self, manifest):
        """Returns the problems of the manifest, one line each: `KIND/NAME: PATH: MESSAGE`."""
        if not isinstance(manifest, dict):
            return [f"not an object: {manifest!r}"]
        kind = manifest.get("kind")
        metadata = manifest.get("metadata")
        label = f"{kind}/{metadata.get('name') if isinstance(metadata, dict) else None}"
        schema = self.kinds.get((str(manifest.get("apiVersion")), str(kind)))
        if schema is None:
            return [f"{label}: no such kind: apiVersion {manifest.get('apiVersion')}, kind {kind}"]
        validator = jsonschema.Draft4Validator({**schema, "definitions": self.definitions})
        return sorted(
            f"{label}: {dotted(error.absolute_path)}: {error.message}" for error in validator.iter_errors(manifest)
        )


def dotted(path):
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path) or "."
