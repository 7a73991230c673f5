"""The processes of the benchmark: nginx, wrk and the program, with metrics of its process. All on loopback."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import typing
import urllib.request
import uuid

import confluent_kafka
import confluent_kafka.admin

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from metrics_text import Metrics  # noqa: E402
from ports import free_port  # noqa: E402

NGINX = """\
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 4096; }}
http {{
  log_format records '$msec $status $http_x_kafka_partition $http_x_kafka_offset';
  access_log off; client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir}; uwsgi_temp_path {dir};
  scgi_temp_path {dir}; keepalive_requests 1000000000; keepalive_timeout 3600; default_type application/json;
  ssl_certificate {dir}/nginx.pem; ssl_certificate_key {dir}/nginx.key;
  server {{ listen 127.0.0.1:{port} backlog=4096; listen 127.0.0.1:{tls_port} ssl backlog=4096;
    location / {{ return 200 '{{"retry":false}}'; }}
    location = /logged {{ access_log {dir}/requests.log records buffer=64k flush=100ms; return 200 '{{"retry":false}}'; }} }}
}}
"""

# The same headers as the program sends, so that nginx reads as much from both.
WRK = """\
wrk.method = "POST"
wrk.body = string.rep("x", {bytes})
wrk.headers = {{ ["X-Kafka-Topic"] = "topic-12345678", ["X-Kafka-Partition"] = "0", ["X-Kafka-Offset"] = "123456",
  ["X-Kafka-Timestamp"] = "1700000000000", ["X-Kafka-Key"] = "key-1", ["X-B3-TraceId"] = "0123456789abcdef",
  ["X-B3-SpanId"] = "0123456789abcdef", ["X-B3-Sampled"] = "Defer",
  ["X-B3-Info"] = "topic=topic-12345678|partition=0|offset=123456", ["Content-Type"] = "text/plain; charset=utf-8",
  ["Idempotency-Key"] = '"connect-bench-12345678/topic-12345678/0/123456"' }}
"""


@contextlib.contextmanager
def process(arguments, **options):
    started = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, **options)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(40)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def await_true(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


class Nginx(typing.NamedTuple):
    url: str
    tls_url: str
    certificate: str    # file of its self-signed certificate
    requests: pathlib.Path  # log of the requests to /logged: time, status, partition, offset


@contextlib.contextmanager
def nginx():
    port, tls_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory:
        base = pathlib.Path(directory)
        (base / "nginx.conf").write_text(NGINX.format(dir=directory, port=port, tls_port=tls_port))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bench", "-days", "1",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", base / "nginx.key", "-out", base / "nginx.pem"],
                       check=True, stderr=subprocess.DEVNULL)
        with process(["/usr/sbin/nginx", "-e", f"{directory}/error.log", "-c", str(base / "nginx.conf")]):
            await_true(lambda: answers(f"http://127.0.0.1:{port}/"), "nginx answers")
            yield Nginx(f"http://127.0.0.1:{port}/", f"https://127.0.0.1:{tls_port}/", str(base / "nginx.pem"),
                        base / "requests.log")


def wrk(url, connections, seconds, body_bytes):
    """Returns requests per second."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK.format(bytes=body_bytes))
        script.flush()
        run = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script.name, url], text=True,
                             stdout=subprocess.PIPE, check=True)
    assert "Non-2xx" not in run.stdout, run.stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", run.stdout)[1])


def unique(stem):
    return f"{stem}-{uuid.uuid4().hex[:8]}"


class Measured:
    """A running process whose processor time, memory and threads are read from /proc."""

    def __init__(self, process):
        self._process = process
        self.proc = pathlib.Path(f"/proc/{process.pid}")

    def running(self):
        return self._process.poll() is None

    def cpu_seconds(self):
        fields = (self.proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def status(self, name):
        return int(re.search(rf"^{name}:\s+(\d+)", (self.proc / "status").read_text(), re.M)[1])

    def peak_mib(self):
        return self.status("VmHWM") / 1024

    def threads(self):
        return self.status("Threads")


class Sidecar(Measured):
    """The program with these connectors: name -> TOML lines."""

    def __init__(self, binary, bootstrap, connectors):
        self._directory = tempfile.TemporaryDirectory()
        base = pathlib.Path(self._directory.name)
        (base / "connectors").mkdir()
        for name, lines in connectors.items():
            (base / "connectors" / f"{name}.toml").write_text("\n".join(lines) + "\n")
        self._port = free_port()
        (base / "sidecar.toml").write_text(
            f'kafka.bootstrap.servers = "{bootstrap}"\nconnectors.dir = "{base}/connectors"\nlog.level = "warn"\n'
            f'metrics.listen = "127.0.0.1:{self._port}"\nrest.listen = ""\n')
        super().__init__(subprocess.Popen([binary, "run", "--config", str(base / "sidecar.toml")]))
        self.largest_threads = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        self._directory.cleanup()

    def delivered(self):
        self.largest_threads = max(self.largest_threads, self.threads())
        try:
            return self.value("records_delivered_total") or 0
        except OSError:
            return 0

    def value(self, name):
        return Metrics(self.scrape().decode()).value(name)

    def count(self, name):
        return len(Metrics(self.scrape().decode()).series(name))

    def scrape(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=10) as reply:
            return reply.read()


def create_topic(bootstrap, partitions=1):
    topic = unique("topic")
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": bootstrap})
    new = confluent_kafka.admin.NewTopic(topic, num_partitions=partitions, replication_factor=1)
    admin.create_topics([new], operation_timeout=30)[topic].result(30)
    return topic


def fill(bootstrap, topic, count, body_bytes, partitions=1, keys=0):
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "linger.ms": 50, "batch.size": 16_384,
                                         "queue.buffering.max.messages": 1_000_000})
    body = b"x" * body_bytes
    for number in range(count):
        key = f"key-{number % keys}" if keys else None
        while True:
            try:
                producer.produce(topic, body, key=key, partition=number % partitions)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0
