"""Plays one round: injects the faults of a seed into a new World and checks the history."""

import dataclasses
import os
import pathlib
import pickle

import checker
from faults import Chaos, end_faults
from schedule import KINDS, schedule
from world import World

# Lets a killed broker rejoin after 3 s instead of 9 s.
BROKER = ("broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500")


@dataclasses.dataclass
class RoundResult:
    rows: dict          # see checker.table
    records: int
    requests: int
    reported_lost: int        # removed before delivery, and reported as lost as lost
    unnoticed: int         # deleted with their topic while no process could notice
    repeats: dict       # reason -> count
    problems: list      # texts: violations by the program

    def must_have_no_problems(self):
        assert not self.problems, f"{len(self.problems)} problems:\n" + "\n".join(self.problems[:20])


def play(binary, broker, directory, seed, seconds):
    """Plays a round and prints its results. Fails if a process hangs, crashes or ends with an error.

    CHAOS_KEEP=DIR keeps the history (pickle) and the logs there for inspection.
    """
    keep = os.environ.get("CHAOS_KEEP")
    with World(binary, broker, directory, volume=seed % 2 == 1) as world:
        kinds = KINDS
        if not world.undo_disk:
            kinds = [kind for kind in KINDS if kind != "state disk full"]
            print("\n*** CANNOT MOUNT A FILE SYSTEM: the fault 'state disk full' is SKIPPED ***", flush=True)
        faults = schedule(seed, seconds, kinds)
        print(f"\nseed {seed}, {seconds} s:", *faults, sep="\n", flush=True)
        try:
            world.start()
            Chaos(world, faults).run()
            end_faults(world)
            world.drain()
            history = world.history()
        finally:
            for process in (one for member in world.members for one in member.processes if keep):
                pathlib.Path(keep, f"log-{seed}-{process.name}").write_text("\n".join(process.lines))
    if keep:
        pathlib.Path(keep, f"history-{seed}.pickle").write_bytes(pickle.dumps(history))
    findings = checker.check(history)
    rows = checker.table([one.kind for one in faults], history, findings)
    print(f"{len(history.acked)} records, {len(history.attempts)} requests, {len(findings.repeats)} repeats "
          f"{dict(findings.explanations())}; {len(findings.reported_lost)} reported as lost, "
          f"{len(findings.unnoticed)} unnoticed")
    for kind, row in rows.items():
        print(f"{kind:28}", *(f"{value:>8}" for value in row))
    return RoundResult(rows, len(history.acked), len(history.attempts), len(findings.reported_lost),
                       len(findings.unnoticed), findings.explanations(), findings.problems())
