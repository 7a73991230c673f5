"""The program as the sidecar of a pod: its ConfigMap volume, its REST listener, and its end as a kubelet brings it."""

import signal
import subprocess
import time

import ports
from endpoint import DELIVERED
from observing import in_time
from sidecar import Sidecar, clean_environment
from volume import Volume
from waiting import PATIENCE, eventually

LEFT = 2.0      # seconds between SIGTERM and SIGKILL when the app has used up the pod's grace period


class Pod:
    """One process and its volumes. `files` is what the ConfigMap holds at first; none = it is optional and missing."""

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
        """The preStop hook: the program executed once more. Returns its process."""
        return subprocess.Popen([self.sidecar.binary, "drain", "--url", self.url], env=clean_environment(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def drain(self):
        """The preStop hook to its end; its exit code and what it said."""
        hook = self.begin_drain()
        said = hook.communicate(timeout=PATIENCE)[0]
        return hook.returncode, said

    def wait_until_draining(self):
        eventually(lambda: self.sidecar.probe("/readyz") == 503, "it drains")

    def terminate(self):
        """SIGTERM with 2 s left: the process ends with 0, and STRICT_TIMES=1 holds it to those 2 s."""
        asked = time.monotonic()
        self.sidecar.signal(signal.SIGTERM)
        code = self.sidecar.wait_exit()
        assert code == 0, f"exit code {code}; log:\n{self.tail()}"
        in_time("from SIGTERM to the end", time.monotonic() - asked, bound=LEFT, generous=20)

    def end(self):
        """preStop, then SIGTERM."""
        code, said = self.drain()
        assert (code, said) == (0, "drained\n"), f"{code}, {said}; log:\n{self.tail()}"
        self.terminate()

    def tail(self):
        return self.sidecar.log.tail()


def delivered(endpoint, topic, partition):
    """The offsets that the endpoint took and said so, in the order in which it did."""
    return [one.offset for one in endpoint.of(topic, partition) if one.answered and one.answer.body == DELIVERED.body]
