"""Trying it out without any broker: the embedded one, and the demo."""

import re
import signal
import subprocess

from sidecar import Log, clean_environment
from waiting import eventually

ADDRESS = re.compile(r"\b(?:127\.0\.0\.1|localhost):(\d+)")


def test_records_written_to_the_embedded_broker_arrive(lonely_sidecar, endpoint, name):
    lonely_sidecar.connector(name, "orders", endpoint, {
        "consumer.override.topic.metadata.refresh.interval.ms": 1000})
    lonely_sidecar.start("--embedded-broker")

    def printed():
        for line in lonely_sidecar.out.lines + lonely_sidecar.log.lines:
            if re.search("broker|bootstrap", line, re.IGNORECASE):
                for match in ADDRESS.finditer(line):
                    if int(match[1]) not in (lonely_sidecar.port, endpoint.port):
                        return match[0]
        return None

    address = eventually(printed, lambda: f"the broker's address in\n{lonely_sidecar.log.tail()}")
    subprocess.run(["kcat", "-P", "-b", address, "-t", "orders", "-K", ":"], input=b"k:first\nk:second\n", timeout=60,
                   check=True)
    # librdkafka's mock cluster lets a member that joins once more, as on a loaded machine, wait for a whole session.
    eventually(lambda: len(endpoint.requests) >= 2, lambda: f"both records arrive\n{lonely_sidecar.log.tail()}", 150)
    assert sorted(endpoint.bodies()) == [b"first", b"second"]
    assert all(one.key == b"k" for one in endpoint.requests)
    assert lonely_sidecar.stop() < 10


def test_the_demo_shows_deliveries_a_retry_and_a_drop_and_ends_on_ctrl_c(binary, tmp_path):
    demo = subprocess.Popen([str(binary), "demo"], cwd=tmp_path, env=clean_environment(TERM="dumb"),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = Log(demo.stdout)
    try:
        for word in ("deliver", "retr", "drop"):
            out.wait_for(word)
        assert demo.poll() is None
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0, out.tail()
    finally:
        demo.kill()
        demo.wait()
        out.join()
    assert not list(tmp_path.iterdir())
