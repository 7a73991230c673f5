#!/usr/bin/python3
"""The long form: round after round of other seeds, and a table of what was injected and what came of it.

    KAFKA_HTTP_SINK=... run.py [--rounds 10] [--seconds 120] [--seed 1] [--write]

`--write` puts the table into tests/README.md. Every round ends with its judgement; the first that is
not clean ends the run. `--seed N --rounds 1` plays the one round of a seed again.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE)]

import figures  # noqa: E402
import kafka_cluster  # noqa: E402
from chaos_round import BROKER, play  # noqa: E402


def table(rows, told, minutes, seeds, version):
    """In Markdown. `told` counts records, requests, what was removed, and the reasons of repeats."""
    reasons = "; ".join(f"{count:,} {why}" for why, count in sorted(told["repeats"].items())) or "none"
    lines = [f"{len(seeds)} rounds, seeds {seeds[0]} to {seeds[-1]}, {minutes:.0f} minutes, {version}: "
             f"{told['records']:,} records, {told['requests']:,} requests. {told['counted']:,} were removed before "
             f"they were delivered, and reported; {told['unseen']:,} went with a topic or partition that no process "
             f"was left to miss. Repeats: {reasons}.", "",
             "| fault | times injected | records under way meanwhile | reported as lost | lost | unexplained repeats |",
             "|---|---|---|---|---|---|"]
    lines += [f"| {kind} | {' | '.join(f'{value:,}' for value in row)} |" for kind, row in sorted(rows.items())]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=120, help="of faults, a round")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    binary = pathlib.Path(os.environ["KAFKA_HTTP_SINK"]).resolve()
    version = subprocess.run([binary, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split(" (")[0]
    rows, seeds = {}, []
    told = {"records": 0, "requests": 0, "counted": 0, "unseen": 0, "repeats": collections.Counter()}
    began = time.monotonic()
    broker = kafka_cluster.load_node().Broker(settings=BROKER)
    with contextlib.ExitStack() as ending:
        ending.callback(broker.stop)
        for seed in range(options.seed, options.seed + options.rounds):
            seeds.append(seed)
            with tempfile.TemporaryDirectory() as directory:
                played = play(binary, broker, pathlib.Path(directory), seed, options.seconds)
            for kind, row in played.rows.items():
                rows[kind] = tuple(map(sum, zip(rows.get(kind, (0,) * len(row)), row)))
            for what in told:
                told[what] += getattr(played, what)
            if played.problems:
                break
    text = table(rows, told, (time.monotonic() - began) / 60, seeds, version)
    print(text)
    played.must_be_clean()
    if options.write:
        figures.keep("chaos", text)


if __name__ == "__main__":
    main()
