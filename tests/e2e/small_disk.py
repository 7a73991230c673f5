"""A file system that is soon full, and a disk that is."""

import subprocess


def mount_small_disk(directory, size="256k"):
    """Makes the directory a small file system, if that may be; returns how to undo that, or None."""
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)], check=False,
                           capture_output=True)
    return None if mount.returncode else lambda: subprocess.run(["umount", "-l", str(directory)], check=True)


def fill_disk(directory):
    """The file that takes all that is left, to the last byte."""
    filler = directory / "filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    return filler
