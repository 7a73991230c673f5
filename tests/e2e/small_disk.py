"""Small and full file systems."""

import subprocess


def mount_small_disk(directory, size="256k"):
    """Mounts a small file system at the directory; returns a function that unmounts it, or None without permission."""
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)], check=False,
                           capture_output=True)
    return None if mount.returncode else lambda: subprocess.run(["umount", "-l", str(directory)], check=True)


def fill_disk(directory):
    """Creates a file that fills the file system, and returns it."""
    filler = directory / "filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    return filler
