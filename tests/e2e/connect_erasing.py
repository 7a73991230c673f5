"""Removes documented differences from a pair of answers.

Each function takes the answer of Kafka Connect and ours, and returns both without the difference, or None if they do
not show it. Everything else stays and is compared.
"""

import copy
import re

INVALID = re.compile(r"Connector configuration is invalid and contains the following (\d+) error\(s\):\n")
OWN_GROUPS = ("Endpoint", "Delivery", "Kafka")
OTHER_DEFAULTS = ("connector.class", "key.converter", "value.converter", "header.converter", "topics", "topics.regex",
                  "errors.deadletterqueue.topic.name", "errors.deadletterqueue.topic.replication.factor",
                  "errors.deadletterqueue.context.headers.enable")
LOGGERS = {"root", "app", "auth", "kafka", "reconcile", "rest", "task"}


# Errors

def is_error(answer, status):
    return (answer.status == status and answer.type == "application/json" and answer.message
            and list(answer.body) == ["error_code", "message"] and answer.body["error_code"] == status)


def other_error(theirs_status, ours_status, same_message=False):
    """Both reject, with these statuses and different messages."""
    def erase(theirs, ours):
        if not is_error(theirs, theirs_status) or not is_error(ours, ours_status):
            return None
        if same_message and theirs.message != ours.message:
            return None
        return theirs, ours.with_(status=theirs.status, body=theirs.body)
    return erase


def only_ours_rejects(status=400):
    def erase(theirs, ours):
        if theirs.status >= 300 or not is_error(ours, status):
            return None
        return theirs, ours.with_(status=theirs.status, body=theirs.body)
    return erase


def only_theirs_rejects(status, *members):
    """Ours answers 200 with an object that has these members."""
    def erase(theirs, ours):
        if (theirs.status, ours.status) != (status, 200) or ours.type != theirs.type:
            return None
        if list(ours.body) != list(members):
            return None
        return theirs, ours.with_(status=theirs.status, body=theirs.body)
    return erase


def rejected_later(theirs_status, *ours_statuses):
    """Theirs rejects the call itself; ours accepts it and finds another error."""
    def erase(theirs, ours):
        if theirs.status != theirs_status or not any(is_error(ours, status) for status in ours_statuses):
            return None
        return theirs, ours.with_(status=theirs.status, type=theirs.type, body=theirs.body)
    return erase


def html_error(theirs, ours):
    if (theirs.status, theirs.type) != (400, "text/html") or not any(is_error(ours, status) for status in (400, 415)):
        return None
    return theirs, ours.with_(status=theirs.status, type=theirs.type, body=theirs.body)


def no_type(theirs, ours):
    """Theirs has neither Content-Type nor Allow in errors about the path, the method or a media type."""
    if theirs.type is not None or ours.type != "application/json" or ours.status not in (404, 405, 406, 415):
        return None
    if ours.status != 405:
        return theirs, ours.with_(type=None)
    return (theirs, ours.with_(type=None, allow=None)) if ours.allow and "OPTIONS" in ours.allow else None


def names_accepted_types(theirs, ours):
    if not is_error(ours, 415) or ours.message != f"{theirs.message}: send application/json":
        return None
    return theirs, ours.with_(body=theirs.body)


def other_messages(same_count=True):
    """Both reject a configuration, with equally many errors if `same_count`, otherwise with a different number."""
    def erase(theirs, ours):
        if not is_error(theirs, 400) or not is_error(ours, 400):
            return None
        one, other = INVALID.match(theirs.message), INVALID.match(ours.message)
        if not one or not other or (one[1] == other[1]) != same_count:
            return None
        return theirs, ours.with_(body=theirs.body)
    return erase


# Headers

def other_allow(*more):
    """OPTIONS: one side also allows these methods."""
    def erase(theirs, ours):
        if theirs.allow ^ ours.allow != set(more) or ours.body != ours.allow:
            return None
        return theirs, ours.with_(allow=theirs.allow, body=theirs.body)
    return erase


