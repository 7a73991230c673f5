"""Alerts and dashboard use only metrics that the program exposes, checked against a real scrape in Prometheus."""

import re
import subprocess

import pytest

import kafka_cluster
from endpoint import DELIVERED, RETRY, Answer, Endpoint
from prometheus import Prometheus, Vocabulary, monitoring, promql
from rest import Rest
from sidecar import Sidecar
from waiting import eventually

# A fatal client error cannot be caused at will.
UNSEEN = {("fatal", "true")}


def decide(request):
    """Offset 1 is retried, offset 2 dropped, the rest delivered."""
    if request.offset == 1 and request.attempt == 1:
        return RETRY
    return Answer(status=422, body=b'{"retry":true}') if request.offset == 2 else DELIVERED


@pytest.fixture(scope="module")
def scraped(binary, kafka, tmp_path_factory):
    """A sidecar with deliveries, retries, drops, dead letters, commits and a Kafka error, and its Prometheus."""
    directory = tmp_path_factory.mktemp("scraped")
    topic, letters = kafka.topic(2), kafka.topic()
    one, other = kafka_cluster.unique("backs-off"), kafka_cluster.unique("drops")
    with Endpoint(decide) as endpoint:
        sidecar = Sidecar(binary, directory / "sidecar", kafka.bootstrap)
        api = Rest(sidecar)
        sidecar.connector(one, topic, endpoint, {"retry.backoff.sec": "0.1"})
        sidecar.connector(other, topic, endpoint, {
            "exception.strategy": "DROP_MESSAGE", "errors.deadletterqueue.topic.name": letters})
        sidecar.connector(kafka_cluster.unique("no-topic"), kafka_cluster.unique("missing"), endpoint)
        sidecar.start()
        kafka.produce(topic, [b"0", b"1", b"2", b"3"])
        eventually(lambda: kafka.all_committed(one, topic) and kafka.all_committed(other, topic), "everything is committed")
        api.get("/connectors")
        eventually(lambda: sidecar.metrics().series("kafka_errors_total"), "an error of the Kafka client")
        with Prometheus(directory / "prometheus", sidecar) as prometheus:
            # Several scrapes, so that rates exist.
            eventually(lambda: prometheus.query("count_over_time(kafka_http_sink_build_info[1m]) > 3"), "four scrapes")
            yield sidecar, prometheus
        sidecar.end_of_test()


@pytest.fixture(scope="module")
def vocabulary(scraped):
    return Vocabulary(scraped[1])


def test_promtool_accepts_the_scrape(scraped):
    """Names, help texts, types and labels satisfy Prometheus's linter."""
    sidecar, _ = scraped
    done = subprocess.run(["promtool", "check", "metrics"], input=sidecar.get("/metrics")[2], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("where", monitoring.expressions())
def test_an_expression_uses_only_scraped_metrics_and_labels(vocabulary, where):
    assert not vocabulary.problems(monitoring.expressions()[where], UNSEEN)


def test_a_misspelled_metric_label_or_value_is_found(vocabulary):
    """Misspells each name in each expression once."""
    unseen_by_us = {value for _, value in UNSEEN}
    planted, missed = 0, []
    for where, expression in monitoring.expressions().items():
        selectors, labels = promql.references(expression)
        names = {one.name for one in selectors} | set(labels)
        names |= {matcher[0] for one in selectors for matcher in one.matchers}
        names |= {value for one in selectors for _, _, matcher in one.matchers for value in matcher.split("|")
                  if re.fullmatch(r"[\w-]+", value)} - unseen_by_us
        for name in names:
            for found in re.finditer(rf"(?<![\w-]){re.escape(name)}(?![\w-])", expression):
                spoilt = f"{expression[:found.start()]}{name}x{expression[found.end():]}"
                planted += 1
                if not vocabulary.problems(spoilt, UNSEEN):
                    missed.append((where, spoilt))
    assert planted > 500 and not missed, f"{len(missed)} of {planted}: {missed[:3]}"


@pytest.mark.parametrize("panel,target", monitoring.targets(),
                         ids=[f"{panel['title']}-{target['refId']}" for panel, target in monitoring.targets()])
def test_a_panel_has_data_and_its_legend_has_values(scraped, panel, target):
    """Only expressions that compare with a bound may be empty."""
    _, prometheus = scraped
    expression = monitoring.without_variables(target["expr"])
    shown = prometheus.query(expression)
    assert shown or re.search(r" > 0$", expression), "nothing"
    wanted = re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))
    for labels, _ in shown:
        assert set(wanted) <= set(labels), labels
    if wanted and not shown:
        canonical = prometheus.api("format_query", query=expression)
        assert set(wanted) <= set(promql.references(canonical)[1])


def test_only_metrics_of_the_program_are_used(vocabulary):
    """Of Prometheus's own metrics only `up` is used."""
    for where, expression in monitoring.expressions().items():
        for selector in promql.references(expression)[0]:
            assert re.match("kafka_http_sink_|process_|up$", selector.name), (where, selector.name)
            assert vocabulary.of(selector.name), (where, selector.name)
