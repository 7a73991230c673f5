#!/usr/bin/python3
"""A real Kafka broker (KRaft, broker and controller in one JVM) without a container, for tests and experiments.

    kafka.py run [--port 9092]     in the foreground until Ctrl-C; prints the bootstrap address
    kafka.py start --state FILE    in the background; FILE gets bootstrap, sasl_bootstrap, pid and data_dir as JSON
    kafka.py stop --state FILE     stops that broker and deletes its data; succeeds if there is none
    kafka.py fetch                 only fetches the jars, including those of Kafka Connect

It has two listeners on 127.0.0.1: PLAINTEXT, and SASL_PLAINTEXT with mechanism PLAIN (user `sink`, password
`sink-secret`, or user `sink-2`, password `sink-2-secret`). Topics are not created automatically, except by `run`, whose
broker also has the topic `orders`. Records are kept regardless of their timestamps.

The jars are fetched from Maven once, into $KAFKA_JARS (default: build/kafka-jars); those of Kafka Connect, for
test_connect_worker.py, into $CONNECT_JARS (default: build/connect-jars). Needs Java 17 or newer (headless) and, the
first time, mvn. If no broker is possible it prints the reason and exits with 77 (skipped), or 1 if REQUIRE_KAFKA=1.
"""

import argparse
import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from ports import free_ports  # noqa: E402

SASL_USER = "sink"
SASL_PASSWORD = "sink-secret"
SECOND_USER = "sink-2"
SECOND_PASSWORD = "sink-2-secret"
# The broker of `run`, for experiments.
FIRST_TOPIC = "orders"
PARTITIONS = 4
ON_DEMAND = ("auto.create.topics.enable=true", f"num.partitions={PARTITIONS}")
START_TIMEOUT = 120
PORT_ATTEMPTS = 3
SKIPPED = 77

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}" \
user_{second_user}="{second_password}";
log.dirs={data}/log
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=4194304
log.index.size.max.bytes=1048576
num.network.threads=2
num.io.threads=4
"""


class Unavailable(Exception):
    """No broker is possible on this machine; the message has the reason."""


def jars_dir(variable="KAFKA_JARS", default="kafka-jars"):
    return pathlib.Path(os.environ.get(variable) or HERE.parents[2] / "build" / default).resolve()


def fetch():
    """Fetches the broker's jars and returns their directory."""
    return copy_jars(HERE / "pom.xml", jars_dir())


def fetch_connect():
    """Fetches the jars of a Kafka Connect worker and returns their directory."""
    return copy_jars(HERE / "connect-pom.xml", jars_dir("CONNECT_JARS", "connect-jars"))


