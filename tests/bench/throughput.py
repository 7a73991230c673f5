#!/usr/bin/python3
"""How fast the program delivers, from a real broker to nginx, beside `wrk` with the same requests in the same minutes.

    throughput.py BINARY [--scenario NAME]... [--rounds 3] [--seconds 4] [--in-flight N]

A figure of time means something only as a ratio within one run: the machine's own speed varies.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time

import confluent_kafka

import rig

sys.path.insert(0, str(rig.ROOT / "tests" / "e2e"))
from kafka_cluster import load_node  # noqa: E402

BODY = 100


class Bench:
    def __init__(self, options, bootstrap, nginx_url):
        self.binary = options.binary
        self.rounds = options.rounds
        self.seconds = options.seconds
        self.in_flight = options.in_flight
        self.bootstrap = bootstrap
        self.nginx_url = nginx_url

    def connector(self, topic, url, **more):
        keys = {"topics": topic, "callback.request.url": url, **more}
        if self.in_flight:
            keys["delivery.max.in.flight"] = self.in_flight
        return [f'"{key}" = {value}' if isinstance(value, int) else f'"{key}" = "{value}"'
                for key, value in keys.items()]

    def sidecar(self, *connectors):
        return rig.Sidecar(self.binary, self.bootstrap, {rig.unique("bench"): lines for lines in connectors})

    def drain(self, lines, warm=2000):
        """Records per second, per second of processor, and the process's peaks, once it has warmed up."""
        with self.sidecar(lines) as sidecar:
            rig.await_true(lambda: sidecar.delivered() >= warm, "first records are delivered")
            start, before, cpu = time.monotonic(), sidecar.delivered(), sidecar.cpu_seconds()
            while time.monotonic() - start < self.seconds:
                time.sleep(0.25)
                sidecar.delivered()
            records, took = sidecar.delivered() - before, time.monotonic() - start
            used = sidecar.cpu_seconds() - cpu
            return records / took, records / used, sidecar.peak_mib(), sidecar.largest_threads

    def against_wrk(self, name, target, connections, lines):
        """Rounds of either in turn, so that both meet the same minutes."""
        ours, theirs = [], []
        for _ in range(self.rounds):
            theirs.append(rig.wrk(self.nginx_url, connections, self.seconds, BODY))
            ours.append(self.drain(lines))
        rate, per_cpu, peak, threads = (statistics.median(column) for column in zip(*ours))
        reference = statistics.median(theirs)
        row(name, f"{rate:,.0f}/s", f"wrk -c{connections} {reference:,.0f}/s", f"{rate / reference:.2f}", f">= {target}",
            rate / reference >= target, f"{per_cpu:,.0f}/cpu-s, {peak:.0f} MiB, {threads:.0f} threads")

    def one_partition(self):
        topic = rig.create_topic(self.bootstrap)
        rig.fill(self.bootstrap, topic, 80_000 * self.seconds, BODY)
        self.against_wrk("one partition", 0.85, 1, self.connector(topic, self.nginx_url))

    def partitions(self):
        topic = rig.create_topic(self.bootstrap, 16)
        rig.fill(self.bootstrap, topic, 120_000 * self.seconds, BODY, partitions=16)
        self.against_wrk("16 partitions", 0.6, 16, self.connector(topic, self.nginx_url))

    def keys(self):
        topic = rig.create_topic(self.bootstrap)
        rig.fill(self.bootstrap, topic, 120_000 * self.seconds, BODY, keys=16)
        lines = self.connector(topic, self.nginx_url, **{"delivery.ordering": "key"})
        self.against_wrk("16 keys", 0.6, 16, lines)

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
            rate, per_cpu, peak, threads = self.drain(lines, warm=2_560)
        row("100 ms, 256 in flight", f"{rate:,.0f}/s", "2,560/s", f"{rate / 2_560:.3f}", ">= 0.95", rate >= 0.95 * 2_560,
            f"{per_cpu:,.0f}/cpu-s, {peak:.0f} MiB, {threads} threads")

    def latency(self):
        topic = rig.create_topic(self.bootstrap)
        with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as running:
            url, receiver = running.enter_context(self.receiver(0, f"{directory}/ages"))
            running.enter_context(self.sidecar(self.connector(topic, url)))
            producer = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0})
            produce_evenly(producer, topic, 1_000, 3)   # until it has joined and is warm
            time.sleep(2)
            first = produce_evenly(producer, topic, 1_000, max(self.seconds, 10))
            time.sleep(1)
            receiver.terminate()
            receiver.wait(10)
            with open(f"{directory}/ages", encoding="ascii") as file:
                ages = sorted([int(line) / 1e6 for line in file][-first:])
        p50, p99 = ages[len(ages) // 2], ages[len(ages) * 99 // 100]
        row("latency at 1,000/s", f"p99 {p99:.2f} ms", f"p50 {p50:.2f} ms", "", "<= 5 ms", p99 <= 5, f"{len(ages)} records")

    def backlog(self):
        topic = rig.create_topic(self.bootstrap)
        rig.fill(self.bootstrap, topic, 1_000_000, 1024)
        with self.sidecar(self.connector(topic, self.nginx_url)) as sidecar:
            rig.await_true(lambda: sidecar.delivered() >= 200_000, "200,000 are delivered", 120)
            peak = sidecar.peak_mib()
        row("backlog 1,000,000 x 1 KiB", f"{peak:.0f} MiB", "", "", "<= 64 MiB", peak <= 64, "")

    def hundred(self):
        topic = rig.create_topic(self.bootstrap)
        rig.fill(self.bootstrap, topic, 100_000, 1024)
        with self.sidecar(*[self.connector(topic, self.nginx_url) for _ in range(100)]) as sidecar:
            rig.await_true(lambda: sidecar.delivered() >= 200_000, "200,000 are delivered", 180)
            early = sidecar.threads()
            rig.await_true(lambda: sidecar.delivered() >= 600_000, "600,000 are delivered", 180)
            late, peak = sidecar.threads(), sidecar.peak_mib()
        row("100 connectors, a backlog each", f"{peak:.0f} MiB", "", "", "<= 200 MiB", peak <= 200,
            f"{early} threads, later {late}")


    def scrape(self):
        """A hundred connectors are scraped while another one delivers, slowly enough to leave a processor free."""
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


def produce_evenly(producer, topic, rate, seconds):
    """How many were produced; each body is the time at which it was."""
    start = time.monotonic()
    for number in range(rate * seconds):
        while time.monotonic() < start + number / rate:
            time.sleep(0.0002)
        producer.produce(topic, str(time.time_ns()))
        producer.poll(0)
    assert producer.flush(30) == 0
    return rate * seconds


def row(name, figure, reference, ratio, target, met, notes):
    verdict = "met" if met else "MISSED"
    print(f"{name:32} {figure:>14} {reference:>22} {ratio:>6} {target:>10} {verdict:>7}  {notes}", flush=True)


SCENARIOS = {"one-partition": Bench.one_partition, "16-partitions": Bench.partitions, "16-keys": Bench.keys,
             "slow": Bench.slow, "latency": Bench.latency, "backlog": Bench.backlog, "100-connectors": Bench.hundred,
             "scrape": Bench.scrape}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--in-flight", type=int, help="delivery.max.in.flight, where the scenario has none of its own")
    options = parser.parse_args()
    broker = load_node().Broker()
    try:
        with rig.nginx() as url:
            print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; medians of {options.rounds} rounds of "
                  f"{options.seconds} s in turn")
            for name in options.scenario or SCENARIOS:
                SCENARIOS[name](Bench(options, broker.bootstrap, url))
    finally:
        broker.stop()


if __name__ == "__main__":
    main()
