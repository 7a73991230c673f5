#!/usr/bin/env python3
"""Runs the fuzz targets that preset `fuzz` has built, each for a while, and says what they did.

A run that finds nothing proves something only where a fault would be found, so the planted ones come first. What a
target finds is kept under BUILD/found/TARGET; the inputs that it learnt from under BUILD/corpus/TARGET, from where the
next run goes on. Exit code 1: a fault was found (or a planted one was not).
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

LONG_RUN = 600  # seconds a target
LARGEST = 4096  # bytes of an input
SLOWEST = 10  # seconds for one input
# A mistake planted in planted_bug.cc -> what the run says when it is found.
PLANTED = {"overflow": "heap-buffer-overflow", "undefined": "signed integer overflow", "leak": "detected memory leaks",
           "check": "does not hold", "hang": "libFuzzer: timeout"}
# Statistics of libFuzzer: column -> where it stands in its output; the last one counts.
FIGURES = {"executions": r"^stat::number_of_executed_units: *(\d+)", "exec/s": r"^stat::average_exec_per_sec: *(\d+)",
           "edges": r"\bcov: (\d+)", "corpus": r"\bcorp: (\d+)"}


def targets():
    return sorted(path.name for path in (HERE / "corpus").iterdir() if path.is_dir())


def fuzz(build, target, *options, corpora=(), environment=None):
    """libFuzzer's exit code and all it says."""
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


def planted_mistake_is_found(build, mistake, words):
    # From two bytes that are right on: finding the third is a matter of a few thousand inputs.
    seeds = build / "corpus" / "planted_bug"
    seeds.mkdir(parents=True, exist_ok=True)
    (seeds / "start").write_bytes(b"kh_")
    code, text = fuzz(build, "planted_bug", "-runs=2000000", "-max_total_time=60", "-timeout=2", corpora=[seeds],
                      environment={"PLANTED": mistake})
    if code != 0 and words in text:
        return True
    print(text[-3000:], f"planted mistake '{mistake}' was not found (exit code {code})", sep="\n")
    return False


def run_target(build, target, seconds):
    """A row of figures, and whether nothing was found."""
    learnt = build / "corpus" / target
    learnt.mkdir(parents=True, exist_ok=True)
    code, text = fuzz(build, target, f"-max_total_time={seconds}", f"-timeout={SLOWEST}",
                      corpora=[learnt, HERE / "corpus" / target])
    row = [target]
    for pattern in FIGURES.values():
        matches = re.findall(pattern, text, re.M)
        row.append(f"{int(matches[-1]):,}" if matches else "–")
    print(f"{target}: {row[1]} executions", flush=True)
    if code != 0:
        print(f"{text[-6000:]}\n{target}: FOUND SOMETHING (exit code {code}); the input is in {build / 'found' / target}. "
              f"Once mended, keep it in tests/fuzz/corpus/{target} under a name that says what it is.", flush=True)
    return row, code == 0


def table(rows):
    lines = ["| target | " + " | ".join(FIGURES) + " |", "|---|" + "--:|" * len(FIGURES)]
    return "\n".join(lines + ["| " + " | ".join([f"`{row[0]}`", *row[1:]]) + " |" for row in rows])


def merge(build, names, most):
    """Takes over from what was learnt the fewest small inputs that reach what the seeds don't, up to `most` files."""
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
        print(f"{target}: {len(new)} inputs reach more than the seeds, {min(len(new), max(room, 0))} taken over")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=20, help="a target; default %(default)s")
    parser.add_argument("--target", action="append", help="this one only; may be repeated")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time; default %(default)s")
    parser.add_argument("--keep", action="store_true",
                        help=f"write the table into tests/README.md, as a run of {LONG_RUN} s a target does by itself")
    parser.add_argument("--merge", action="store_true", help="don't look for faults: extend the seeds")
    parser.add_argument("--most", type=int, default=50, help="seeds of a target after a merge; default %(default)s")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    names = arguments.target or targets()
    unknown = set(names) - set(targets())
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(targets())}")
    if arguments.merge:
        merge(build, names, arguments.most)
        return 0
    for mistake, words in PLANTED.items():
        if not planted_mistake_is_found(build, mistake, words):
            return 1
    print(f"planted mistakes were found: {', '.join(PLANTED)}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda target: run_target(build, target, arguments.seconds), names))
    rows, sound = [row for row, _ in results], all(nothing_found for _, nothing_found in results)
    print("\n" + table(rows))
    if sound and names == targets() and (arguments.keep or arguments.seconds >= LONG_RUN):
        figures.keep("fuzz", f"{table(rows)}\n\n{arguments.seconds} s a target; no fault was found.")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
