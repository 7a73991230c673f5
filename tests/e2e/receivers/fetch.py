#!/usr/bin/env python3
"""Fetches the libraries of receivers once, into build/receivers: from PyPI and from npm, pinned by requirements.txt and
package-lock.json.

    fetch.py    fetch what is missing; exit 77 (skipped, with a message) if that fails and REQUIRE_KAFKA is not 1
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[2] / "build" / "receivers"
PYTHON = BUILD / "python" / "bin" / "python"
NODE_MODULES = BUILD / "node" / "node_modules"
STAMP = BUILD / "fetched"  # written last
PINS = ("requirements.txt", "package.json", "package-lock.json")
SKIPPED = 77


def pins():
    return "\n".join((HERE / name).read_text() for name in PINS)


def complete():
    return STAMP.exists() and STAMP.read_text() == pins()


def run(*command, **options):
    subprocess.run([str(one) for one in command], check=True, **options)


def fetch():
    if complete():
        return
    shutil.rmtree(BUILD, ignore_errors=True)
    NODE_MODULES.parent.mkdir(parents=True)
    # Debian's Python, and not another one in PATH.
    run("/usr/bin/python3", "-m", "venv", BUILD / "python")
    run(PYTHON, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check", "-r", HERE / "requirements.txt")
    for name in PINS[1:]:
        shutil.copy(HERE / name, NODE_MODULES.parent)
    run("npm", "ci", "--loglevel=error", "--ignore-scripts", "--no-audit", "--no-fund", cwd=NODE_MODULES.parent)
    STAMP.write_text(pins())


def main():
    try:
        fetch()
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"NO LIBRARIES OF RECEIVERS: {problem}", file=sys.stderr)
        if os.environ.get("REQUIRE_KAFKA") == "1":
            print("This is a failure because REQUIRE_KAFKA=1.", file=sys.stderr)
            return 1
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
