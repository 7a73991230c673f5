#!/usr/bin/env python3
"""Runs the fuzz targets of preset `fuzz`, each for some time, and prints their results.

The planted faults come first, because a run without findings only means something if faults are found. Findings are
kept in BUILD/found/TARGET, learned inputs in BUILD/corpus/TARGET, where the next run continues. Exit code 1: a fault was
found, or a planted one was not.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import figures  # noqa: E402

LONG_RUN = 600  # seconds per target
LARGEST = 4096  # bytes per input
SLOWEST = 10  # seconds per input
# Fault planted in planted_bug.cc -> text in the output when it is found.
PLANTED = {"overflow": "heap-buffer-overflow", "undefined": "signed integer overflow", "leak": "detected memory leaks",
           "check": "does not hold", "hang": "libFuzzer: timeout"}
# Column -> pattern of a statistic in the output of libFuzzer; the last match counts.
FIGURES = {"executions": r"^stat::number_of_executed_units: *(\d+)", "exec/s": r"^stat::average_exec_per_sec: *(\d+)",
           "edges": r"\bcov: (\d+)", "corpus": r"\bcorp: (\d+)"}


def targets():
    return sorted(path.name for path in (HERE / "corpus").iterdir() if path.is_dir())


def fuzz(build, target, *options, corpora=(), environment=None):
    """Runs libFuzzer; returns its exit code and output."""
    found = build / "found" / target
    found.mkdir(parents=True, exist_ok=True)
    dictionary = HERE / f"{target}.dict"
    if dictionary.exists():
        options += (f"-dict={dictionary}",)
    command = [build / "tests/fuzz" / f"fuzz_{target}", f"-artifact_prefix={found}/", "-print_final_stats=1",
               f"-max_len={LARGEST}", "-rss_limit_mb=2048", *options, *corpora]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         env={**os.environ, **(environment or {})}, check=False)
    text = run.stdout.decode(errors="replace")
    (found / "log").write_text(text)
    return run.returncode, text


def planted_fault_is_found(build, fault, words):
    # Starts with two correct bytes, so that a few thousand inputs find the third.
    seeds = build / "corpus" / "planted_bug"
    seeds.mkdir(parents=True, exist_ok=True)
    (seeds / "start").write_bytes(b"kh_")
    code, text = fuzz(build, "planted_bug", "-runs=2000000", "-max_total_time=60", "-timeout=2", corpora=[seeds],
                      environment={"PLANTED": fault})
    if code != 0 and words in text:
        return True
    print(text[-3000:], f"planted fault '{fault}' was not found (exit code {code})", sep="\n")
    return False


def run_target(build, target, seconds):
    """Returns a row of figures, and whether nothing was found."""
    learned = build / "corpus" / target
    learned.mkdir(parents=True, exist_ok=True)
    code, text = fuzz(build, target, f"-max_total_time={seconds}", f"-timeout={SLOWEST}",
                      corpora=[learned, HERE / "corpus" / target])
    row = [target]
    for pattern in FIGURES.values():
        matches = re.findall(pattern, text, re.M)
        row.append(f"{int(matches[-1]):,}" if matches else "–")
    print(f"{target}: {row[1]} executions", flush=True)
    if code != 0:
        print(f"{text[-6000:]}\n{target}: FAULT FOUND (exit code {code}); the input is in {build / 'found' / target}. "
              f"Once fixed, keep it in tests/fuzz/corpus/{target} under a descriptive name.", flush=True)
    return row, code == 0


def table(rows):
    lines = ["| target | " + " | ".join(FIGURES) + " |", "|---|" + "--:|" * len(FIGURES)]
    return "\n".join(lines + ["| " + " | ".join([f"`{row[0]}`", *row[1:]]) + " |" for row in rows])


def merge(build, names, most):
    """Adds the smallest learned inputs that reach more code than the seeds, up to `most` files."""
    for target in names:
        seeds = HERE / "corpus" / target
        candidates = build / "candidates" / target
        candidates.mkdir(parents=True, exist_ok=True)
        for path in candidates.iterdir():
            path.unlink()
        code, text = fuzz(build, target, "-set_cover_merge=1", "-max_len=300", corpora=[candidates, seeds,
                                                                                        build / "corpus" / target])
        if code != 0:
            sys.exit(text[-3000:])
        known = {path.read_bytes() for path in seeds.iterdir()}
        room = most - len(known)
        new = sorted((path for path in candidates.iterdir() if path.read_bytes() not in known),
                     key=lambda path: path.stat().st_size)
        for path in new[:max(room, 0)]:
            (seeds / f"learnt-{path.name[:8]}").write_bytes(path.read_bytes())
        print(f"{target}: {len(new)} inputs reach more code than the seeds, {min(len(new), max(room, 0))} added")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=20, help="per target; default %(default)s")
    parser.add_argument("--target", action="append", help="run only this one; can be repeated")
    parser.add_argument("--jobs", type=int, default=1, help="concurrent targets; default %(default)s")
    parser.add_argument("--keep", action="store_true",
                        help=f"write the table into tests/README.md, like every run of {LONG_RUN} s per target")
    parser.add_argument("--merge", action="store_true", help="do not fuzz but extend the seeds")
    parser.add_argument("--most", type=int, default=50, help="maximum seeds per target after a merge; default %(default)s")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    names = arguments.target or targets()
    unknown = set(names) - set(targets())
    if unknown:
        parser.error(f"unknown target: {', '.join(sorted(unknown))}; targets: {', '.join(targets())}")
    if arguments.merge:
        merge(build, names, arguments.most)
        return 0
    for fault, words in PLANTED.items():
        if not planted_fault_is_found(build, fault, words):
            return 1
    print(f"planted faults were found: {', '.join(PLANTED)}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda target: run_target(build, target, arguments.seconds), names))
    rows, sound = [row for row, _ in results], all(nothing_found for _, nothing_found in results)
    print("\n" + table(rows))
    if sound and names == targets() and (arguments.keep or arguments.seconds >= LONG_RUN):
        figures.keep("fuzz", f"{table(rows)}\n\n{arguments.seconds} s a target; no fault was found.")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
