"""Starts and stops the OAuth 2 authorization server of oauth/server.py, a process with packages of PyPI of its own.

The packages are fetched once, into $OAUTH_PYTHON (default: build/oauth-python). Without them the tests are skipped, or
fail if REQUIRE_KAFKA=1.
"""

import base64
import fcntl
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

import kafka_cluster
from waiting import eventually

HERE = pathlib.Path(__file__).resolve().parent
LIFETIME_OF_AN_OUTAGE = 90  # for be_down_for_a_minute
PACKAGES = ("authlib==1.3.2", "flask==3.0.3", "cryptography==43.0.3")


def python():
    """Returns an interpreter that has the packages."""
    directory = pathlib.Path(os.environ.get("OAUTH_PYTHON") or HERE.parents[1] / "build" / "oauth-python").resolve()
    complete, wanted = directory / ".complete", " ".join(PACKAGES)
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists() or complete.read_text() != wanted:
            for command in ([sys.executable, "-m", "venv", str(directory)],
                            [str(directory / "bin/pip"), "install", "-q", *PACKAGES]):
                done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, timeout=600)
                if done.returncode != 0:
                    kafka_cluster.without(f"no authorization server: {' '.join(command)}:\n{done.stdout[-2000:]}")
            complete.write_text(wanted)
    return directory / "bin/python"


def claims_of(token):
    """Returns the claims of a JWT, without checking its signature."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class AuthorizationServer:
    """The server. A client's secret is its id and `-secret`."""

    def __init__(self, directory, lifetime):
        self.directory, self.lifetime, self._process = directory, lifetime, None
        directory.mkdir()
        self.port, = kafka_cluster.load_node().free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}/token"
        self.start()

    def start(self):
        with open(self.directory / "log", "ab") as log:
            self._process = subprocess.Popen(
                [python(), HERE / "oauth/server.py", "--directory", self.directory, "--port", str(self.port),
                 "--lifetime", str(self.lifetime)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self._is_ready, lambda: f"the authorization server:\n{(self.directory / 'log').read_text()[-2000:]}")

    def _is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self):
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def be_down_for_a_minute(self, has_failed):
        """Is down while the renewal of the newest token is due. Tokens must live for LIFETIME_OF_AN_OUTAGE seconds."""
        begin = self.issued()[-1]["time"] + LIFETIME_OF_AN_OUTAGE * 0.8 - 57
        time.sleep(max(0, begin - time.time()))
        self.stop()
        eventually(has_failed, "a failed renewal", timeout=90)
        time.sleep(max(0, begin + 60 - time.time()))
        self.start()

    def issued(self):
        """Returns the tokens so far, each with `time`, `client`, `audience` and `token`."""
        file = self.directory / "issued"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def is_valid(self, header):
        """Returns whether an Authorization header has a token of this server that has not expired."""
        kind, _, token = (header or "").partition(" ")
        return kind == "Bearer" and token.count(".") == 2 and time.time() < claims_of(token)["exp"]

    @property
    def jwks(self):
        return self.directory / "jwks.json"