def copy_jars(pom, directory):
    """Copies the dependencies of `pom` into `directory` once, and returns it. Safe for concurrent processes."""
    wanted = hashlib.sha256(pom.read_bytes()).hexdigest()
    complete = directory / ".complete"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with open(directory / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if complete.exists() and complete.read_text() == wanted:
                return directory
            complete.unlink(missing_ok=True)
            for old in directory.glob("*.jar"):
                old.unlink()
            copy = subprocess.run(
                ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={directory}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
            if copy.returncode != 0:
                raise Unavailable(f"mvn could not fetch the jars of {pom}:\n{copy.stdout[-3000:]}")
            complete.write_text(wanted)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"cannot fetch the jars of {pom}: {error}") from error
    return directory


def answers(port):
    """Whether the broker at this port answers a Metadata request (version 1) and knows at least one live broker."""
    request = struct.pack(">hhih6si", 3, 1, 1, 6, b"kafka?", 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            reply = b""
            while len(reply) < 12:
                piece = connection.recv(4096)
                if not piece:
                    return False
                reply += piece
        return struct.unpack(">i", reply[8:12])[0] >= 1
    except OSError:
        return False


def end_with_parent():
    """Runs in the child: requests SIGTERM when its parent ends for any reason."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class Broker:
    """A running broker. A `detached` one outlives this process; otherwise it ends with the thread that started it.

    `settings` are additional lines of its server.properties.
    """

    def __init__(self, port=None, detached=False, settings=()):
        if not shutil.which("java"):
            raise Unavailable("there is no java in PATH (package default-jre-headless)")
        self.jars = fetch()
        self.detached = detached
        self.settings = "".join(f"{line}\n" for line in settings)
        self.process = None
        self.data_dir = pathlib.Path(tempfile.mkdtemp(prefix="kafka-"))
        try:
            self._start(port)
        except BaseException:
            self.stop()
            raise

    def _start(self, port):
        for attempt in range(1, PORT_ATTEMPTS + 1):
            plain, sasl, controller = free_ports(3)
            plain = port or plain
            properties = self.data_dir / "server.properties"
            properties.write_text(PROPERTIES.format(plain=plain, sasl=sasl, controller=controller, data=self.data_dir,
                                                    user=SASL_USER, password=SASL_PASSWORD, second_user=SECOND_USER,
                                                    second_password=SECOND_PASSWORD) + self.settings)
            shutil.rmtree(self.data_dir / "log", ignore_errors=True)
            self._format(properties)
            self._launch(properties)
            if self._wait(plain):
                self.bootstrap = f"127.0.0.1:{plain}"
                self.sasl_bootstrap = f"127.0.0.1:{sasl}"
                return
            if "BindException" not in self.log() or port or attempt == PORT_ATTEMPTS:
                raise Unavailable(f"the broker did not start:\n{self.log()[-3000:]}")

    def _java(self, main_class, *arguments):
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                "-Djava.awt.headless=true", f"-Dlog4j.configuration=file:{HERE / 'log4j.properties'}",
                "-cp", f"{self.jars}/*", main_class, *arguments]

    def _format(self, properties):
        cluster = "a2Fma2EtaHR0cC1zaW5rIA"
        run = subprocess.run(
            self._java("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(properties)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=START_TIMEOUT)
        if run.returncode != 0:
            raise Unavailable(f"the broker's storage could not be formatted:\n{run.stdout[-3000:]}")

    def _launch(self, properties):
        with open(self.data_dir / "broker.log", "wb") as log:
            self.process = subprocess.Popen(
                self._java("kafka.Kafka", str(properties)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=None if self.detached else end_with_parent)

    def _wait(self, port):
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self.process.poll() is None:
            if answers(port) and self.process.poll() is None:
                return True
            time.sleep(0.05)
        return False

    def kill(self):
        """Kills it like a machine failure; its data stays."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def come_back(self):
        """Starts it again with the same ports and data."""
        self._launch(self.data_dir / "server.properties")
        if not self._wait(int(self.bootstrap.rpartition(":")[2])):
            raise Unavailable(f"the broker did not come back:\n{self.log()[-3000:]}")

    def log(self):
        return (self.data_dir / "broker.log").read_text(errors="replace")

    def state(self):
        return {"bootstrap": self.bootstrap, "sasl_bootstrap": self.sasl_bootstrap, "pid": self.process.pid,
                "data_dir": str(self.data_dir)}

    def stop(self):
        if self.process:
            end_group(self.process.pid, self.process.poll)
        shutil.rmtree(self.data_dir, ignore_errors=True)


def end_group(pid, ended):
    """Ends the process group of `pid` with SIGTERM, then SIGKILL. `ended` returns None until it has ended."""
    for number, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if ended() is not None:
                return
            time.sleep(0.05)


def is_this_broker(pid, data_dir):
    """Whether the process of a state file is still that broker, because process ids are reused."""
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return status != "Z" and os.fsencode(data_dir) in command


def stop_state(path):
    try:
        state = json.loads(path.read_text())
    except FileNotFoundError:
        return
    pid, data_dir = state["pid"], state["data_dir"]
    if is_this_broker(pid, data_dir):
        end_group(pid, lambda: None if is_this_broker(pid, data_dir) else 0)
    shutil.rmtree(data_dir, ignore_errors=True)
    path.unlink()


def start_state(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    stop_state(path)
    broker = Broker(detached=True)
    whole = path.with_name(path.name + ".new")
    whole.write_text(json.dumps(broker.state(), indent=2) + "\n")
    whole.rename(path)
    print(broker.bootstrap)


def create_topic(bootstrap, name):
    import confluent_kafka.admin  # pylint: disable=import-outside-toplevel  # only needed here

    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([confluent_kafka.admin.NewTopic(name, PARTITIONS, 1)])[name].result(START_TIMEOUT)


def run(port):
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    broker = Broker(port=port, settings=ON_DEMAND)
    create_topic(broker.bootstrap, FIRST_TOPIC)
    print(f"Kafka: {broker.bootstrap}, with SASL: {broker.sasl_bootstrap}. It has the topic {FIRST_TOPIC} and creates "
          f"others on demand. Press Ctrl-C to stop it.", flush=True)
    while broker.process.poll() is None and not asked.wait(0.2):
        pass
    died = broker.process.poll()
    if died is not None:
        sys.stderr.write(broker.log()[-3000:])
    broker.stop()
    return 0 if died is None else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run").add_argument("--port", type=int, default=9092)
    for name in ("start", "stop"):
        commands.add_parser(name).add_argument("--state", type=pathlib.Path, required=True)
    commands.add_parser("fetch")
    arguments = parser.parse_args()
    try:
        if arguments.command == "run":
            return run(arguments.port)
        if arguments.command == "start":
            start_state(arguments.state)
        elif arguments.command == "stop":
            stop_state(arguments.state)
        else:
            print(fetch())
            print(fetch_connect())
        return 0
    except Unavailable as error:
        required = os.environ.get("REQUIRE_KAFKA") == "1"
        verdict = "REQUIRE_KAFKA=1, so this is an error" if required else "SKIPPED"
        print(f"*** NO KAFKA BROKER: {verdict} ***\n{error}", file=sys.stderr)
        return 1 if required else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
