"""The program as the sidecar of a pod: with its ConfigMap volume and REST listener, and stopped like by a kubelet."""

import signal
import subprocess
import time

import ports
from endpoint import DELIVERED
from observing import in_time
from sidecar import Sidecar, clean_environment
from volume import Volume
from waiting import PATIENCE, eventually

LEFT = 2.0      # minimum seconds between SIGTERM and SIGKILL, if the app has used up the grace period of the pod


class Pod:
    """One process and its volumes. `files` is the initial content of the ConfigMap; None: it does not exist."""

    def __init__(self, binary, directory, bootstrap, files=None, **settings):
        self.sidecar = Sidecar(binary, directory, bootstrap)
        self.volume = Volume(self.sidecar.connectors)
        self.volume.update(files or {})
        self.url = f"http://127.0.0.1:{ports.free_port()}"
        self.sidecar.settings["rest.listen"] = self.url.removeprefix("http://")
        self.sidecar.settings.update({key.replace("__", "."): value for key, value in settings.items()})

    def start(self, wait=True):
        self.sidecar.start(wait=wait)
        return self

    def begin_drain(self):
        """Starts the preStop hook and returns its process."""
        return subprocess.Popen([self.sidecar.binary, "drain", "--url", self.url], env=clean_environment(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def drain(self):
        """Runs the preStop hook and returns its exit code and output."""
        hook = self.begin_drain()
        said = hook.communicate(timeout=PATIENCE)[0]
        return hook.returncode, said

    def wait_until_draining(self):
        eventually(lambda: self.sidecar.probe("/readyz") == 503, "it drains")

    def terminate(self):
        """Sends SIGTERM: the process must exit with 0, with STRICT_TIMES=1 within 2 s."""
        asked = time.monotonic()
        self.sidecar.signal(signal.SIGTERM)
        code = self.sidecar.wait_exit()
        assert code == 0, f"exit code {code}; log:\n{self.tail()}"
        in_time("from SIGTERM to the end", time.monotonic() - asked, bound=LEFT, generous=20)

    def end(self):
        """Runs preStop, then sends SIGTERM."""
        code, said = self.drain()
        assert (code, said) == (0, "drained\n"), f"{code}, {said}; log:\n{self.tail()}"
        self.terminate()

    def tail(self):
        return self.sidecar.log.tail()


def delivered(endpoint, topic, partition):
    """Returns the offsets that the endpoint accepted, in the order of its answers."""
    return [one.offset for one in endpoint.of(topic, partition) if one.answered and one.answer.body == DELIVERED.body]
