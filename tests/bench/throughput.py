#!/usr/bin/python3
"""Benchmarks delivery from a real broker to nginx, next to `wrk` with the same requests in the same minutes.

    throughput.py BINARY [--before BINARY] [--scenario NAME]... [--rounds 3] [--seconds 4] [--in-flight N] [--write]

With --before another build of the program, for example of the previous commit, takes turns with it. The scenario `peers`
measures other programs; --write puts its table into README.md. Times are only comparable within one run, because the
speed of the machine varies.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import typing

import confluent_kafka

import peers
import rig

sys.path.insert(0, str(rig.ROOT / "tests" / "e2e"))
from kafka_cluster import load_node  # noqa: E402

BODY = 100


class Drained(typing.NamedTuple):
    rate: float         # records per second
    per_cpu: float      # records per processor second
    peak: float         # MiB
    threads: float

    def notes(self):
        return f"{self.per_cpu:,.0f}/cpu-s, {self.peak:.0f} MiB, {self.threads:.0f} threads"


class Latency(typing.NamedTuple):
    p50: float          # ms
    p99: float


def median(rounds):
    return type(rounds[0])(*map(statistics.median, zip(*rounds)))


class Bench:
    def __init__(self, options, bootstrap, nginx, java_build=None):
        self.binary = options.binary
        self.before = options.before
        self.rounds = options.rounds
        self.seconds = options.seconds
        self.in_flight = options.in_flight
        self.bootstrap = bootstrap
        self.nginx = nginx
        self.write = options.write
        self.bare_consumer = options.bare_consumer
        self.java_build = java_build

    def connector(self, topic, url, **more):
        keys = {"topics": topic, "callback.request.url": url, **more}
        if self.in_flight:
            keys["delivery.max.in.flight"] = self.in_flight
        return [f'"{key}" = {value}' if isinstance(value, int) else f'"{key}" = "{value}"'
                for key, value in keys.items()]

    def sidecar(self, *connectors, binary=None):
        named = {rig.unique("bench"): lines for lines in connectors}
        return rig.Sidecar(binary or self.binary, self.bootstrap, named)

    def drain(self, binary, lines, warm=2000):
        """Measures the program after warming up."""
        with self.sidecar(lines, binary=binary) as sidecar:
            rig.await_true(lambda: sidecar.delivered() >= warm, "the first records are delivered")
            start, before, cpu = time.monotonic(), sidecar.delivered(), sidecar.cpu_seconds()
            while time.monotonic() - start < self.seconds:
                time.sleep(0.25)
                sidecar.delivered()
            records, took = sidecar.delivered() - before, time.monotonic() - start
            used = sidecar.cpu_seconds() - cpu
            return Drained(records / took, records / used, sidecar.peak_mib(), sidecar.largest_threads)

    def in_turn(self, measure, reference=lambda: None):
        """Measures all in turn, so that they run in the same minutes. Returns the medians of the reference, of the
        program, and of the previous program (None without one)."""
        binaries = [self.binary] + ([self.before] if self.before else [])
        rounds = [(reference(), *[measure(binary) for binary in binaries]) for _ in range(self.rounds)]
        references, *measured = zip(*rounds)
        now, before = [median(each) for each in measured] + [None] * (2 - len(measured))
        return None if references[0] is None else statistics.median(references), now, before

    def against_wrk(self, name, target, connections, lines, url=None, of_before=None):
        """`of_before`: the share of the previous program's rate that it must reach."""
        url = url or self.nginx.url
        reference, now, before = self.in_turn(lambda binary: self.drain(binary, lines),
                                              lambda: rig.wrk(url, connections, self.seconds, BODY))
        row(name, f"{now.rate:,.0f}/s", f"wrk -c{connections} {reference:,.0f}/s", f"{now.rate / reference:.2f}",
            f">= {target}", now.rate / reference >= target, now.notes())
        if before:
            compare(now, before, of_before)

    def one_partition(self):
        topic = rig.create_topic(self.bootstrap)
        rig.fill(self.bootstrap, topic, 80_000 * self.seconds, BODY)
        self.against_wrk("one partition", 0.75, 1, self.connector(topic, self.nginx.url))

    def partitions(self):
        topic = rig.create_topic(self.bootstrap, 16)
        rig.fill(self.bootstrap, topic, 120_000 * self.seconds, BODY, partitions=16)
        self.against_wrk("16 partitions", 0.5, 16, self.connector(topic, self.nginx.url), of_before=0.78)

    def keys(self):
        topic = rig.create_topic(self.bootstrap)
        rig.fill(self.bootstrap, topic, 120_000 * self.seconds, BODY, keys=16)
        lines = self.connector(topic, self.nginx.url, **{"delivery.ordering": "key"})
        self.against_wrk("16 keys", 0.5, 16, lines, of_before=0.78)

    def tls(self):
        topic = rig.create_topic(self.bootstrap, 16)
        rig.fill(self.bootstrap, topic, 80_000 * self.seconds, BODY, partitions=16)
        lines = self.connector(topic, self.nginx.tls_url, **{"ssl.ca.location": self.nginx.certificate})
        self.against_wrk("16 partitions, TLS", 0.45, 16, lines, url=self.nginx.tls_url, of_before=0.75)

    @contextlib.contextmanager
    def receiver(self, delay, *more):
        port = rig.free_port()
        with rig.process([sys.executable, str(rig.HERE / "receiver.py"), str(port), str(delay), *more]) as process:
            url = f"http://127.0.0.1:{port}/"
            rig.await_true(lambda: subprocess.run(["curl", "-sf", "-d", "x", url], stdout=subprocess.DEVNULL,
                                                  check=False).returncode == 0, "the receiver answers")
            yield url, process

    def slow(self):
        topic = rig.create_topic(self.bootstrap)
        rig.fill(self.bootstrap, topic, 2_560 * (self.seconds + 6), BODY, keys=10_000)
        with self.receiver(0.1) as (url, _):
            lines = self.connector(topic, url, **{"delivery.ordering": "key", "delivery.max.in.flight": 256})
            _, now, before = self.in_turn(lambda binary: self.drain(binary, lines, warm=2_560))
        row("100 ms, 256 in flight", f"{now.rate:,.0f}/s", "2,560/s", f"{now.rate / 2_560:.3f}", ">= 0.95",
            now.rate >= 0.95 * 2_560, now.notes())
        if before:
            more = (now.peak - before.peak) * 1024 / 256
            compare(now, before)
            row("  a request in flight takes more", f"{more:+.1f} KiB", f"{before.peak:.0f} MiB", "", "<= 32 KiB", more <= 32,
                "memory")

    def latency(self):
        _, now, before = self.in_turn(self.latencies)
        row("latency at 1,000/s", f"p99 {now.p99:.2f} ms", f"p50 {now.p50:.2f} ms", "", "<= 3 ms", now.p99 <= 3, "")
        if before:
            print(f"  before: p99 {before.p99:.2f} ms, p50 {before.p50:.2f} ms", flush=True)

    def latencies(self, binary):
        topic = rig.create_topic(self.bootstrap)
        with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as running:
            url, receiver = running.enter_context(self.receiver(0, f"{directory}/ages"))
            running.enter_context(self.sidecar(self.connector(topic, url), binary=binary))
            producer = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0})
            produce_evenly(producer, topic, 1_000, 3)   # until it has joined and warmed up
            time.sleep(2)
            first = produce_evenly(producer, topic, 1_000, max(self.seconds, 10))
            time.sleep(1)
            receiver.terminate()
            receiver.wait(10)
            with open(f"{directory}/ages", encoding="ascii") as file:
                ages = sorted([int(line) / 1e6 for line in file][-first:])
        assert len(ages) == first
        return Latency(ages[len(ages) // 2], ages[len(ages) * 99 // 100])

    def backlog(self):
        topic = rig.create_topic(self.bootstrap)
        rig.fill(self.bootstrap, topic, 1_000_000, 1024)
        with self.sidecar(self.connector(topic, self.nginx.url)) as sidecar:
            rig.await_true(lambda: sidecar.delivered() >= 200_000, "200,000 are delivered", 120)
            peak = sidecar.peak_mib()
        row("backlog 1,000,000 x 1 KiB", f"{peak:.0f} MiB", "", "", "<= 64 MiB", peak <= 64, "")

    def hundred(self):
        topic = rig.create_topic(self.bootstrap)
        rig.fill(self.bootstrap, topic, 100_000, 1024)
        with self.sidecar(*[self.connector(topic, self.nginx.url) for _ in range(100)]) as sidecar:
            rig.await_true(lambda: sidecar.delivered() >= 200_000, "200,000 are delivered", 180)
            early = sidecar.threads()
            rig.await_true(lambda: sidecar.delivered() >= 600_000, "600,000 are delivered", 180)
            late, peak = sidecar.threads(), sidecar.peak_mib()
        row("100 connectors, a backlog each", f"{peak:.0f} MiB", "", "", "<= 200 MiB", peak <= 200,
            f"{early} threads, later {late}")

    def scrape(self):
        """Scrapes a hundred connectors while another one delivers, slowly enough to leave a processor free."""
        idle, busy = rig.create_topic(self.bootstrap, 16), rig.create_topic(self.bootstrap)
        rig.fill(self.bootstrap, busy, 1_000 * (self.seconds + 20) * 2, BODY)
        with self.receiver(0.001) as (url, _), self.sidecar(
                *[self.connector(idle, url) for _ in range(99)], self.connector(busy, url)) as sidecar:
            rig.await_true(lambda: sidecar.delivered() >= 1_000, "it delivers", 180)
            rig.await_true(lambda: sidecar.value("assigned_partitions") == 99 * 16 + 1, "all have joined", 180)
            rig.await_true(lambda: sidecar.count("consumer_lag_records") == 99 * 16 + 1, "every lag is known", 60)
            rates, times = [], []
            for scraped in (False, True) * self.rounds:
                start, before, mine = time.monotonic(), sidecar.delivered(), []
                while time.monotonic() - start < self.seconds:
                    began = time.monotonic()
                    if scraped:
                        sidecar.scrape()
                        mine.append(time.monotonic() - began)
                    time.sleep(0.2)
                rates.append((sidecar.delivered() - before) / (time.monotonic() - start))
                times += mine
            series = sidecar.scrape().count(b"\n")
        p50, worst = statistics.median(times) * 1000, max(times) * 1000
        ratio = statistics.median(rates[1::2]) / statistics.median(rates[::2])
        row("scrape of 100 connectors", f"{p50:.0f} ms", "", "", "< 50 ms", p50 < 50,
            f"worst of {len(times)}: {worst:.0f} ms; {series:,} lines")
        row("delivering while scraped", f"{statistics.median(rates[1::2]):,.0f}/s",
            f"unscraped {statistics.median(rates[::2]):,.0f}/s", f"{ratio:.2f}", ">= 0.9", ratio >= 0.9, "5 scrapes a second")

    def peers(self):
        peers.compare(self, self.java_build, self.bare_consumer, self.write)


def produce_evenly(producer, topic, rate, seconds):
    """Produces records whose bodies are their times of production; returns their number."""
    start = time.monotonic()
    for number in range(rate * seconds):
        while time.monotonic() < start + number / rate:
            time.sleep(0.0002)
        producer.produce(topic, str(time.time_ns()))
        producer.poll(0)
    assert producer.flush(30) == 0
    return rate * seconds


def compare(now, before, target=None):
    """Prints the comparison with the previous program in the same rounds."""
    rate, cpu = now.rate / before.rate, before.per_cpu / now.per_cpu
    row("  of the rate before", "", f"{before.rate:,.0f}/s", f"{rate:.2f}", f">= {target}" if target else "",
        target is None or rate >= target, before.notes())
    row("  processor time before", "", f"{before.per_cpu:,.0f}/cpu-s", f"{cpu:.2f}", "<= 1.4", cpu <= 1.4, "")


def row(name, figure, reference, ratio, target, met, notes):
    verdict = "met" if met else "MISSED"
    print(f"{name:32} {figure:>14} {reference:>22} {ratio:>6} {target:>10} {verdict:>7}  {notes}", flush=True)


SCENARIOS = {"one-partition": Bench.one_partition, "16-partitions": Bench.partitions, "16-keys": Bench.keys,
             "tls": Bench.tls, "slow": Bench.slow, "latency": Bench.latency, "backlog": Bench.backlog,
             "100-connectors": Bench.hundred, "scrape": Bench.scrape, "peers": Bench.peers}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--before", metavar="BINARY")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--in-flight", type=int, help="delivery.max.in.flight of scenarios that do not set it")
    parser.add_argument("--bare-consumer", default=str(rig.ROOT / "build/release/tests/bench/bare_consumer"))
    parser.add_argument("--write", action="store_true", help="write the table of the scenario peers into README.md")
    options = parser.parse_args()
    names = options.scenario or list(SCENARIOS)
    with contextlib.ExitStack() as running:
        java_build = running.enter_context(peers.prepared(options.bare_consumer)) if "peers" in names else None
        broker = load_node().Broker()
        running.callback(broker.stop)
        with rig.nginx() as nginx:
            print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; medians of {options.rounds} rounds of "
                  f"{options.seconds} s in turn")
            for name in names:
                SCENARIOS[name](Bench(options, broker.bootstrap, nginx, java_build))


if __name__ == "__main__":
    main()
