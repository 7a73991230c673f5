"""Other ways to deliver or read the same records, measured in turn with the program: Confluent's parallel-consumer on
Vert.x (ParallelConsumer.java), and a consumer that only reads (bare_consumer.cc)."""

import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing
import urllib.parse

import rig

sys.path[:0] = [str(rig.ROOT / "tests" / "e2e"), str(rig.ROOT / "tests")]
import figures  # noqa: E402
from kafka_cluster import load_node  # noqa: E402

PARALLEL_CONSUMER = "parallel-consumer"
POM = rig.HERE / "parallel-consumer-pom.xml"
HEAP = "256m"   # by default it could take a quarter of the machine's memory
IN_FLIGHT = 16
BODY = 100
# Records of a run: before, within and after what is measured. The first let the JVM compile what runs often.
WARM_UP, RECORDS, REST = 100_000, 75_000, 5_000
READ = 1_000_000    # by the bare consumer


class Ordering(typing.NamedTuple):
    name: str           # in the table
    ours: str           # delivery.ordering
    theirs: str         # ProcessingOrder
    partitions: int
    keys: int           # 0: records have no key


ORDERINGS = [Ordering("by key: 16 keys, 1 partition", "key", "KEY", 1, 16),
             Ordering("by partition: 16 partitions", "partition", "PARTITION", 16, 0),
             Ordering("none: 1 partition", "none", "UNORDERED", 1, 0)]


class Figures(typing.NamedTuple):
    rate: float         # records per second
    cpu: float          # processor microseconds per record
    peak: float         # MiB

    def row(self, ordering, name):
        return f"| {ordering} | {name} | {self.rate:,.0f} | {self.cpu:.1f} | {self.peak:.0f} |"


class Log:
    """The requests that nginx logs from now on."""

    def __init__(self, path):
        self._file = open(path, "rb")
        self._file.seek(0, 2)
        self._read = bytearray()
        self._count = 0

    def await_count(self, count, process):
        deadline = time.monotonic() + 300
        while self._count < count:
            if not process.running():
                raise RuntimeError(f"the process ended after {self._count} of {count} requests")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._count} of {count} requests after 300 s")
            time.sleep(0.05)
            more = self._file.read()
            self._read += more
            self._count += more.count(b"\n")

    def requests(self):
        """Returns (time, partition, offset) of each."""
        lines = [line.split() for line in self._read.decode().splitlines()]
        failed = [line for line in lines if line[1] != "200"]
        assert not failed, failed[:3]
        return [(float(at), int(partition), int(offset)) for at, _, partition, offset in lines]


