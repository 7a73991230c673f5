"""Tests of the image: its contents, and that it works with minimal privileges.

    make image-test

IMAGE        the archive under test (build/image/kafka-http-sink-RELEASE.tar)
PYSPDXTOOLS  the validator of SPDX documents (PyPI's spdx-tools)

They need root, because the files of the image have several owners and runc starts containers.
"""

import os

import pytest

from container import Container
from endpoint import Endpoint
from image import Image


def named(variable):
    value = os.environ.get(variable)
    if not value or not os.path.exists(value):
        pytest.fail(f"{variable} must name a file; it is {value!r}. `make image-test` sets it.", pytrace=False)
    return value


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    root = tmp_path_factory.mktemp("image") / "root"
    root.mkdir()
    return Image(named("IMAGE"), root)


@pytest.fixture(scope="session")
def spdx_validator():
    return named("PYSPDXTOOLS")


@pytest.fixture
def container(image, tmp_path):
    """A container with all mounts, not started."""
    one = Container(image, tmp_path / "container")
    yield one
    one.end_of_test()


@pytest.fixture
def stateless_container(image, tmp_path):
    """A container without a volume for its state, not started."""
    one = Container(image, tmp_path / "container", state_mounted=False)
    yield one
    one.end_of_test()


@pytest.fixture
def endpoint():
    with Endpoint() as server:
        yield server
