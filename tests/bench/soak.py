#!/usr/bin/python3
"""Soak test: delivers half of the maximum rate while everything around the program changes.

    soak.py BINARY [--seconds 1800] [--seed 1]

Definitions are edited (in place and with a restart); connectors are added and removed, by file and by REST, paused,
resumed and restarted; secrets are rotated; a second process joins the groups and leaves or is killed; the disk of the
REST state is full; the broker is killed and restarted; and the endpoint of one connector refuses, hangs and fails.

Memory, threads and descriptors are sampled once a second. It prints their slopes over the last three quarters and the
medians of the second and the last quarter, and fails if one of them grows or a record is missing. A run of at least half
an hour updates tests/README.md.
"""

import argparse
import contextlib
import itertools
import pathlib
import random
import statistics
import sys
import tempfile
import threading
import time

import confluent_kafka

import rig

sys.path[:0] = [str(rig.ROOT / "tests" / "e2e"), str(rig.ROOT / "tests")]
import figures  # noqa: E402
from endpoint import DELIVERED, Answer, Endpoint  # noqa: E402
from kafka_cluster import KafkaCluster, load_node  # noqa: E402
from rest import Rest, definition  # noqa: E402
from sidecar import Sidecar  # noqa: E402
from small_disk import fill_disk, mount_small_disk  # noqa: E402
from waiting import eventually  # noqa: E402

PARTITIONS, BODY = 8, b"x" * 100
LONG_RUN = 1800     # seconds
# Permitted growth from the second to the last quarter, because of malloc and noise of a shared machine.
MAY_GROW = {"memory, MiB": 4, "threads": 3, "descriptors": 6}


class Soak:
    def __init__(self, binary, node, nginx_url, directory, seed):
        self.node, self.kafka, self.random = node, KafkaCluster(node.bootstrap, node.sasl_bootstrap), random.Random(seed)
        kafka = self.kafka
        self.topic, self.small = kafka.topic(PARTITIONS), kafka.topic(2)
        self.endpoint = Endpoint()
        self.main = Sidecar(binary, directory / "main", kafka.bootstrap)
        self.second = Sidecar(binary, directory / "second", kafka.bootstrap)
        self.second.settings["connectors.dir"] = str(self.main.connectors)
        self.second.settings["secrets.dirs"] = [str(self.main.secrets)]
        self.rest = Rest(self.main)
        self.url, self.edits, self.produced, self.done = nginx_url, itertools.count(), 0, {}
        self.undo_disk = mount_small_disk(self.main.state)
        self.rotate()
        self.define("busy")
        self.define("small", self.small, self.endpoint.url)
        self.samples, self.over = [], threading.Event()

    # Changes

    def define(self, name, topic=None, url=None, **more):
        keys = {"callback.request.headers": {"Authorization": f"${{file:{self.main.secrets}/token}}",
                                             "X-Edit": str(next(self.edits))},
                "retry.backoff.sec": [0.5] * 10_000, "consumer.override.session.timeout.ms": 10_000, **more}
        self.main.connector(name, topic or self.topic, url or self.url, keys)

    def rotate(self):
        whole = self.main.secrets / ".new"
        whole.write_text(f"token-{next(self.edits)}")
        whole.rename(self.main.secrets / "token")

    def edit(self):
        self.define("busy")

    def restart_by_edit(self):
        self.define("busy", **{"consumer.override.fetch.wait.max.ms": 100 + next(self.edits) % 100})

    def add_and_remove(self):
        names = [f"guest-{number}" for number in range(self.random.randint(1, 5))]
        for name in names:
            self.define(name, self.small, self.url)
        self.main.wait_running(*names)
        for name in names:
            self.main.remove(name)

    def pause_and_resume(self):
        for what, status in (("pause", 202), ("resume", 202)):
            self.rest.put(self.rest.at("busy", what)).must(status)
            time.sleep(0.5)

    def restart_by_rest(self):
        self.rest.post(self.rest.at("busy", "restart?includeTasks=true")).must(202)

    def add_and_remove_by_rest(self):
        self.rest.create("made", definition(self.small, self.url)).must(201)
        self.rest.wait_running("made")
        self.rest.delete(self.rest.at("made")).must(204)

    def fill_disk(self):
        filler = fill_disk(self.main.state)
        self.rest.create("x" * 200, definition(self.small, self.url)).must(500)
        filler.unlink()

    def join_and_leave(self):
        self.second.start()
        time.sleep(self.random.uniform(1, 6))
        self.second.stop()

    def join_and_kill(self):
        self.second.start()
        time.sleep(self.random.uniform(1, 6))
        self.second.kill()

    def restart_broker(self):
        self.node.kill()
        time.sleep(self.random.uniform(0, 5))
        self.node.come_back()

    def fail_endpoint(self):
        self.kafka.produce(self.small, [b"s"] * 50)
        kind = self.random.choice(["503", "hang", "refuse"])
        if kind == "refuse":
            self.endpoint.refuse()
        else:
            answer = Answer(status=503, body=b"") if kind == "503" else Answer(hang=True)
            self.endpoint.decide = lambda one: answer
        time.sleep(2)
        self.endpoint.decide = lambda one: DELIVERED
        if kind == "refuse":
            self.endpoint.come_back()
        self.define("small", self.small, self.endpoint.url)     # cancels hanging requests, which are sent again
        self.endpoint.requests.clear()

    def churn(self, until):
        changes = [self.edit, self.restart_by_edit, self.add_and_remove, self.add_and_remove_by_rest, self.pause_and_resume,
                   self.restart_by_rest, self.join_and_leave, self.join_and_kill, self.restart_broker, self.fail_endpoint, self.rotate]
        if self.undo_disk:
            changes.append(self.fill_disk)
        while time.monotonic() < until:
            change = self.random.choice(changes)
            change()
            self.done[change.__name__] = self.done.get(change.__name__, 0) + 1
            time.sleep(self.random.uniform(0.2, 2))

    # Measurements

    def measure_rate(self, seconds=8):
        """Returns records per second from a backlog."""
        rig.fill(self.kafka.bootstrap, self.topic, 200_000, len(BODY), partitions=PARTITIONS)
        self.produced += 200_000
        start, before = time.monotonic(), self.main.value("records_delivered_total", connector="busy") or 0
        time.sleep(seconds)
        return (self.main.value("records_delivered_total", connector="busy") - before) / (time.monotonic() - start)

    def produce(self, rate):
        producer = confluent_kafka.Producer({"bootstrap.servers": self.kafka.bootstrap, "linger.ms": 5,
                                             "enable.idempotence": True, "log_level": 2})
        start, sent = time.monotonic(), 0
        while not self.over.is_set():
            while sent < (time.monotonic() - start) * rate:
                try:
                    producer.produce(self.topic, BODY, partition=sent % PARTITIONS)
                    sent += 1
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
            time.sleep(0.01)
        assert producer.flush(60) == 0
        self.produced += sent

    def sample(self):
        proc = pathlib.Path(f"/proc/{self.main.process.pid}")
        while not self.over.wait(1):
            status = (proc / "status").read_text()
            field = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if ":" in line and len(line.split()) > 1}
            self.samples.append((time.monotonic(), int(field["VmRSS"]) / 1024, int(field["Threads"]),
                                 len(list((proc / "fd").iterdir()))))


