"""The program in its image, confined like in a strict cluster."""

import json
import os
import pathlib
import subprocess
import uuid

from sidecar import Sidecar
from waiting import eventually

UID = 65532
CONFIGURATION = "/etc/kafka-http-sink"
STATE = "/var/lib/kafka-http-sink"


class Container(Sidecar):
    """A runc container: read-only root, uid 65532, no capabilities, no new privileges, and the network of the machine.

    The definitions, the secrets and sidecar.toml are mounted read-only over those of the image. `state_mounted` adds an
    in-memory volume for the state. Everything else is configured by the image.
    """

    def __init__(self, image, directory, state_mounted=True):
        super().__init__(None, directory)
        self.image = image
        self.settings = {"rest.listen": ""}
        self.state_mounted = state_mounted
        self.mounts = []            # additional mounts, in the format of the runtime specification
        self._runc = ["runc", "--root", str(self.directory / "runc")]
        self._name = None
        os.chmod(self.directory, 0o755)

    def command(self, *arguments, environment=None):
        """Runs a command in a new container and returns its subprocess.CompletedProcess, with text."""
        return subprocess.run(self._bundle(arguments, environment or {}), capture_output=True, text=True, timeout=120,
                              check=False)

    def execute(self, *arguments):
        """Runs another instance of the program in the running container."""
        return subprocess.run([*self._runc, "exec", self._name, *self.image.config["Entrypoint"], *arguments],
                              capture_output=True, text=True, timeout=120, check=False)

    @property
    def proc(self):
        """The /proc/PID of the program on this machine."""
        file = self.directory / "pid"
        return pathlib.Path("/proc") / eventually(lambda: file.exists() and file.read_text(), "the program's pid")

    def end_of_test(self):
        try:
            super().end_of_test()
        finally:
            if self._name:
                subprocess.run([*self._runc, "delete", "--force", self._name], check=True, timeout=60)

    def _launch(self, config, arguments, environment):
        # The runtime inherits the environment of this process; the bundle has that of the program.
        return self._bundle(("run", *arguments), environment, config), None

    def _bundle(self, arguments, environment, config=None):
        """Writes the runtime configuration; returns the command that runs it and exits with the code of the program."""
        image = self.image.config
        uid, gid = (int(one) for one in image["User"].split(":"))
        mounts = [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
            self._read_only(self.connectors, f"{CONFIGURATION}/connectors"),
            self._read_only(self.secrets, f"{CONFIGURATION}/secrets"),
            *self.mounts]
        if config:
            mounts.append(self._read_only(config, f"{CONFIGURATION}/sidecar.toml"))
        if self.state_mounted:
            mounts.append({"destination": STATE, "type": "tmpfs", "source": "tmpfs",
                           "options": ["nosuid", "nodev", "noexec", f"uid={uid}", f"gid={gid}", "mode=700"]})
        specification = {
            "ociVersion": "1.0.0",
            "root": {"path": str(self.image.root), "readonly": True},
            "process": {
                "user": {"uid": uid, "gid": gid},
                "args": [*image["Entrypoint"], *arguments],
                "env": [*image["Env"], *(f"{name}={value}" for name, value in environment.items())],
                "cwd": image.get("WorkingDir") or "/",
                "capabilities": {},
                "noNewPrivileges": True,
            },
            "mounts": mounts,
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]},
        }
        (self.directory / "config.json").write_text(json.dumps(specification))
        self._name = f"kafka-http-sink-{uuid.uuid4().hex}"
        (self.directory / "pid").unlink(missing_ok=True)
        return [*self._runc, "run", "--bundle", str(self.directory), "--pid-file", str(self.directory / "pid"),
                self._name]

    @staticmethod
    def _read_only(source, destination):
        return {"destination": destination, "type": "bind", "source": str(source),
                "options": ["bind", "ro", "nosuid", "nodev"]}
