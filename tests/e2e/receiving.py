"""Receivers of webhooks and CloudEvents: libraries that others wrote, which receivers/fetch.py fetches."""

import base64
import importlib.util
import json
import os
import pathlib
import subprocess

import pytest

_HERE = pathlib.Path(__file__).resolve().parent / "receivers"
LANGUAGES = ["python", "javascript"]


def _load_fetch():
    spec = importlib.util.spec_from_file_location("receivers_fetch", _HERE / "fetch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def need_libraries():
    """Skips the test without the libraries, or fails it with REQUIRE_KAFKA=1."""
    if _load_fetch().complete():
        return
    text = "NO LIBRARIES OF RECEIVERS: run tests/e2e/receivers/fetch.py"
    if os.environ.get("REQUIRE_KAFKA") == "1":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def receive(language, kind, requests, secret=None):
    """Returns what a receiver makes of requests: see receivers/receive.py for the kinds."""
    fetched = _load_fetch()
    command = {"python": [fetched.PYTHON, _HERE / "receive.py"], "javascript": ["node", _HERE / "receive.cjs"]}[language]
    given = [{"headers": one.headers, "body": base64.b64encode(one.body).decode(), "secret": secret} for one in requests]
    done = subprocess.run([*map(str, command), kind], input=json.dumps(given), text=True, check=False, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, "NODE_PATH": str(fetched.NODE_MODULES)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_valid(kind, requests, secret, languages=("python",)):
    """Asserts that receivers with this secret accept all of the requests."""
    assert requests
    for language in languages:
        assert receive(language, kind, requests, secret) == ["valid"] * len(requests), language


def assert_refused(kind, requests, secret, languages=("python",)):
    """Asserts that receivers with this secret refuse each of the requests because of its signature."""
    assert requests
    for language in languages:
        for result in receive(language, kind, requests, secret):
            assert "matching" in result, f"{language}: {result}"
