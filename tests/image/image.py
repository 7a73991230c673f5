"""The released image: the configuration in the archive, and the unpacked root directory."""

import json
import os
import pathlib
import stat
import subprocess
import tarfile

PROGRAM = "usr/bin/kafka-http-sink"
SPDX = "usr/share/doc/kafka-http-sink/packages.spdx.json"
DPKG = "var/lib/dpkg"


class Image:
    """Unpacks the archive (docker format) into `root` with owners and modes, which requires root."""

    def __init__(self, archive, root):
        self.root = pathlib.Path(root)
        self.size = 0               # bytes of the layers, like the image size in docker and podman
        with tarfile.open(archive) as file:
            manifest = json.load(file.extractfile("manifest.json"))[0]
            self.config = json.load(file.extractfile(manifest["Config"]))["config"]
            for name in manifest["Layers"]:
                layer = file.getmember(name)
                while layer.issym():
                    layer = file.getmember(os.path.normpath(os.path.join(os.path.dirname(layer.name), layer.linkname)))
                self.size += layer.size
                subprocess.run(["tar", "-x", "-p", "--numeric-owner", "-C", str(self.root)],
                               input=file.extractfile(layer).read(), check=True)

    def paths(self):
        """Yields every path in the image, relative to its root, with its lstat."""
        for directory, directories, files in os.walk(self.root):
            for name in directories + files:
                path = os.path.join(directory, name)
                yield os.path.relpath(path, self.root), os.lstat(path)

    def files(self):
        """Returns every path that is not a directory."""
        return {path for path, status in self.paths() if not stat.S_ISDIR(status.st_mode)}

    def elf_files(self):
        """Returns programs and shared libraries."""
        for path, status in self.paths():
            if stat.S_ISREG(status.st_mode):
                with open(self.root / path, "rb") as file:
                    if file.read(4) == b"\x7fELF":
                        yield path

    def packages(self):
        """Returns (name, version, architecture) of every package in the dpkg database."""
        listed = subprocess.run(["dpkg-query", f"--admindir={self.root / DPKG}", "-W", "-f",
                                 "${Package} ${Version} ${Architecture} ${db:Status-Status}\n"],
                                capture_output=True, text=True, check=True)
        found = set()
        for line in listed.stdout.splitlines():
            *package, state = line.split(" ")
            assert state == "installed", line
            found.add(tuple(package))
        return found
