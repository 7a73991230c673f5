"""The calls that are sent to a Kafka Connect worker and to our program, in order, and the states to wait for between
them.
"""

import dataclasses

from connect_compare import OWN, Call
from connect_differences import (
    ACCEPT_NOT, BETWEEN_WORKERS, BOOLEAN_TOLD, CREATED_PAUSED, CREATED_PAUSED_OFFSETS, DEAD_LETTERS_LEFT_OUT,
    DEAD_LETTERS_TOLD, ENCODED, FREE_KEYS, GET_TOO, HTML, HUGE_NUMBER, LOCATION, LOGGER, LOGGERS, LOG_LEVEL, MISTAKE,
    MORE_CALLS, NOT_MADE, NO_CLASS, NO_CLASS_EITHER, NO_CLASS_TOLD, NO_OFFSET, NO_SUCH_TASK, NO_TRANSFORMS,
    NO_TRANSFORMS_TOLD, NUMBER_AS_NAME, OFFSETS, OFFSETS_TWICE, OLD_TASKS, OTHER_NAME, OTHER_TYPE, OTHER_TYPE_TOLD,
    PLUGINS, PUT_TOO, RESTART, STRICTER, TWICE, TYPE_OF_GET, UNKNOWN_KEY, UNKNOWN_KEY_TOLD, VERSION, WORDS, WORDS_TOLD)
from rest import offset

ONE, NOBODY, FAILED = "/connectors/@n@one", "/connectors/@n@nobody", "/connectors/@n@failed"
PLUGIN = "/connector-plugins/@plugin@"
VALIDATE = f"{PLUGIN}/config/validate"
ROOT = "/admin/loggers/root"
TEXT = ("Content-Type", "text/plain")
NO_TYPE = ("Content-Type", None)


@dataclasses.dataclass(frozen=True)
class Until:
    """Waits until `holds` accepts the answers of both sides to `GET path`; `ours` replaces it for our answer."""
    path: str
    holds: object
    ours: object = None


@dataclasses.dataclass(frozen=True)
class Repair:
    """Removes the cause of failure of the tasks of the variant "failing"."""


def call(method):
    def made(path, body=None, *headers):
        return Call(method, path, body, headers)
    return made


