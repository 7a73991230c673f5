"""Runs the commands of the runbook with stand-ins for kubectl, curl and the tools of Kafka.

tests/k8s/test_alerts.py holds the sections and messages of the runbook to the alerts and the source.
"""

import json
import os
import re
import subprocess

import pytest

import monitoring

RUNBOOK = (monitoring.DIRECTORY / "runbook.md").read_text()
BLOCKS = [re.sub(f"^{indent}", "", text, flags=re.M)
          for indent, text in re.findall(r"^( *)```sh\n(.*?)^ *```$", RUNBOOK, re.S | re.M)]
SETUP, COMMANDS = BLOCKS[0], BLOCKS[1:]
ROUTER = (monitoring.DIRECTORY.parents[1] / "src/rest/connect_router.cc").read_text()
ROUTES = re.findall(r'\{"([A-Z]+)", "([^"]+)", \w+', ROUTER)

TOOLS = {
    "kubectl": """
case "$*" in
*"get pods -l kafka-http-sink -o name") printf 'pod/web-0\\npod/web-1\\n' ;;
*" logs "*) cat log ;;
*port-forward*) exec sleep 60 ;;
esac
""",
    "curl": """
case "$*" in *localhost:9404/livez*) exit ;; esac
echo "$*" | tr '\\n' ' ' >> calls
echo >> calls
printf '%s\\n' 'kafka_http_sink_requests_total{connector="orders"} 1' \
  'kafka_http_sink_requests_total{connector="orders-2"} 1' 'process_open_fds 40'
""",
}
SILENT_TOOLS = ("sysctl", "kcat", "kafka-http-sink", "kafka-configs.sh", "kafka-topics.sh", "kafka-acls.sh",
                "kafka-consumer-groups.sh")


def logfmt(level, message, connector):
    return f'time=2026-02-01T10:00:00.123Z level={level} logger=task msg="{message}" connector={connector} task=0'


def json_line(level, message, connector):
    return json.dumps({"time": "2026-02-01T10:00:00.123Z", "level": level, "logger": "task", "msg": message,
                       "connector": connector}, separators=(",", ":"))


@pytest.fixture
def run(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in (*TOOLS, *SILENT_TOOLS):
        (tools / name).write_text("#!/bin/sh\n" + TOOLS.get(name, ""))
        (tools / name).chmod(0o755)

    def run(commands, form=logfmt):
        messages = re.findall(r"(?:grep|-e) '([^']+)'", commands) or ["any"]
        (tmp_path / "log").write_text("".join(
            f"[pod/web-0/kafka-http-sink] {form(level, message, connector)}\n" for message in messages
            for level in ("info", "error") for connector in ("orders", "orders-2", "my.orders")))
        (tmp_path / "calls").write_text("")
        done = subprocess.run(["bash", "-u", "-c", SETUP + commands], cwd=tmp_path, timeout=60, check=False,
                              env={**os.environ, "PATH": f"{tools}:/usr/bin:/bin"}, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        assert not done.stderr, done.stderr
        return done.stdout.splitlines(), (tmp_path / "calls").read_text().splitlines()

    return run


@pytest.mark.parametrize("commands", [pytest.param(text, id=str(number)) for number, text in enumerate(COMMANDS)])
def test_commands_run(run, commands):
    for form in (logfmt, json_line):
        found, calls = run(commands, form)
        if "connector_log" in commands:
            lines = [line for line in found if "[pod/" in line]
            assert lines and all(re.search(r'connector"?[=:]"?orders(["} ]|$)', line) for line in lines)
        for call in calls:
            port, path = re.search(r"localhost:(\d+)(/[^ ?]*)", call).groups()
            if port == "9404":
                assert path == "/metrics"
                continue
            method = (re.search(r"-X (\w+)", call) or ["", "GET"])[1]
            assert (method, path.replace("orders", "{connector}")) in ROUTES


def test_calls_that_change_a_connector_go_to_every_pod_and_offsets_to_one(run):
    commands, = [text for text in COMMANDS if "/offsets" in text]
    _, calls = run(commands)
    assert [re.search(r"orders(/\w+)", call)[1] for call in calls] == [
        "/stop", "/stop", "/offsets", "/resume", "/resume"]
    acting = [line for text in COMMANDS for line in text.splitlines() if re.search(r"rest .*-X (PUT|POST)", line)]
    assert len(acting) > 5 and all(line.startswith("PODS=$(all) ") for line in acting)


def test_metrics_are_those_of_the_connector(run):
    found, _ = run("metrics 'requests_total|other'")
    assert found == ["== pod/web-0", 'kafka_http_sink_requests_total{connector="orders"} 1',
                     "== pod/web-1", 'kafka_http_sink_requests_total{connector="orders"} 1']


def test_nothing_needs_a_shell_in_the_image():
    assert " exec " not in "".join(BLOCKS)
