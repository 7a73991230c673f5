"""A ConfigMap or Secret volume, updated as kubelet updates it (its AtomicWriter)."""

import itertools
import os
import shutil


class Volume:
    """The directory of a volume: `..data` is a symlink to a versioned directory, and each key is a symlink into it."""

    def __init__(self, directory):
        self.directory = directory
        self.directory.mkdir(exist_ok=True)
        self.updates = 0
        self._versions = itertools.count()

    def update(self, texts, links_first=False):
        """Replaces the content. `links_first`: new keys are linked before the swap, like in old versions of kubelet."""
        old = self.directory / os.readlink(self.directory / "..data") if self.updates else None
        whole = self.directory / f"..2026_01_01_{next(self._versions):09}"
        whole.mkdir()
        for key, text in texts.items():
            (whole / key).write_text(text)
        if links_first:
            self._link(texts)
        (self.directory / "..data_tmp").symlink_to(whole.name)
        (self.directory / "..data_tmp").rename(self.directory / "..data")
        if not links_first:
            self._link(texts)
        for one in self.directory.iterdir():
            if not one.name.startswith("..") and one.name not in texts:
                one.unlink()
        if old:
            shutil.rmtree(old)
        self.updates += 1

    def _link(self, keys):
        for key in keys:
            if not (self.directory / key).is_symlink():
                (self.directory / key).symlink_to(f"..data/{key}")
