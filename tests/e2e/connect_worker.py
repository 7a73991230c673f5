"""A real distributed Kafka Connect worker with one member, as the reference for our REST API."""

import contextlib
import http.client
import os
import subprocess

import kafka_cluster
import ports
from rest import Caller
from waiting import eventually

START_TIMEOUT = 120

SETTINGS = """\
bootstrap.servers={bootstrap}
group.id={group}
listeners=http://127.0.0.1:{port}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
config.storage.topic={group}-configs
config.storage.replication.factor=1
offset.storage.topic={group}-offsets
offset.storage.replication.factor=1
offset.storage.partitions=1
status.storage.topic={group}-status
status.storage.replication.factor=1
status.storage.partitions=1
scheduled.rebalance.max.delay.ms=0
offset.flush.interval.ms=1000
plugin.discovery=service_load
"""


class ConnectWorker:
    """One worker process, which ends with the thread that started it. Raises node.Unavailable (module kafka.py)."""

    def __init__(self, node, directory, bootstrap):
        jars = node.fetch_connect()
        self._log = directory / "worker.log"
        port = ports.free_port()
        properties = directory / "worker.properties"
        properties.write_text(SETTINGS.format(bootstrap=bootstrap, group=kafka_cluster.unique("worker"), port=port))
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                 f"-Dlog4j.configuration=file:{node.HERE / 'log4j.properties'}", "-cp", f"{jars}/*",
                 "org.apache.kafka.connect.cli.ConnectDistributed", str(properties)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=node.end_with_parent)
        self.calls = Caller(port)

    def wait(self):
        """Waits until it is ready to handle requests."""
        eventually(self._healthy, lambda: f"Kafka Connect is healthy; its log:\n{self.log()}", START_TIMEOUT)

    def _healthy(self):
        ended = self.process.poll()
        assert ended is None, f"Kafka Connect ended with {ended}; its log:\n{self.log()}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.calls.get("/health").status == 200
        return False

    def log(self):
        return self._log.read_text(errors="replace")[-5000:]

    def stop(self):
        # Its state is discarded, so it need not shut down gracefully.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()
