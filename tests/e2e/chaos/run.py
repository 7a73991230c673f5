#!/usr/bin/python3
"""Plays chaos rounds with successive seeds, and prints a table of the faults and their effects.

    KAFKA_HTTP_SINK=... run.py [--rounds 10] [--seconds 120] [--seed 1] [--write]

`--write` puts the table into tests/README.md. The first round with a violation ends the run. `--seed N --rounds 1`
repeats the round of one seed.
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


def table(rows, totals, minutes, seeds, version):
    """Returns the table in Markdown. `totals`: records, requests, lost records, and explanation -> repeats."""
    repeats = "; ".join(f"{count:,} {explanation}" for explanation, count in sorted(totals["repeats"].items()))
    lines = [f"{len(seeds)} rounds, seeds {seeds[0]} to {seeds[-1]}, {minutes:.0f} minutes, {version}: "
             f"{totals['records']:,} records, {totals['requests']:,} requests. {totals['reported_lost']:,} were removed "
             f"before delivery and reported as lost; {totals['unnoticed']:,} were deleted with their topic or partition "
             f"while no process could notice. Repeats: {repeats or 'none'}.", "",
             "| fault | times injected | records under way meanwhile | reported as lost | lost | unexplained repeats |",
             "|---|---|---|---|---|---|"]
    lines += [f"| {kind} | {' | '.join(f'{value:,}' for value in row)} |" for kind, row in sorted(rows.items())]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=120, help="duration of each round")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    binary = pathlib.Path(os.environ["KAFKA_HTTP_SINK"]).resolve()
    version = subprocess.run([binary, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split(" (")[0]
    rows, seeds = {}, []
    totals = {"records": 0, "requests": 0, "reported_lost": 0, "unnoticed": 0, "repeats": collections.Counter()}
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
            for what in totals:
                totals[what] += getattr(played, what)
            if played.problems:
                break
    text = table(rows, totals, (time.monotonic() - began) / 60, seeds, version)
    print(text)
    played.must_have_no_problems()
    if options.write:
        figures.keep("chaos", text)


if __name__ == "__main__":
    main()
