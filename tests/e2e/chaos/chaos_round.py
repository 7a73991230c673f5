"""One round: a seed's faults done to a world of its own, and the judgement of what came of it."""

import dataclasses
import os
import pathlib
import pickle

import ledger
from faults import Chaos, cease
from schedule import KINDS, schedule
from world import World

# What was killed may come back after this, and not after 9 s.
BROKER = ("broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500")


@dataclasses.dataclass
class Played:
    rows: dict          # of ledger.table
    records: int
    requests: int
    counted: int        # removed before they were delivered, and reported as lost
    unseen: int         # went with their topic while no process knew of them
    repeats: dict       # reason -> count
    problems: list      # texts: what the program did wrong

    def must_be_clean(self):
        assert not self.problems, f"{len(self.problems)} problems:\n" + "\n".join(self.problems[:20])


def play(binary, broker, directory, seed, seconds):
    """Prints what happens. Fails when the round can't be judged: a process that hangs, crashes or ends with an error.

    CHAOS_KEEP=DIR keeps the books (pickle) and the logs there, for a second look.
    """
    keep = os.environ.get("CHAOS_KEEP")
    with World(binary, broker, directory, volume=seed % 2 == 1) as world:
        kinds = KINDS
        if not world.undo_disk:
            kinds = [kind for kind in KINDS if kind != "state disk full"]
            print("\n*** NO FILE SYSTEM MAY BE MOUNTED HERE: the fault 'state disk full' is LEFT OUT ***", flush=True)
        faults = schedule(seed, seconds, kinds)
        print(f"\nseed {seed}, {seconds} s:", *faults, sep="\n", flush=True)
        try:
            world.start()
            Chaos(world, faults).run()
            cease(world)
            world.drain()
            books = world.books()
        finally:
            for life in (one for member in world.members for one in member.lives if keep):
                pathlib.Path(keep, f"log-{seed}-{life.name}").write_text("\n".join(life.lines))
    if keep:
        pathlib.Path(keep, f"books-{seed}.pickle").write_bytes(pickle.dumps(books))
    verdict = ledger.judge(books)
    rows = ledger.table([one.kind for one in faults], books, verdict)
    print(f"{len(books.acked)} records, {len(books.attempts)} requests, {len(verdict.repeats)} repeats "
          f"{dict(verdict.explanations())}; {len(verdict.counted)} counted as lost, {len(verdict.unseen)} unseen")
    for kind, row in rows.items():
        print(f"{kind:28}", *(f"{value:>8}" for value in row))
    return Played(rows, len(books.acked), len(books.attempts), len(verdict.counted), len(verdict.unseen),
                  verdict.explanations(), verdict.problems())
