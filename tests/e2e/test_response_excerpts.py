"""What is shown of the endpoint's error responses."""

from endpoint import Answer, DELIVERED
from sidecar import fields
from test_secrets import assert_not_shown
from waiting import eventually

SECRET = "s3cret/of+the=endpoint"


def refusal(request):
    """An answer that quotes the credentials of its request, in several encodings."""
    credential = request.headers["authorization"].removeprefix("Bearer ")
    encoded = credential.replace("/", "%2F").replace("+", "%2b")
    body = '{\r\n\t"error": "no such customer",\n\t"authorization": "Bearer %s",\n\t"url": "?t=%s",\n\t"more": "%s"}' % (
        credential.replace("/", "\\/"), encoded, "x" * 2000)
    return Answer(status=422, body=body.encode())


def test_an_error_response_is_shown_without_secrets_where_its_key_asks_for_it(kafka, sidecar, rest, endpoint, name):
    topic, letters = kafka.topic(), kafka.topic()
    kafka.produce(topic, [b"0"])
    (sidecar.secrets / "token").write_text(SECRET + "\n")
    endpoint.decide = refusal
    keys = {"callback.request.headers": {"Authorization": f"Bearer ${{file:{sidecar.secrets}/token}}"},
            "exception.strategy": "DROP_MESSAGE", "errors.deadletterqueue.topic.name": letters,
            "response.body.log.bytes": 160}
    sidecar.connector(name, topic, endpoint, keys)
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "the record is dropped")
    assert endpoint.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    excerpt = '{ "error": "no such customer", "authorization": "Bearer ***", "url": "?t=***", "more": "xxxx'
    line, = sidecar.log.find("record dropped", name)
    said = fields(line)["error"]
    assert said.startswith(f"HTTP 422, no retry indicator: {excerpt}") and said.endswith("xxx..."), line
    errors = rest.status(name)["errors"]
    assert errors["retries"] == 0 and errors["dropped"] == 1 and errors["last"]["error"] == said
    assert {key: errors["last"][key] for key in ("topic", "partition", "offset", "attempts", "status", "reason", "outcome")} == {
        "topic": topic, "partition": 0, "offset": 0, "attempts": 1, "status": 422, "reason": "response_error",
        "outcome": "dead_letter"}
    letter, = kafka.read(letters)
    assert dict(letter.headers())["__connect.errors.exception.message"].decode() == f"{said} after 1 attempt"

    sidecar.connector(name, topic, endpoint, {**keys, "exception.strategy": "STOP_TASK"})
    sidecar.wait_for_value(2, "config_reloads_total", outcome="changed")
    kafka.produce(topic, [b"1"])
    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    task, = rest.status(name)["tasks"]
    assert task["trace"].startswith(f"{topic}[0]@1: response error (HTTP 422, no retry indicator: {excerpt}")
    assert "\n" not in task["trace"]
    last = rest.status(name)["errors"]["last"]
    assert (last["offset"], last["outcome"]) == (1, "stopped")
    assert SECRET.encode() not in rest.get(rest.at(name, "status")).body
    assert_not_shown(sidecar, SECRET)


def test_nothing_of_a_response_is_shown_by_default(kafka, sidecar, rest, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    endpoint.decide = lambda one: Answer(status=422, body=b"quotes the record") if one.attempt == 1 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.05]})
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    errors = rest.status(name)["errors"]
    assert (errors["retries"], errors["dropped"], errors["last"]["outcome"]) == (1, 0, "retried")
    line, = sidecar.log.find("record will be retried", name)
    assert fields(line)["error"] == "HTTP 422, no retry indicator"
    assert not sidecar.log.find("quotes the record")