def other_location(theirs, ours):
    if not theirs.location or not (ours.location or "").startswith("http://@worker@/connectors/@n@"):
        return None
    return theirs, ours.with_(location=theirs.location)


# Bodies

def objects(change):
    """Applies `change` to every object in both bodies."""
    def each(value):
        if isinstance(value, list):
            return [each(one) for one in value]
        return change({key: each(one) for key, one in value.items()}) if isinstance(value, dict) else value

    return lambda theirs, ours: (theirs.with_(body=each(theirs.body)), ours.with_(body=each(ours.body)))


def bodies(change):
    """Applies `change` to copies of the bodies of two successful answers."""
    def erase(theirs, ours):
        if theirs.status != 200 or ours.status != 200:
            return None
        theirs, ours = theirs.with_(body=copy.deepcopy(theirs.body)), ours.with_(body=copy.deepcopy(ours.body))
        change(theirs.body, ours.body)
        return theirs, ours
    return erase


def without(*keys):
    return lambda one: {key: value for key, value in one.items() if key not in keys}


def status_extras(one):
    is_status = "connector" in one and "tasks" in one
    return without("origin", "file", "generation", "observed_generation", "warnings", "errors")(one) if is_status else one


def any_trace(one):
    return {**one, "trace": "(a trace)"} if one.get("trace") and isinstance(one["trace"], str) else one


def release(one):
    """Shortens the version 3.9.1 to 3.9 and removes the commit."""
    return {**without("commit")(one), "version": one["version"].rpartition(".")[0]} if "commit" in one else one


def key_texts(one):
    return without("documentation", "display_name", "order", "width")(one) if "default_value" in one else one


def new_tasks(theirs, ours):
    """Theirs shows no tasks yet of a new connector."""
    if (theirs.status, ours.status) != (201, 201) or theirs.body["tasks"] or not ours.body["tasks"]:
        return None
    return theirs, ours.with_(body={**ours.body, "tasks": []})


def old_tasks(theirs, ours):
    """Theirs shows the tasks of the previous configuration."""
    if (theirs.status, ours.status) != (200, 200):
        return None
    return theirs, ours.with_(body={**ours.body, "tasks": theirs.body["tasks"]})


def paused_tasks(theirs, ours):
    """Only ours has tasks, which are paused if their state is shown."""
    if theirs.body["tasks"] or any(one.get("state", "PAUSED") != "PAUSED" for one in ours.body["tasks"]):
        return None
    return theirs, ours.with_(body={**ours.body, "tasks": []})


def offsets_of_paused_tasks(theirs, ours):
    """Only ours has committed the start offset of its paused tasks."""
    if theirs.body["offsets"] or [one["offset"] for one in ours.body["offsets"]] != [{"kafka_offset": 0}]:
        return None
    return theirs, ours.with_(body={**ours.body, "offsets": []})


def restarted_task(theirs, ours):
    """Their task is still FAILED, ours runs."""
    if [answer.body["tasks"][0]["state"] for answer in (theirs, ours)] != ["FAILED", "RUNNING"]:
        return None
    return theirs, ours.with_(body={**ours.body, "tasks": theirs.body["tasks"]})


def loggers(theirs, ours):
    if (theirs.status, ours.status) != (200, 200) or "root" not in theirs.body or set(ours.body) != LOGGERS:
        return None
    if isinstance(theirs.body, list):
        return theirs.with_(body=["root"]), ours.with_(body=sorted(LOGGERS & {"root"}))
    return theirs.with_(body={"root": theirs.body["root"]}), ours.with_(body={"root": ours.body["root"]})


def plugins(theirs, ours):
    """Ours has some of their plugins, in other versions."""
    known = [{(one["class"], one["type"]) for one in answer.body} for answer in (theirs, ours)]
    if (theirs.status, ours.status) != (200, 200) or not known[1] <= known[0] or ("@class@", "sink") not in known[1]:
        return None
    return theirs.with_(body=None), ours.with_(body=None)


# Configuration keys, in answers of validate and of a plugin's config

