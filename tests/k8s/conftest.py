"""Tests of k8s/ without a cluster: rendered by kustomize, validated by the official schemas, unknown fields rejected.

    /usr/bin/python3 tests/k8s/fetch.py && /usr/bin/python3 -m pytest tests/k8s

KAFKA_HTTP_SINK  the program, which judges the definitions and sidecar.toml; without it those tests are skipped, or fail
REQUIRE_KAFKA=1  what is missing is a failure; otherwise those tests are skipped, loudly

Debian packages: golang-go, python3-pytest, python3-jsonschema, python3-yaml.
"""

import os
import shutil
import sys

import pytest

import fetch
import manifests


def without(what):
    if os.environ.get("REQUIRE_KAFKA") == "1":
        pytest.fail(f"REQUIRE_KAFKA=1 and there is no {what}", pytrace=False)
    print(f"\n*** NO {what}: tests of k8s/ are SKIPPED ***", file=sys.__stderr__, flush=True)
    pytest.skip(f"NO {what}")


@pytest.fixture(scope="session", autouse=True)
def tools():
    if not fetch.complete():
        without("kustomize and schemas in build/k8s (tests/k8s/fetch.py gets them)")


@pytest.fixture
def program():
    path = os.environ.get("KAFKA_HTTP_SINK")
    if not path:
        without("program: KAFKA_HTTP_SINK is not set")
    return path


@pytest.fixture
def copy(tmp_path):
    """A copy of k8s/ to spoil."""
    return shutil.copytree(manifests.ROOT, tmp_path / "k8s")
