"""The program under test: its definitions, process, log and metrics."""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import metrics_text
import ports
from waiting import PATIENCE, eventually

_FIELD = re.compile(r'([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|\S*)')
_BARE_KEY = re.compile(r"[A-Za-z0-9_.-]+$")
CRASH_WORDS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:", "terminate called",
               "Assertion `")


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml_value(one)}" for key, one in value.items()) + " }"
    return json.dumps(str(value))


def toml(keys):
    """Returns one `key = value` per line; a dotted key is quoted if it would conflict with a shorter one."""
    lines = []
    for key, value in keys.items():
        clashes = any(other != key and key.startswith(other + ".") for other in keys)
        name = json.dumps(key) if clashes or not _BARE_KEY.match(key) else key
        lines.append(f"{name} = {toml_value(value)}\n")
    return "".join(lines)


def clean_environment(**added):
    """Returns this environment without variables that would override the program's configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAFKA_HTTP_SINK")}
    return {**kept, **added}


class Log:
    """The lines that a process writes to a pipe, readable while it runs."""

    def __init__(self, pipe):
        self.lines = []
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def _read(self, pipe):
        for line in pipe:
            self.lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
        pipe.close()

    def join(self):
        self._reader.join(10)

    def find(self, *words):
        """Returns the lines that contain all of the words, case-insensitively."""
        return [line for line in list(self.lines) if all(word.lower() in line.lower() for word in words)]

    def wait_for(self, *words, timeout=PATIENCE):
        return eventually(lambda: self.find(*words), lambda: f"a line with {words} in:\n{self.tail()}", timeout)

    def tail(self, count=40):
        return "\n".join(self.lines[-count:])


def fields(line):
    """Returns the key=value pairs of a logfmt line."""
    found = {}
    for name, value in _FIELD.findall(line):
        found[name] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
    return found


class Sidecar:
    """One configuration of the program, with at most one process at a time."""

    def __init__(self, binary, directory, bootstrap=None):
        self.binary = str(binary)
        self.directory = pathlib.Path(directory)
        self.connectors = self.directory / "connectors"
        self.state = self.directory / "state"
        self.secrets = self.directory / "secrets"
        for one in (self.connectors, self.state, self.secrets):
            one.mkdir(parents=True)
        self.settings = {"connectors.dir": str(self.connectors), "state.dir": str(self.state), "rest.listen": "",
                         "secrets.dirs": [str(self.secrets)]}
        if bootstrap:
            self.settings["kafka.bootstrap.servers"] = bootstrap
        self.process = None
        self.log = None
        self.port = None

    # Definitions

    def connector(self, name, topic, endpoint, keys=None, **dotted):
        """Writes connectors/NAME.toml. `endpoint` is an Endpoint or a URL; dotted keys can be given as a__b=…"""
        url = endpoint if isinstance(endpoint, str) else endpoint.url
        definition = {"topics": topic, "callback.request.url": url}
        if topic is None:
            del definition["topics"]
        definition.update(keys or {})
        definition.update({key.replace("__", "."): value for key, value in dotted.items()})
        self.write(name, toml(definition))

    def write(self, name, text):
        """Writes a definition by renaming a new file over the old one."""
        whole = self.connectors / f".{name}.new"
        whole.write_text(text)
        whole.rename(self.connectors / f"{name}.toml")

    def remove(self, name):
        (self.connectors / f"{name}.toml").unlink()

    # The process

    def start(self, *arguments, environment=None, wait=True):
        """Starts the process, and with `wait` waits until /startupz succeeds."""
        assert self.process is None, "it is already running"
        if "metrics.listen" not in self.settings or self.port is not None:
            self.port = ports.free_port()
            self.settings["metrics.listen"] = f"127.0.0.1:{self.port}"
        config = self.directory / "sidecar.toml"
        config.write_text(toml(self.settings))
        command, variables = self._launch(config, arguments, environment or {})
        self.process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.out, self.log = Log(self.process.stdout), Log(self.process.stderr)
        if wait:
            self.wait_for_probe("/startupz")
        return self

    def _launch(self, config, arguments, environment):
        """Returns the command line and the environment of the process."""
        return [self.binary, "run", "--config", str(config), *arguments], clean_environment(**environment)

    def wait_for_probe(self, path, status=200):
        eventually(lambda: self._alive() and self.probe(path) == status,
                   lambda: f"{path} answers {status}; log:\n{self.log.tail()}")

    def _alive(self):
        assert self.process.poll() is None, f"ended with {self.process.returncode}; log:\n{self.log.tail()}"
        return True

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        self.signal(signal.SIGHUP)

    def wait_exit(self, timeout=PATIENCE):
        """Waits until the process ends; returns the exit code (negative: the signal that killed it)."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s; log:\n{self.log.tail()}") from None
        self.log.join()
        self.out.join()
        crash = [line for line in self.log.lines for word in CRASH_WORDS if word in line]
        assert not crash, f"{crash[0]}\n{self.log.tail(80)}"
        self.process = None
        return code

    def stop(self, timeout=PATIENCE):
        """Stops the process gracefully, which must succeed. Returns the seconds that it took."""
        asked = time.monotonic()
        self.signal(signal.SIGTERM)
        code = self.wait_exit(timeout)
        assert code == 0, f"exit code {code}; log:\n{self.log.tail()}"
        return time.monotonic() - asked

    def kill(self):
        self.signal(signal.SIGKILL)
        code = self.wait_exit()
        assert code == -signal.SIGKILL, f"it had already ended with {code}; log:\n{self.log.tail()}"

    def restart(self):
        self.stop()
        return self.start()

    def end_of_test(self):
        """A process that the test left running must still run, and must stop cleanly."""
        if self.process is None:
            return
        try:
            self._alive()
            self.stop()
        finally:
            if self.process and self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    # Probes and metrics

    def get(self, path):
        """GETs from the metrics listener: status, headers (lower-case names) and text; (None, {}, "") if refused."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, response.read().decode()
        except (OSError, http.client.HTTPException):
            return None, {}, ""
        finally:
            connection.close()

    def probe(self, path):
        return self.get(path)[0]

    def metrics(self):
        status, _, text = self.get("/metrics")
        assert status == 200, f"/metrics answers {status}; log:\n{self.log.tail()}"
        return metrics_text.Metrics(text)

    def value(self, name, **labels):
        return self.metrics().value(name, **labels)

    def wait_for_value(self, wanted, name, timeout=PATIENCE, **labels):
        eventually(lambda: self.value(name, **labels) == wanted,
                   lambda: f"{name}{labels} = {wanted}; actual: {self.value(name, **labels)}; log:\n{self.log.tail()}",
                   timeout)

    def wait_running(self, *connectors):
        """Waits until each of them runs and has partitions."""
        for connector in connectors:
            eventually(lambda: self.value("connector_state", connector=connector, state="running") == 1
                       and (self.value("assigned_partitions", connector=connector) or 0) > 0,
                       lambda: f"{connector} runs with partitions; log:\n{self.log.tail()}")
