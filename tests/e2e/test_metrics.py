"""Metrics and probes."""

import pathlib
import re
import subprocess

from endpoint import DELIVERED, RETRY
from waiting import eventually

# Series that a new connector must have with value 0: name -> (type, fixed label values).
AT_ZERO = {
    "connector_invalid": ("gauge", {}),
    "tasks_stopped": ("gauge", {}),
    "task_stops_total": ("counter", {"reason": ["strategy", "error"]}),
    "records_dropped_total": ("counter", {"reason": ["response_error", "retries_exhausted", "tombstone", "status",
                                                     "unsendable"]}),
    "records_lost_total": ("counter", {"reason": ["retention", "truncated", "recreated"]}),
    "responses_without_indicator_total": ("counter", {}),
    "retries_total": ("counter", {"reason": ["indicator", "status", "no_indicator", "timeout", "connect", "dns", "tls",
                                             "io", "proxy", "auth"]}),
    "connections_total": ("counter", {"outcome": ["opened", "failed", "stale"]}),
    "requests_resent_total": ("counter", {}),
    "requests_total": ("counter", {"code_class": ["2xx", "3xx", "4xx", "5xx", "none"]}),
    "requests_in_flight": ("gauge", {}),
    "records_buffered": ("gauge", {}),
    "record_bytes_buffered": ("gauge", {}),
    "records_waiting_retry": ("gauge", {}),
    "offset_commits_total": ("counter", {"outcome": ["ok", "failed"]}),
}
HISTOGRAMS = ("request_duration_seconds", "delivery_duration_seconds", "record_age_seconds")
STATES = {"running", "paused", "stopped", "failed", "restarting", "unassigned"}
LABELS = {"connector", "version", "revision", "librdkafka", "group", "target_host", "origin", "state", "reason",
          "topic", "partition", "code_class", "outcome", "code", "fatal", "status", "mode", "method", "le"}


def test_every_series_of_a_connector_starts_at_zero(kafka, sidecar, endpoint, name):
    # Its topic is created later: until then nothing is assigned and no start offset is committed.
    sidecar.connector(name, f"{name}-later", endpoint)
    sidecar.start()
    eventually(lambda: sidecar.metrics().series("connector_info", connector=name), "it has started")
    metrics = sidecar.metrics()
    for metric, (kind, labels) in AT_ZERO.items():
        assert metrics.types.get(f"kafka_http_sink_{metric}") == kind, metric
        for label, values in (labels or {"connector": [name]}).items():
            for value in values:
                assert metrics.value(metric, **{"connector": name, label: value}) == 0, (metric, label, value)
    for metric in HISTOGRAMS:
        assert metrics.types[f"kafka_http_sink_{metric}"] == "histogram"
        assert metrics.value(f"{metric}_count", connector=name) == 0
        assert metrics.value(f"{metric}_bucket", connector=name, le="+Inf") == 0


def test_the_connector_state_is_a_state_set_and_the_info_names_the_target(kafka, sidecar, endpoint, name):
    sidecar.connector(name, kafka.topic(3), endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    states = {labels["state"]: value for labels, value in sidecar.metrics().series("connector_state", connector=name)}
    assert set(states) == STATES and sum(states.values()) == states["running"] == 1
    (info, value), = sidecar.metrics().series("connector_info", connector=name)
    assert value == 1 and info["group"] == f"connect-{name}" and info["origin"] == "file"
    assert info["target_host"].startswith("127.0.0.1")
    assert sidecar.value("assigned_partitions", connector=name) == 3


def test_counters_match_the_events_and_have_only_the_documented_labels(kafka, sidecar, endpoint, name):
    topic = kafka.topic(2)
    kafka.produce(topic, [b"12345"] * 10, partition=0, key=b"key-of-the-record")
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    metrics = sidecar.metrics()
    assert metrics.value("records_consumed_total", connector=name, topic=topic) == 10
    assert metrics.value("record_bytes_consumed_total", connector=name, topic=topic) >= 50
    assert metrics.value("records_delivered_total", connector=name, topic=topic) == 10
    assert metrics.value("requests_total", connector=name, code_class="2xx") == 10
    for metric in HISTOGRAMS:
        assert metrics.value(f"{metric}_count", connector=name) == 10
    assert metrics.value("last_delivery_timestamp_seconds", connector=name) > 1_600_000_000
    for (metric, labels), _ in metrics.samples.items():
        assert {label for label, _ in labels} <= LABELS, metric
        assert not [value for _, value in labels if "key-of-the-record" in value or "http://" in value]
    # The broker has the commit before its answer arrives.
    eventually(lambda: sidecar.value("offset_commits_total", connector=name, outcome="ok") >= 1, "a commit is counted")


def reference():
    """Returns the metrics in etc/README.md: full name -> (type, labels)."""
    text = (pathlib.Path(__file__).parents[2] / "etc/README.md").read_text()
    text = text[text.index("<!-- metrics:"):text.index("<!-- end of metrics -->")]
    metrics = {}
    for part, own in zip(text.split("| of the process |"), ({"connector"}, set())):
        for name, kind, labels in re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", part, re.M):
            full = name if name.startswith("process_") else f"kafka_http_sink_{name}"
            metrics[full] = kind, own | set(re.findall(r"`(\w+)`", labels))
    return metrics


def test_the_reference_documents_the_metrics_of_a_first_scrape(kafka, sidecar, endpoint, name):
    sidecar.connector(name, kafka.topic(), endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    sidecar.wait_for_value(0, "consumer_lag_records", connector=name)
    metrics, wanted = sidecar.metrics(), reference()
    assert len(wanted) > 40
    assert metrics.types == {metric: kind for metric, (kind, _) in wanted.items()}
    for (sample, labels), _ in metrics.samples.items():
        family = re.sub("_(bucket|sum|count)$", "", sample) if sample not in wanted else sample
        assert {label for label, _ in labels} - {"le"} == wanted[family][1], sample


def test_lag_is_the_log_end_minus_the_committed_offset(kafka, sidecar, rest, endpoint, name):
    topic = kafka.topic(3)
    kafka.produce(topic, [b"x"] * 10, partition=0)
    kafka.produce(topic, [b"y"] * 4, partition=1)
    endpoint.decide = lambda one: RETRY if one.offset >= 4 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.2] * 1000})
    sidecar.start()

    def shows(*lags):
        for partition, lag in enumerate(lags):
            sidecar.wait_for_value(lag, "consumer_lag_records", connector=name, topic=topic, partition=str(partition))
    shows(6, 0, 0)
    rest.put(rest.at(name, "pause")).must(202)
    kafka.produce(topic, [b"z"] * 5, partition=0)
    kafka.produce(topic, [b"z"] * 7, partition=1)
    shows(11, 7, 0)
    endpoint.decide = lambda one: DELIVERED
    rest.put(rest.at(name, "resume")).must(202)
    shows(0, 0, 0)
    sidecar.stop()