get, post, put, patch, delete = (call(method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE"))
head, options = call("HEAD"), call("OPTIONS")


def shows(difference, *calls):
    return [dataclasses.replace(one, differs=(*one.differs, difference)) for one in calls]


def status(connector, *tasks):
    def holds(answer):
        return answer.status == 200 and (
            [one["state"] for one in (answer.body["connector"], *answer.body["tasks"])] == [connector, *tasks])
    return holds


def until(path, *states, ours=None):
    return Until(f"{path}/status", status(*states), ours and status(*ours))


def gone(path):
    return Until(f"{path}/status", lambda answer: answer.status == 404)


def committed(path, at):
    return Until(f"{path}/offsets", lambda answer: answer.status == 200 and
                 [one["offset"]["kafka_offset"] for one in answer.body["offsets"]] == [at])


def config(variant="good", **keys):
    """A connector configuration; dotted keys are given as a__b=…"""
    return {"connector.class": "@class@", "topics": "@topic@", OWN: variant,
            **{key.replace("__", "."): value for key, value in keys.items()}}


def creating(keys, name="@n@bad", **more):
    return post("/connectors", {"name": name, "config": keys, **more})


def sent(text):
    return post("/connectors", text)


BASICS = [
    *shows(VERSION, get("/")), get("/health"), get("/connectors"), get("/connectors/"),
    get("/connectors?expand=status"), get("/nothing"), get(f"{ONE}/nothing"), get("//connectors"),
    get("/connectors//status"), get("/Connectors"),
    get("/connectors/@n@nobody%2Fstatus"), get("/admin"), get(PLUGIN), get(f"{ROOT}/level"),
    *shows(HTML, get("/connectors/%zz")),
]

METHODS = [
    *(options(path) for path in (
        "/", "/connectors", f"{NOBODY}/config", f"{NOBODY}/status", f"{NOBODY}/tasks/0/status",
        f"{NOBODY}/tasks/0/restart", f"{NOBODY}/restart", f"{NOBODY}/stop", f"{NOBODY}/topics",
        f"{NOBODY}/topics/reset", f"{NOBODY}/offsets",
        "/connector-plugins", f"{PLUGIN}/config", VALIDATE, "/admin/loggers", ROOT, "/health", "/nothing")),
    *shows(BETWEEN_WORKERS, options(f"{NOBODY}/tasks")),
    *shows(PUT_TOO, options(NOBODY)), *shows(GET_TOO, options(f"{NOBODY}/pause"), options(f"{NOBODY}/resume")),
    delete("/"), delete("/connectors"), post(NOBODY), patch(NOBODY, {}), post(f"{NOBODY}/config", {}),
    delete(f"{NOBODY}/config"), put(f"{NOBODY}/status"), delete(f"{NOBODY}/tasks"), get(f"{NOBODY}/tasks/0/restart"),
    get(f"{NOBODY}/restart"), put(f"{NOBODY}/restart"), post(f"{NOBODY}/pause"), delete(f"{NOBODY}/resume"),
    get(f"{NOBODY}/stop"), post(f"{NOBODY}/stop"), delete(f"{NOBODY}/topics"), get(f"{NOBODY}/topics/reset"),
    put(f"{NOBODY}/offsets", {}), post(f"{NOBODY}/offsets", {}), post("/connector-plugins"),
    put(f"{PLUGIN}/config", {}), get(VALIDATE), post(VALIDATE, {}), delete("/admin/loggers"), delete(ROOT),
    post("/health"),
    call("PROPFIND")("/connectors"),
    *shows(MORE_CALLS, get(f"{NOBODY}/pause"), get(f"{NOBODY}/resume"), put(NOBODY, {})),
    *(head(path) for path in ("/", "/connectors", NOBODY, f"{NOBODY}/status", "/connector-plugins", ROOT, "/health",
                              "/nothing", f"{NOBODY}/restart")),
]

MEDIA_TYPES = [
    *(get("/connectors", None, ("Accept", accept)) for accept in (
        "*/*", "application/*", "application/json;q=0.5, text/html", "text/html", "application/xml",
        "text/html, */*;q=0.1", "nonsense", "application/vnd.api+json")),
    *shows(ACCEPT_NOT, get("/connectors", None, ("Accept", "application/json;q=0"))),
    post("/connectors", "{}", TEXT), post("/connectors", None, TEXT),
    post("/connectors", "{}", ("Content-Type", "application/x-www-form-urlencoded")),
    put(f"{NOBODY}/config", "{}", TEXT),
    patch(f"{NOBODY}/config", "{}", ("Content-Type", "application/merge-patch+json")),
    patch(f"{NOBODY}/config", "{}", ("Content-Type", "Application/JSON; charset=utf-8")),
    patch(f"{NOBODY}/offsets", "{}", TEXT), put(VALIDATE, "{}", TEXT), put(ROOT, "{}", TEXT),
    put(f"{NOBODY}/pause", None, TEXT), put(f"{NOBODY}/resume", None, ("Content-Type", "application/json")),
    put(f"{NOBODY}/stop", "{}"), post(f"{NOBODY}/restart", "{}", TEXT), delete(NOBODY, None, TEXT),
    post("/nothing", "{}", TEXT), delete("/connectors", None, TEXT), post("/connectors", "{}", NO_TYPE),
    *shows(TYPE_OF_GET, get(NOBODY, None, TEXT)),
    *shows(HTML, post("/connectors", "{}", ("Content-Type", "nonsense"))),
    *shows(ENCODED, post("/connectors", "{}", ("Content-Encoding", "gzip"))),
]

BODIES = [
    *shows(MISTAKE, *(sent(text) for text in (
        "", "null", "[]", "1", '"text"', "{", "{}", "not JSON", '{"name":"@n@bad"}', '{"name":"@n@bad","config":null}',
        '{"name":"@n@bad","config":[]}', '{"name":"@n@bad","config":"text"}',
        '{"name":"@n@bad","config":{"topics":{"a":1}}}', '{"name":"@n@bad","config":{"topics":["a"]}}',
        '{"name":"@n@bad","config":{},"extra":1}',
        '{"name":"@n@bad","config":{}} more', '{"name":"@n@bad","config":{},}', "{'name':'@n@bad','config':{}}",
        '{"name":["@n@bad"],"config":{}}', '{"name":"@n@bad","config":{"connector.class":"com.example.Other"}}',
        '{"name":"@n@bad","config":{"connector.class":""}}'))),
    *shows(MISTAKE, *(creating(config(), initial_state=state) for state in ("HALTED", "", 1, ["PAUSED"]))),
    *shows(NUMBER_AS_NAME, sent('{"name":1,"config":{}}')),
    *shows(TWICE, sent('{"name":"@n@bad","name":"@n@worse","config":{}}'),
           sent('{"name":"@n@bad","config":{"topics":"a","topics":"b"}}')),
    *shows(NO_CLASS_EITHER, *(sent(text) for text in (
        '{"name":"@n@bad","config":{}}', '{"config":{}}', '{"name":null,"config":{}}', '{"name":"","config":{}}',
        '{"name":"@n@bad","config":{"connector.class":null}}'))),
    sent('{"name":"@n@bad","config":{"name":"@n@other"}}'), creating(config(name="@n@other")),
    creating(config(), name=""),
    *(creating(config(**keys)) for keys in (
        {"topics": ""}, {"topics__regex": "b.*"}, {"tasks__max": "0"}, {"tasks__max": "-1"},
        {"tasks__max__enforce": "maybe"}, {"errors__tolerance": "some"}, {"errors__retry__timeout": "soon"},
        {"errors__log__enable": "1"},
        {"config__action__reload": "sometimes"}, {"tasks__max": "0", "errors__tolerance": "some"})),
    *shows(WORDS, *(creating(config(**keys)) for keys in (
        {"topics": None}, {"value__converter": "com.example.Other"}, {"value__converter": None},
        {"errors__deadletterqueue__topic__name": "@topic@"}, {"topics__regex": "(", "topics": ""}))),
    *shows(WORDS, *(creating(config(), name=name) for name in ("a\nb", "\x7f", "\x85"))),
    *shows(OTHER_TYPE, *(creating(config(tasks__max=number)) for number in ("many", "1.5", "99999999999", None))),
    *shows(NO_TRANSFORMS, creating(config(transforms="a")), creating(config(predicates="a"))),
    get("/connectors"),
]

CREATED = [
    creating(config(), name="@n@one"), until(ONE, "RUNNING", "RUNNING"),
    get("/connectors"), get(ONE), get(f"{ONE}/"), get(f"{ONE}/config"), get(f"{ONE}/status"), get(f"{ONE}/status/"),
    get(f"{ONE}/tasks"), get(f"{ONE}/tasks/0/status"), get(f"{ONE}/tasks/9/status"), get(f"{ONE}/tasks/x/status"),
    get(f"{ONE}/tasks/-1/status"), get(f"{ONE}/tasks/0"), get(f"{ONE}/tasks/99999999999/status"),
    get(f"{ONE}/tasks/+0/status"), get(f"{ONE}/tasks/00/status"), head(ONE), head(f"{ONE}/status"),
    *(get(f"/connectors?{query}") for query in (
        "expand=status", "expand=info", "expand=status&expand=info", "expand=info,status", "expand=nothing",
        "expand=INFO", "expand", "expand=", "forward=false&expand=info")),
    creating(config(), name="@n@one"), creating(config(), name=" @n@one "),
    creating(config(tasks__max="0"), name="@n@one"),
    post("/connectors?forward=true", {"name": "@n@one", "config": config()}),
]

NOT_THERE = [
    *(get(f"{NOBODY}{what}") for what in (
        "", "/config", "/status", "/tasks", "/tasks/0/status", "/topics", "/offsets")),
    *(put(f"{NOBODY}/{what}") for what in ("topics/reset", "pause", "resume", "stop")),
    *(post(f"{NOBODY}/{what}") for what in ("restart", "restart?includeTasks=true", "tasks/0/restart")),
    post(f"{ONE}/tasks/9/restart"), post(f"{ONE}/tasks/x/restart"), delete(NOBODY), delete(f"{NOBODY}/offsets"),
    patch(f"{NOBODY}/config", {}), patch(f"{NOBODY}/config", {"topics": "a"}), get("/connectors/@n@ONE"),
    *shows(NOT_MADE, get(f"{NOBODY}/tasks-config")),
]

STOPPED = {"initial_state": "STOPPED"}
NAMES = [
    *(step for name, path in (("@n@ a b", "@n@%20a%20b"), ("@n@žluť 🐎", "@n@%C5%BElu%C5%A5%20%F0%9F%90%8E"),
                              ("@n@\"q\"\\", "@n@%22q%22%5C"))
      for step in (creating(config(), name=name, **STOPPED), get(f"/connectors/{path}"),
                   delete(f"/connectors/{path}"))),
    *(step for name, path in (("@n@a/b", "@n@a%2Fb"), ("@n@a+b", "@n@a+b"), ("@n@a%2Fb", "@n@a%252Fb"),
                              ("@n@a?b#c&d;e", "@n@a%3Fb%23c%26d%3Be"))
      for step in (*shows(LOCATION, creating(config(), name=name, **STOPPED)), get(f"/connectors/{path}"),
                   get(f"/connectors/{path}/config"), delete(f"/connectors/{path}"), gone(f"/connectors/{path}"))),
    put("/connectors/@n@%20x%20/config", config(name="@n@ x ")), get("/connectors/@n@%20x%20"),
    delete("/connectors/@n@%20x%20"),
    *shows(WORDS, put("/connectors/@n@a%0Ab/config", config())),
    put("/connectors/@n@a;b=c/config", config(tasks__max="0")),
]

OTHER, RENAMED = "/connectors/@n@other", "/connectors/@n@renamed"
CONFIGS = [
    put(f"{ONE}/config", config()), until(ONE, "RUNNING", "RUNNING"),
    *shows(OLD_TASKS, put(f"{ONE}/config", config(tasks__max="2"))), until(ONE, "RUNNING", "RUNNING", "RUNNING"),
    get(f"{ONE}/tasks"), get(ONE),
    put(f"{ONE}/config", config(tasks__max="0")), put(f"{ONE}/config", config(name="@n@other")),
    *shows(OLD_TASKS, put(f"{ONE}/config", config(name=None))), until(ONE, "RUNNING", "RUNNING"),
    *shows(MISTAKE, put(f"{ONE}/config", config(connector__class="com.example.Other")),
           *(put(f"{ONE}/config", text) for text in ("", "null", "[]", "{"))),
    *shows(NO_CLASS_EITHER, put(f"{ONE}/config", {})),
    *shows(NO_CLASS, put(f"{ONE}/config", {"topics": "@topic@", OWN: "good"})),
    *shows(OLD_TASKS, put(f"{ONE}/config", config(tasks__max="2"))), until(ONE, "RUNNING", "RUNNING", "RUNNING"),
    *shows(OLD_TASKS, patch(f"{ONE}/config", {"tasks.max": "1"})), until(ONE, "RUNNING", "RUNNING"),
    get(f"{ONE}/config"),
    patch(f"{ONE}/config", {}), patch(f"{ONE}/config", {"tasks.max": None}), get(f"{ONE}/config"),
    patch(f"{ONE}/config", {"tasks.max": "0"}), patch(f"{ONE}/config", {"topics": None}),
    patch(f"{ONE}/config", {"nothing.of.this": None}), get(f"{ONE}/config"),
    *shows(MISTAKE, *(patch(f"{ONE}/config", text) for text in ("", "null", "[]", "{", '{"tasks.max":{"a":1}}'))),
    *shows(NO_CLASS, patch(f"{ONE}/config", {"connector.class": None})),
    put(f"{ONE}/config", config()), until(ONE, "RUNNING", "RUNNING"), get(f"{ONE}/config"),
    put(f"{RENAMED}/config", config()), until(RENAMED, "RUNNING", "RUNNING"),
    *shows(OTHER_NAME, patch(f"{RENAMED}/config", {"name": "@n@other"})), delete(RENAMED), gone(RENAMED),
    *shows(STRICTER, put(f"{ONE}/config", config(topics="@topic@,,@topic@")),
           put(f"{ONE}/config", config(consumer__override__client__id="\0"))),
    *shows(UNKNOWN_KEY, put(f"{ONE}/config", config(a__key__of__nobody="x"))),
    put(f"{ONE}/config", config()), until(ONE, "RUNNING", "RUNNING"), get(f"{ONE}/config"),
    put(f"{OTHER}/config", config(tasks__max=" 1 ")), get(f"{OTHER}/config"), delete(OTHER), gone(OTHER),
]

LITERALS = "/connectors/@n@literals"
DEFINITION = '{"connector.class":"@class@","topics":"@topic@",@own-json@}'


def literal(key, text):
    return put(f"{LITERALS}/config", f'{DEFINITION[:-1]},"{key}":{text}}}')


NUMBERS = [
    literal("tasks.max", "1"), until(LITERALS, "RUNNING", "RUNNING"),
    *(literal("errors.log.enable", text) for text in ("true", "false")),
    *shows(HUGE_NUMBER, literal("consumer.override.client.id", "1E400")),
    *(literal("consumer.override.client.id", text) for text in (
        "1.0", "1e3", "-0", "12345678901234567890", "1.10", "0.1e-7", "true", '"\\ud83d\\udc0e"')),
    get(f"{LITERALS}/config"),
    *shows(OTHER_TYPE, *(literal("tasks.max", text) for text in ("1.0", "1e0", "true"))),
    *shows(MISTAKE, *(literal("tasks.max", text) for text in ("01", "+1", "0x1", "NaN"))),
    *(Call("PUT", f"{LITERALS}/config", DEFINITION, encoding=one)
      for one in ("utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-32-le")),
    get(f"{LITERALS}/config"), delete(LITERALS), gone(LITERALS),
]

RUNNING = ("RUNNING", "RUNNING")
STATES = [
    put(f"{ONE}/pause"), until(ONE, "PAUSED", "PAUSED"), put(f"{ONE}/pause"), get(f"{ONE}/status"), get(ONE),
    get(f"{ONE}/tasks/0/status"), post(f"{ONE}/restart"), until(ONE, "PAUSED", "PAUSED"),
    post(f"{ONE}/restart?includeTasks=true"), until(ONE, "PAUSED", "PAUSED"),
    put(f"{ONE}/config", config(errors__log__enable="true")), until(ONE, "PAUSED", "PAUSED"), get(f"{ONE}/status"),
    delete(f"{ONE}/offsets"), patch(f"{ONE}/offsets", {"offsets": [offset("@topic@", 0, 0)]}),
    put(f"{ONE}/resume"), until(ONE, *RUNNING), put(f"{ONE}/resume"), get(f"{ONE}/status"),
    put(f"{ONE}/stop"), until(ONE, "STOPPED"), put(f"{ONE}/stop"), get(f"{ONE}/status"), get(ONE), get(f"{ONE}/tasks"),
    get(f"{ONE}/tasks/0/status"), *shows(NO_SUCH_TASK, post(f"{ONE}/tasks/0/restart")), post(f"{ONE}/restart"),
    until(ONE, "STOPPED"),
    put(f"{ONE}/config", config()), get(f"{ONE}/config"), get("/connectors?expand=status&expand=info"),
    put(f"{ONE}/pause"), until(ONE, "PAUSED"), get(f"{ONE}/status"), put(f"{ONE}/resume"), until(ONE, *RUNNING),
    *(step for query in ("", "?includeTasks=false&onlyFailed=false", "?includeTasks=true", "?onlyFailed=true",
                         "?includeTasks=true&onlyFailed=true", "?includeTasks=maybe", "?includeTasks=TRUE")
      for step in (post(f"{ONE}/restart{query}"), until(ONE, *RUNNING))),
    post(f"{ONE}/tasks/0/restart"), until(ONE, *RUNNING), get(f"{ONE}/status"),
]

TWO, THREE, FOUR, FIVE, SIX = (f"/connectors/@n@{name}" for name in ("two", "three", "four", "five", "six"))
INITIAL_STATES = [
    creating(config(), name="@n@two", initial_state="PAUSED"), until(TWO, "PAUSED", ours=("PAUSED", "PAUSED")),
    *shows(CREATED_PAUSED, get(f"{TWO}/status"), get(TWO)),
    Until(f"{TWO}/offsets", lambda answer: answer.status == 200, committed(TWO, 0).holds),
    *shows(CREATED_PAUSED_OFFSETS, get(f"{TWO}/offsets")), put(f"{TWO}/resume"), until(TWO, *RUNNING), delete(TWO),
    gone(TWO), delete(TWO),
    creating(config(), name="@n@three", initial_state="stopped"), until(THREE, "STOPPED"), get(f"{THREE}/status"),
    get(THREE), get(f"{THREE}/offsets"), put(f"{THREE}/resume"), until(THREE, *RUNNING), delete(THREE), gone(THREE),
    creating(config(), name="@n@four", initial_state="Running"), until(FOUR, *RUNNING), delete(FOUR), gone(FOUR),
    creating(config(), name="@n@five", initial_state=None), until(FIVE, *RUNNING), delete(FIVE), gone(FIVE), get(FIVE),
    get(f"{FIVE}/status"), get(f"{FIVE}/tasks"), get(f"{FIVE}/topics"), get("/connectors"),
    put(f"{SIX}/config", config(tasks__max="2")), until(SIX, *RUNNING, "RUNNING"), delete(SIX), gone(SIX),
]

FAILURES = [
    put(f"{FAILED}/config", config("failing")), until(FAILED, "RUNNING", "FAILED"), get(f"{FAILED}/status"),
    get(f"{FAILED}/tasks/0/status"), get("/connectors?expand=status"),
    post(f"{FAILED}/restart?includeTasks=true&onlyFailed=true"), until(FAILED, "RUNNING", "FAILED"),
    post(f"{FAILED}/tasks/0/restart"), until(FAILED, "RUNNING", "FAILED"),
    put(f"{FAILED}/pause"), until(FAILED, "PAUSED", "FAILED"), get(f"{FAILED}/status"),
    put(f"{FAILED}/resume"), until(FAILED, "RUNNING", "FAILED"),
    Repair(), post(f"{FAILED}/restart"), until(FAILED, "RUNNING", "FAILED", ours=RUNNING),
    *shows(RESTART, get(f"{FAILED}/status")), post(f"{FAILED}/tasks/0/restart"), until(FAILED, *RUNNING),
    put(f"{FAILED}/stop"), until(FAILED, "STOPPED"), get(f"{FAILED}/status"), delete(FAILED), gone(FAILED),
]

TP, AT = {"kafka_topic": "@topic@", "kafka_partition": 0}, {"kafka_offset": 1}


def entry(partition=..., at=...):
    return {key: value for key, value in (("partition", partition), ("offset", at)) if value is not ...}


def altering(*entries, path=ONE):
    return patch(f"{path}/offsets", {"offsets": list(entries)})


OFFSET_CALLS = [
    committed(ONE, 3), get(f"{ONE}/offsets"), get(f"{ONE}/offsets/"), get(f"{ONE}/topics"), put(f"{ONE}/topics/reset"),
    get(f"{ONE}/topics"), altering(offset("@topic@", 0, 0)), altering(), delete(f"{ONE}/offsets"),
    put(f"{ONE}/stop"), until(ONE, "STOPPED"), get(f"{ONE}/offsets"),
    *(patch(f"{path}/offsets", body) for path in (ONE, NOBODY)
      for body in ("{}", '{"offsets":null}', '{"offsets":[]}')),
    *shows(MISTAKE, *(patch(f"{path}/offsets", body) for path in (ONE, NOBODY) for body in (
        "", "null", "[]", "{", '{"offsets":{}}', '{"offsets":[1]}', '{"offsets":[null]}', '{"offset":[]}',
        '{"offsets":[{"partition":[]}]}', '{"offsets":[{"extra":1}]}'))),
    *shows(MISTAKE, altering(entry(TP, 5))),
    *(altering(one) for one in (
        entry(), entry(at=AT), entry(None, AT), entry({}, AT), entry({"kafka_topic": "@topic@"}, AT),
        entry({"kafka_partition": 0}, AT), entry({**TP, "kafka_topic": None}, AT),
        entry({**TP, "kafka_partition": None}, AT),
        entry({**TP, "kafka_partition": "one"}, AT), entry({**TP, "kafka_partition": 0.5}, AT),
        entry({**TP, "kafka_partition": True}, AT), entry({**TP, "kafka_partition": 99999999999}, AT),
        entry(TP, {}), entry(TP, {"kafka_offset": None}), entry(TP, {"kafka_offset": "soon"}),
        entry(TP, {"kafka_offset": 1.5}), entry(TP, {"offset": 1}), entry({**TP, "more": 1}, AT),
        entry(TP, {"kafka_offset": 1, "more": 1}))),
    *shows(OFFSETS, *(altering(one) for one in (
        entry({**TP, "kafka_partition": -1}, AT), entry({**TP, "kafka_topic": 7}, AT),
        entry({**TP, "kafka_topic": ""}, AT), entry({**TP, "kafka_topic": "a b"}, AT),
        entry({**TP, "kafka_topic": "@topic@-missing"}, AT),
        entry({**TP, "kafka_partition": 9}, AT), entry(TP, {"kafka_offset": -1})))),
    *shows(OFFSETS_TWICE, altering(offset("@topic@", 0, 1), offset("@topic@", 0, 2))),
    *(step for partition, at in ((0, 1), ("0", "2"), (0, 99), (0, None))
      for step in (altering(offset("@topic@", partition, at)), get(f"{ONE}/offsets"))),
    *shows(NO_OFFSET, altering(offset("@topic@", 0, None)), altering(entry(TP))),
    altering(offset("@topic@", 0, 1)), altering(offset("@topic@", 0, 1), path=NOBODY), delete(f"{ONE}/offsets"),
    get(f"{ONE}/offsets"), delete(f"{ONE}/offsets"), delete(f"{NOBODY}/offsets"),
    put(f"{ONE}/resume"), committed(ONE, 3), get(f"{ONE}/topics"),
]


JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";'


def validated(**keys):
    return put(VALIDATE, config(**{"name": "@n@validated", **keys}))


PLUGINS_CALLS = [
    *shows(PLUGINS, *(get(f"/connector-plugins{query}") for query in (
        "", "/", "?connectorsOnly=true", "?connectorsOnly=false", "?connectorsOnly=maybe"))),
    get(f"{PLUGIN}/config"), get(f"{PLUGIN}Connector/config"), get("/connector-plugins/@class@/config"),
    get("/connector-plugins/Nothing/config"),
    *(put(f"/connector-plugins/{name}/config/validate", config(connector__class=java_class)) for name, java_class in (
        ("@plugin@", "@class@"), ("@plugin@Connector", "@class@"), ("@class@", "@class@"), ("@plugin@", "@plugin@"),
        ("@plugin@", "@plugin@Connector"), ("Nothing", "@class@"), ("@plugin@", "com.example.Other"))),
    *shows(MISTAKE, *(put(VALIDATE, text) for text in ("", "null", "[]", "{", '{"topics":{}}'))),
    *shows(NO_CLASS_TOLD, put(VALIDATE, {}), put(VALIDATE, {"topics": "a", OWN: "good"}),
           put(VALIDATE, config(connector__class=None))),
    *(validated(**keys) for keys in (
        {"topics": ""}, {"topics__regex": "b.*"}, {"tasks__max": "0"}, {"tasks__max": 2}, {"errors__tolerance": "some"},
        {"config__action__reload": "sometimes"}, {"name": None}, {"value__converter": None},
        {"errors__retry__delay__max__ms": "-2"})),
    *shows(OTHER_TYPE_TOLD, *(validated(**keys) for keys in (
        {"tasks__max": "many"}, {"tasks__max": None}, {"tasks__max__enforce": "maybe"}, {"errors__retry__timeout": "x"},
        {"errors__log__enable": "1"}))),
    *shows(WORDS_TOLD, *(validated(**keys) for keys in (
        {"topics": None}, {"topics": "", "topics__regex": "("}, {"name": "a\nb"}))),
    *shows(WORDS_TOLD, *shows(OTHER_TYPE_TOLD, validated(value__converter="com.example.Other"))),
    *shows(BOOLEAN_TOLD, validated(errors__log__include__messages="TRUE")),
    *shows(DEAD_LETTERS_LEFT_OUT, validated(
        topics="", topics__regex="@topic@.*", errors__deadletterqueue__topic__name="@topic@")),
    *shows(DEAD_LETTERS_TOLD, validated(errors__deadletterqueue__topic__name="@topic@")),
    *shows(NO_TRANSFORMS_TOLD, validated(transforms="a"), validated(predicates="a")),
    *shows(UNKNOWN_KEY_TOLD, validated(a__key__of__nobody="x")),
    *shows(FREE_KEYS, validated(consumer__override__client__id="x"),
           validated(value__converter__schemas__enable="true"),
           validated(value__converter="org.apache.kafka.connect.converters.ByteArrayConverter"),
           validated(consumer__override__sasl__jaas__config=JAAS)),
    get("/connectors"),
]

LOGGER_CALLS = [
    *shows(LOGGERS, get("/admin/loggers"), get("/admin/loggers/")), get(ROOT), get("/admin/loggers/no.such.logger"),
    *shows(LOGGERS, put(ROOT, {"level": "ERROR"})), get(ROOT), *shows(LOGGERS, put(ROOT, {"level": "warn"})), get(ROOT),
    *shows(LOGGERS, put(f"{ROOT}?scope=worker", {"level": "WARN"}), put(f"{ROOT}?scope=planet", {"level": "WARN"}),
           put(ROOT, {"level": "WARN", "more": 1})),
    put(f"{ROOT}?scope=cluster", {"level": "WARN"}), put(f"{ROOT}?scope=CLUSTER", {"level": "WARN"}),
    put(ROOT, {}), put(ROOT, {"level": None}), put(f"{ROOT}?scope=cluster", {}),
    *shows(LOG_LEVEL, put(ROOT, {"level": "loud"}), put(ROOT, {"level": ""}), put(ROOT, {"level": 1}),
           put(f"{ROOT}?scope=cluster", {"level": "loud"})),
    *shows(MISTAKE, put(ROOT, {"level": ["INFO"]}), *(put(ROOT, text) for text in ("", "null", "[]", "{"))),
    *shows(LOGGER, put("/admin/loggers/no.such.logger", {"level": "WARN"}), get("/admin/loggers/no.such.logger")),
]

LAST = [
    delete(f"{ONE}?forward=true"), gone(ONE), get("/connectors"), get("/connectors?expand=status&expand=info"),
    get(f"{ONE}/offsets"), get(f"{ONE}/topics"), get("/health"),
]

STEPS = [*BASICS, *METHODS, *MEDIA_TYPES, *BODIES, *CREATED, *NOT_THERE, *NAMES, *CONFIGS, *NUMBERS, *STATES,
         *INITIAL_STATES, *FAILURES, *OFFSET_CALLS, *PLUGINS_CALLS, *LOGGER_CALLS, *LAST]