class ParallelConsumer(rig.Measured):
    def __init__(self, build, arguments):
        super().__init__(subprocess.Popen(build.command(*arguments), stdin=subprocess.DEVNULL))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(40)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class JavaBuild:
    """ParallelConsumer.java, compiled into a directory of its own."""

    def __init__(self, directory):
        if not shutil.which("javac"):
            sys.exit("there is no javac in PATH: install the package default-jdk-headless, or leave out --scenario peers")
        node = load_node()
        try:
            self.jars = node.copy_jars(POM, node.jars_dir("PARALLEL_CONSUMER_JARS", "parallel-consumer-jars"))
        except node.Unavailable as error:
            sys.exit(f"{error}\nThe scenario `peers` needs these jars. Let Maven reach a repository that has them (a mirror "
                     "is set in ~/.m2/settings.xml), or name other scenarios: make bench SCENARIO=16-partitions")
        self.directory = directory
        subprocess.run(["javac", "-nowarn", "-d", directory, "-cp", f"{self.jars}/*",
                        str(rig.HERE / "ParallelConsumer.java")], check=True)

    def command(self, *arguments):
        return ["java", f"-Xmx{HEAP}", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
                f"{self.directory}:{self.jars}/*", "ParallelConsumer", *map(str, arguments)]

    def version(self):
        jar = next(pathlib.Path(self.jars).glob("parallel-consumer-vertx-*.jar"))
        return jar.stem.rpartition("-")[2]

    def java(self):
        return subprocess.run(["java", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[0]


class Peers:
    def __init__(self, bench, build, bare):
        self.bench = bench
        self.build = build
        self.bare = bare
        self.url = urllib.parse.urljoin(bench.nginx.url, "logged")

    def program(self, topic, ordering):
        return self.bench.sidecar(self.bench.connector(topic, self.url, **{
            "delivery.ordering": ordering.ours, "delivery.max.in.flight": IN_FLIGHT}))

    def parallel_consumer(self, topic, ordering):
        url = urllib.parse.urlsplit(self.url)
        return ParallelConsumer(self.build, [self.bench.bootstrap, topic, rig.unique("peer"), url.port, url.path,
                                             ordering.theirs, IN_FLIGHT])

    def deliver(self, start, topic, ordering):
        """Measures by what nginx logged, and checks that it received each record once."""
        log = Log(self.bench.nginx.requests)
        with start(topic, ordering) as process:
            samples = []
            for count in (WARM_UP, WARM_UP + RECORDS):
                log.await_count(count, process)
                samples.append((time.time(), process.cpu_seconds()))
            log.await_count(WARM_UP + RECORDS + REST, process)
            peak = process.peak_mib()
        requests = log.requests()
        each = (WARM_UP + RECORDS + REST) // ordering.partitions
        expected = [(partition, offset) for partition in range(ordering.partitions) for offset in range(each)]
        assert sorted(request[1:] for request in requests) == expected, "records are missing or were repeated"
        (start_time, start_cpu), (end_time, end_cpu) = samples
        records = sum(start_time <= request[0] < end_time for request in requests)
        return Figures(records / (end_time - start_time), (end_cpu - start_cpu) * 1e6 / records, peak)

    def read(self, topic, partitions):
        run = subprocess.run([self.bare, self.bench.bootstrap, topic, str(partitions), str(READ // 10), str(READ * 8 // 10)],
                             stdout=subprocess.PIPE, text=True, check=True)
        return Figures(*map(float, run.stdout.split()))

    def measure(self):
        """Returns the table."""
        rows = []
        for ordering in ORDERINGS:
            topic = rig.create_topic(self.bench.bootstrap, ordering.partitions)
            rig.fill(self.bench.bootstrap, topic, WARM_UP + RECORDS + REST, BODY, ordering.partitions, ordering.keys)
            rounds = [(self.deliver(self.program, topic, ordering), self.deliver(self.parallel_consumer, topic, ordering))
                      for _ in range(self.bench.rounds)]
            rows += [median(each).row(ordering.name, name)
                     for each, name in zip(zip(*rounds), ("kafka-http-sink", PARALLEL_CONSUMER))]
        topic = rig.create_topic(self.bench.bootstrap, 16)
        rig.fill(self.bench.bootstrap, topic, READ, BODY, 16)
        rows.append(median([self.read(topic, 16) for _ in range(self.bench.rounds)]).row(
            "reads only: 16 partitions", "librdkafka"))
        return "\n".join(["| order | | records/s | CPU µs a record | peak memory, MiB |", "|---|---|--:|--:|--:|", *rows])


def median(rounds):
    return Figures(*map(statistics.median, zip(*rounds)))


@contextlib.contextmanager
def prepared(bare):
    """Compiles and fetches all that the scenario needs, or exits with what to do."""
    if not pathlib.Path(bare).exists():
        sys.exit(f"there is no {bare}: build the target bare_consumer, as make bench does")
    with tempfile.TemporaryDirectory() as directory:
        yield JavaBuild(directory)


def compare(bench, build, bare, write):
    table = Peers(bench, build, bare).measure()
    text = (f"{table}\n\n{PARALLEL_CONSUMER} {build.version()} on {build.java()}, heap at most {HEAP}; "
            f"{os.cpu_count()} processors.")
    print(f"\n{text}\n", flush=True)
    if write:
        figures.keep("bench", text, rig.ROOT / "README.md")