def test_process_metrics_match_proc(kafka, sidecar, endpoint, name):
    sidecar.connector(name, kafka.topic(), endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    own = pathlib.Path(f"/proc/{sidecar.process.pid}")

    def agree():
        """Numbers may change between the two reads, so the caller retries."""
        shown = sidecar.metrics()
        return (abs(shown.value("process_open_fds") - len(list((own / "fd").iterdir()))) <= 3
                and abs(shown.value("process_threads") - len(list((own / "task").iterdir()))) <= 3)

    eventually(agree, "descriptors and threads match /proc")
    metrics = sidecar.metrics()
    limit = re.search(r"^Max open files +(\d+)", (own / "limits").read_text(), re.M)[1]
    assert metrics.value("process_max_fds") == int(limit)
    resident = int(re.search(r"^VmRSS:\s+(\d+) kB", (own / "status").read_text(), re.M)[1]) * 1024
    assert 0.8 < metrics.value("process_resident_memory_bytes") / resident < 1.25
    started = metrics.value("process_start_time_seconds")
    assert abs(started - own.stat().st_ctime) < 60
    assert metrics.value("process_cpu_seconds_total") > 0


def test_series_are_removed_with_their_connector(kafka, sidecar, endpoint, name):
    sidecar.connector(name, kafka.topic(), endpoint)
    sidecar.connector(f"{name}-stays", kafka.topic(), endpoint)
    sidecar.start()
    sidecar.wait_running(name, f"{name}-stays")
    sidecar.remove(name)
    sidecar.reload()
    eventually(lambda: f'"{name}"' not in sidecar.get("/metrics")[2], "the series of the removed connector are gone")
    assert f'"{name}-stays"' in sidecar.get("/metrics")[2]


def test_the_scrape_has_the_documented_content_type_and_the_build_info(kafka, sidecar, endpoint, name, binary):
    sidecar.connector(name, kafka.topic(), endpoint)
    sidecar.start()
    status, headers, text = sidecar.get("/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert text.endswith("\n")
    metrics = sidecar.metrics()
    (build, value), = metrics.series("build_info")
    version = subprocess.run([str(binary), "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert value == 1 and build["version"] in version and build["librdkafka"] in version and "revision" in build
    assert metrics.value("config_files", status="valid") == 1
    unprefixed = [metric for metric, _ in metrics.samples if not re.match("kafka_http_sink_|process_", metric)]
    assert not unprefixed


def test_probes_answer_and_report_readiness(kafka, sidecar, endpoint, name):
    sidecar.connector(name, kafka.topic(), endpoint)
    sidecar.start()
    for path in ("/livez", "/startupz", "/readyz"):
        sidecar.wait_for_probe(path)


def test_a_failed_connector_does_not_fail_the_liveness_probe(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    endpoint.decide = lambda one: RETRY
    sidecar.connector(name, topic, endpoint, {"exception.strategy": "STOP_TASK"})
    sidecar.start()
    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    assert sidecar.probe("/livez") == 200


def test_the_metrics_listener_can_be_disabled(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    sidecar.settings["metrics.listen"] = ""
    sidecar.connector(name, topic, endpoint)
    sidecar.start(wait=False)
    endpoint.wait_for(1)
    sidecar.stop()
