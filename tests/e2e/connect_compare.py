"""Sends one call to a Kafka Connect worker and to our program, and compares the two answers.

Plugins, addresses and consumer groups differ between the two. Calls therefore contain placeholders such as `@class@`
and `@n@`, which each side replaces by its own text and restores in its answers.
"""

import dataclasses
import json

import rest

OWN = "@own@"               # placeholder key for the plugin's own keys; its value names a variant
OWN_JSON = "@own-json@"     # the keys of the variant "good" in a text body
TIME = "@time@"


@dataclasses.dataclass(frozen=True)
class Call:
    method: str
    path: str
    body: object = None         # bytes and str are sent unchanged, everything else as JSON
    headers: tuple = ()         # (name, value); a body has Content-Type: application/json by default
    differs: tuple = ()         # the documented differences that this call must show
    encoding: str = "utf-8"     # encoding of a body that is not bytes

    def __str__(self):
        body = "" if self.body is None else self.body if isinstance(self.body, (str, bytes)) else json.dumps(self.body)
        return f"{self.method} {self.path} {body:.200}" + (f" {dict(self.headers)}" if self.headers else "")


@dataclasses.dataclass(frozen=True)
class Answer:
    """The compared parts of an answer."""
    status: int
    type: str                   # Content-Type without parameters; None without the header
    location: str
    allow: frozenset            # None without the header
    body: object                # parsed JSON; a set of methods for OPTIONS; otherwise text; None when empty

    @property
    def message(self):
        return self.body.get("message") if isinstance(self.body, dict) else None

    def with_(self, **changes):
        return dataclasses.replace(self, **changes)


class Side:
    """One of the two servers. `words`: placeholder -> text. `own`: variant -> the plugin's keys."""

    def __init__(self, name, caller, words, own):
        self.name = name
        self._caller = caller
        self._words = {**words, "@worker@": caller.worker}
        self._own = own

    def ask(self, call):
        body = call.body
        if body is not None and not isinstance(body, (str, bytes)):
            body = rest.compact(self._expanded(body)).decode()
        if isinstance(body, str):
            body = self._replaced(body).encode(call.encoding)
        headers = {**(rest.JSON if body is not None else {}), **dict(call.headers)}
        headers = {name: value for name, value in headers.items() if value is not None}
        return self._answer(self._caller.call(call.method, self._replaced(call.path), body, headers))

    def _replaced(self, text):
        for word, own in {**self._words, OWN_JSON: json.dumps(self._own["good"])[1:-1]}.items():
            text = text.replace(word, own)
        return text

    def _put_back(self, text):
        for word, own in sorted(self._words.items(), key=lambda pair: -len(pair[1])):
            text = text.replace(own, word)
        return text

    def _expanded(self, value):
        if isinstance(value, list):
            return [self._expanded(one) for one in value]
        if not isinstance(value, dict):
            return value
        made = {key: self._expanded(one) for key, one in value.items() if key != OWN}
        return {**made, **self._own[value[OWN]]} if OWN in value else made

    def _folded(self, value):
        """Reverses _expanded. All keys of a variant must be present, with their values."""
        if isinstance(value, list):
            return by_name([self._folded(one) for one in value])
        if not isinstance(value, dict):
            return value
        value = {key: TIME if key == "last_modified" and one else self._folded(one) for key, one in value.items()}
        for variant, keys in self._own.items():
            keys = json.loads(self._put_back(json.dumps(keys)))
            if all(value.get(key) == one for key, one in keys.items()):
                return {**{key: one for key, one in value.items() if key not in keys}, OWN: variant}
        return value

    def _answer(self, reply):
        kind, allow, location = (reply.headers.get(name) for name in ("content-type", "allow", "location"))
        text = self._put_back(reply.body.decode("utf-8", "backslashreplace"))
        try:
            body = self._folded(json.loads(text)) if text else None
        except ValueError:
            body = methods(text) if kind and kind.startswith("text/plain") else text
        return Answer(reply.status, kind and kind.split(";")[0], location and self._put_back(location),
                      None if allow is None else methods(allow), body)


def methods(text):
    return frozenset(one.strip() for one in text.split(","))


def by_name(values):
    """Converts a list of configuration keys, whose order does not matter, to a dictionary by name."""
    if values and all(isinstance(one, dict) and ("default_value" in one or "definition" in one) for one in values):
        return {one["name"] if "name" in one else one["value"]["name"]: one for one in values}
    return values


def differing(theirs, ours):
    """Returns the differences of two answers: [(path, theirs, ours)]."""
    fields = [field.name for field in dataclasses.fields(Answer)]
    return [each for name in fields for each in _differing(name, getattr(theirs, name), getattr(ours, name))]


def _differing(where, one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return [each for key in sorted({*one, *other})
                for each in _differing(f"{where}.{key}", one.get(key, "(absent)"), other.get(key, "(absent)"))]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [each for index, pair in enumerate(zip(one, other)) for each in _differing(f"{where}[{index}]", *pair)]
    return [] if one == other and type(one) is type(other) else [(where, one, other)]