def _definitions(body):
    if not isinstance(body, dict):
        return {}
    if isinstance(body.get("configs"), dict):
        return {name: one["definition"] for name, one in body["configs"].items()}
    return {name: one for name, one in body.items() if isinstance(one, dict) and "default_value" in one}


def own_keys(theirs, ours):
    for body in (theirs, ours):
        for name, one in _definitions(body).items():
            if name == "file" or one["group"] in OWN_GROUPS and not name.startswith("consumer.override."):
                del body.get("configs", body)[name]
        if "configs" in body:
            body["groups"] = [one for one in body["groups"] if one not in OWN_GROUPS]


def other_defaults(theirs, ours):
    one, other = _definitions(theirs), _definitions(ours)
    for name in {*OTHER_DEFAULTS} & {*one} & {*other}:
        if "configs" in theirs:
            values = theirs["configs"][name]["value"], ours["configs"][name]["value"]
            if (values[0]["value"], values[1]["value"]) == (one[name]["default_value"], other[name]["default_value"]):
                values[1]["value"] = values[0]["value"]
        other[name].update({field: one[name][field] for field in ("default_value", "required", "type")})


def _values(theirs, ours):
    """Yields (name, their value, our value) of the keys that both validate."""
    return [(name, theirs["configs"][name]["value"], ours["configs"][name]["value"])
            for name in theirs["configs"] if name in ours["configs"]]


def other_type(theirs, ours):
    """For a value of the wrong type theirs shows null, and may add an error."""
    for name, one, other in _values(theirs, ours):
        null = f"Invalid value null for configuration {name}: Value must be non-null"
        if null in one["errors"] and null not in other["errors"]:
            one["errors"].remove(null)
            theirs["error_count"] -= 1
        if one["errors"] and one["value"] is None:
            other["value"] = None


def other_messages_of_a_key(theirs, ours):
    """Equally many errors at the same keys, with different messages."""
    for _, one, other in _values(theirs, ours):
        if len(one["errors"]) == len(other["errors"]):
            other["errors"] = one["errors"]


def boolean_as_sent(theirs, ours):
    for _, one, other in _values(theirs, ours):
        if other["value"] in ("TRUE", "FALSE"):
            other["value"] = other["value"].lower()


def error_at_the_dead_letter_topic(theirs, ours):
    letters = "errors.deadletterqueue.topic.name"
    there, here = theirs["configs"]["topics"]["value"], ours["configs"][letters]["value"]
    assert len(there["errors"]) == len(here["errors"]) == 1
    there["errors"] = here["errors"] = []


def dead_letter_topic_excluded(theirs, ours):
    """Theirs rejects a regular expression that matches the dead letter topic, ours excludes the topic."""
    topics_regex = theirs["configs"]["topics.regex"]["value"]
    assert "The DLQ topic '@topic@'" in topics_regex["errors"].pop() and not topics_regex["errors"]
    theirs["error_count"] -= 1


def no_transforms(theirs, ours):
    """Theirs requires the type of a transform, ours supports none."""
    for what in ("transforms", "predicates"):
        for name in [name for name in theirs["configs"] if name.startswith(f"{what}.")]:
            assert len(theirs["configs"].pop(name)["value"]["errors"]) == 1
            assert ours["configs"][what]["value"]["errors"].pop() == "transforms and predicates are not supported"
    theirs["groups"] = [one for one in theirs["groups"] if ": " not in one]


def unknown_key(theirs, ours):
    value = ours["configs"].pop("a.key.of.nobody")["value"]
    assert value["value"] == "[hidden]" and value["errors"] == ["Unknown key"]
    ours["error_count"] -= 1


def free_keys(theirs, ours):
    """Keys that neither plugin defines: consumer properties and converter parameters."""
    for name in [name for name in ours["configs"] if name.startswith("consumer.override.")]:
        ours["configs"][name]["definition"] = theirs["configs"][name]["definition"]
    for one, other in ((theirs, ours), (ours, theirs)):
        for name in [name for name in one["configs"] if ".converter." in name and name not in other["configs"]]:
            del one["configs"][name]