def slope(times, values):
    """Returns the slope per hour, by least squares."""
    middle, mean = statistics.fmean(times), statistics.fmean(values)
    return 3600 * (sum((t - middle) * (v - mean) for t, v in zip(times, values)) / sum((t - middle) ** 2 for t in times))


def evaluate(samples):
    """Returns whether anything grows, and a table."""
    times = [one[0] for one in samples]
    quarter, grows = len(samples) // 4, False
    rows = ["| | slope an hour | median of the second quarter | of the last | may grow by | most |", "|---|--:|--:|--:|--:|--:|"]
    for column, (what, bound) in enumerate(MAY_GROW.items(), 1):
        values = [one[column] for one in samples]
        early = statistics.median(values[quarter:2 * quarter])
        late = statistics.median(values[3 * quarter:])
        grows = grows or late - early > bound
        rows.append(f"| {what} | {slope(times[quarter:], values[quarter:]):+.2f} | {early:.1f} | {late:.1f} | {bound} | "
                    f"{max(values):.1f} |")
    return grows, "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    node = load_node().Broker()
    with contextlib.ExitStack() as running:
        running.callback(node.stop)
        directory = pathlib.Path(running.enter_context(tempfile.TemporaryDirectory()))
        soak = Soak(options.binary, node, running.enter_context(rig.nginx()).url, directory, options.seed)
        running.callback(soak.undo_disk or (lambda: None))
        running.enter_context(soak.endpoint)
        soak.main.start()
        running.callback(soak.main.end_of_test)
        soak.main.wait_running("busy", "small")
        rate = soak.measure_rate() / 2
        threads = [threading.Thread(target=soak.produce, args=(rate,)), threading.Thread(target=soak.sample)]
        for thread in threads:
            thread.start()
        try:
            # On this thread, because the broker ends with the thread that started it.
            soak.churn(time.monotonic() + options.seconds)
        finally:
            soak.over.set()
            for thread in threads:
                thread.join()
        eventually(lambda: soak.kafka.all_committed("busy", soak.topic) and soak.kafka.all_committed("small", soak.small),
                   "everything is delivered", 300)
        dropped, stopped = soak.main.value("records_dropped_total"), soak.main.value("task_stops_total")
        counted = ", ".join(f"{name} {count}" for name, count in sorted(soak.done.items()))
        grows, slopes = evaluate(soak.samples)
        summary = (f"{options.seconds} s at {rate:,.0f} records/s, half of what it could deliver; {soak.produced:,} records, "
                   f"all committed; dropped {dropped:.0f}, stopped {stopped:.0f}. Changes: {counted}.\n\n{slopes}")
        print(summary)
        failed = grows or dropped or stopped
        if not failed and options.seconds >= LONG_RUN:
            figures.keep("soak", summary)
        return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
