"""Use without a Kafka cluster: the embedded broker and the demo."""

import re
import signal
import subprocess
import time

from observing import in_time
from rest import Rest
from sidecar import Log, clean_environment
from waiting import eventually

ADDRESS = re.compile(r"\b(?:127\.0\.0\.1|localhost):(\d+)")


def test_records_of_the_embedded_broker_arrive_within_seconds_and_after_a_restart(sidecar_without_broker, endpoint, name):
    rest = Rest(sidecar_without_broker)
    # Not 1,000: a member joins anew if a refresh is under way when its group has gathered, which takes 3,000 ms here.
    sidecar_without_broker.connector(name, "orders", endpoint, {
        "consumer.override.topic.metadata.refresh.interval.ms": 700})
    sidecar_without_broker.start("--embedded-broker")

    def printed():
        for line in sidecar_without_broker.out.lines + sidecar_without_broker.log.lines:
            if re.search("broker|bootstrap", line, re.IGNORECASE):
                for match in ADDRESS.finditer(line):
                    if int(match[1]) not in (sidecar_without_broker.port, endpoint.port):
                        return match[0]
        return None

    address = eventually(printed, lambda: f"the broker's address in\n{sidecar_without_broker.log.tail()}")
    subprocess.run(["kcat", "-P", "-b", address, "-t", "orders", "-K", ":"], input=b"k:first\nk:second\n", timeout=60,
                   check=True)
    endpoint.wait_for(2)
    assert sorted(endpoint.bodies()) == [b"first", b"second"]
    assert all(one.key == b"k" for one in endpoint.requests)

    def delivers_again(how, began):
        had = len(endpoint.requests)
        subprocess.run(["kcat", "-P", "-b", address, "-t", "orders"], input=b"again\n", timeout=60, check=True)
        in_time(f"the next delivery after {how}", endpoint.wait_for(had + 1)[had].time - began, bound=5)

    began = time.monotonic()
    rest.post(rest.at(name, "restart?includeTasks=true")).must(202)
    delivers_again("a restart", began)
    rest.stop_connector(name)
    began = time.monotonic()
    rest.put(rest.at(name, "resume")).is_empty(202)
    delivers_again("a resume", began)
    assert sidecar_without_broker.log.find("waiting for the consumer group to assign partitions", name)
    assert sidecar_without_broker.stop() < 15


def test_the_demo_shows_deliveries_a_retry_and_a_drop_and_exits_on_ctrl_c(binary, tmp_path):
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
