"""Tests of k8s/ without a cluster: kustomize renders it, the official schemas validate it, unknown fields are rejected.

    /usr/bin/python3 tests/k8s/fetch.py && /usr/bin/python3 -m pytest tests/k8s

KAFKA_HTTP_SINK  the program, which checks the definitions and sidecar.toml; without it those tests are skipped or fail
REQUIRE_KAFKA=1  fail if something is missing; otherwise those tests are skipped with a message

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
    """A copy of k8s/ that the test may change."""
    return shutil.copytree(manifests.ROOT, tmp_path / "k8s")
