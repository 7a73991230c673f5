"""The intended differences from Kafka Connect. Each has a row in the table of etc/README.md."""

import dataclasses
import pathlib

import connect_erasing as erasing

REFERENCE = pathlib.Path(__file__).resolve().parents[2] / "etc" / "README.md"
TABLE = "| where | Kafka Connect | here |"


def reference_rows():
    """Returns the first cell of each row of the table."""
    lines = REFERENCE.read_text().splitlines()
    rows = []
    for line in lines[lines.index(TABLE) + 2:]:
        if not line.startswith("|"):
            break
        rows.append(line.split(" | ")[0].removeprefix("| "))
    return rows


@dataclasses.dataclass(frozen=True)
class Difference:
    row: str                    # first cell of its row
    erase: object               # see connect_erasing
    everywhere: bool = False    # any call may show it and at least one must; otherwise exactly the calls that name it
    sometimes: bool = False     # a call that names it need not show it, because Kafka Connect's answer varies

    def __repr__(self):
        return self.row


# Differences that any call may show

ROUTING = Difference("an error of the path (404), the method (405) or a media type (406, 415)", erasing.no_type, True)
MEDIA_TYPE = Difference("another `Content-Type`, a `Content-Encoding`", erasing.names_accepted_types, True)
STATUS = Difference("status", erasing.objects(erasing.status_extras), True)
TRACE = Difference("the `trace` of a FAILED task", erasing.objects(erasing.any_trace), True)
NEW_TASKS = Difference("`tasks` in the answer that creates or changes a connector", erasing.new_tasks, True)
KEY_TEXTS = Difference("the description of a key: `documentation`, `display_name`, `order`, `width`",
                       erasing.objects(erasing.key_texts), True)
DEFAULTS = Difference("the defaults of the class, the converters, `topics` and the dead letter queue",
                      erasing.bodies(erasing.other_defaults), True)
OWN_KEYS = Difference("the keys and groups of the plugin itself", erasing.bodies(erasing.own_keys), True)

EVERYWHERE = (MEDIA_TYPE, ROUTING, STATUS, TRACE, NEW_TASKS, KEY_TEXTS, DEFAULTS, OWN_KEYS)

# Differences that calls in connect_calls name

VERSION = Difference("`GET /`", erasing.objects(erasing.release))
MISTAKE = Difference("malformed JSON, unknown fields, wrong types, nested values, an unknown `connector.class` or "
                     "`initial_state`", erasing.other_error(500, 400))
NUMBER_AS_NAME = Difference("a `name` that is a number", erasing.other_error(400, 400))
TWICE = Difference("a key that is given twice", erasing.other_error(400, 400))
ENCODED = Difference(MEDIA_TYPE.row, erasing.other_error(500, 415))
HTML = Difference("a broken `%` escape in the path, a malformed `Content-Type`", erasing.html_error)
ACCEPT_NOT = Difference("`Accept: application/json;q=0`", erasing.only_ours_rejects(406))
TYPE_OF_GET = Difference("the `Content-Type` of a GET", erasing.rejected_later(415, 404))
LOCATION = Difference("`Location`", erasing.other_location)

MORE_CALLS = Difference("`PUT /connectors/N`, `GET .../pause` and `.../resume`", erasing.rejected_later(405, 400, 404))
PUT_TOO = Difference(MORE_CALLS.row, erasing.other_allow("PUT"))
GET_TOO = Difference(MORE_CALLS.row, erasing.other_allow("GET"))
BETWEEN_WORKERS = Difference("`POST /connectors/N/tasks`, `PUT .../fence`", erasing.other_allow("POST"))
NOT_MADE = Difference("`.../tasks-config`, `transforms`, source connectors", erasing.other_error(404, 404))
NO_TRANSFORMS = Difference(NOT_MADE.row, erasing.other_messages())
NO_TRANSFORMS_TOLD = Difference(NOT_MADE.row, erasing.bodies(erasing.no_transforms))

NO_CLASS = Difference("no `connector.class`", erasing.only_theirs_rejects(400, "name", "config", "tasks", "type"))
NO_CLASS_EITHER = Difference(NO_CLASS.row, erasing.other_error(400, 400))
NO_CLASS_TOLD = Difference(NO_CLASS.row,
                           erasing.only_theirs_rejects(500, "name", "error_count", "groups", "configs"))
UNKNOWN_KEY = Difference("an unknown configuration key", erasing.only_ours_rejects())
UNKNOWN_KEY_TOLD = Difference(UNKNOWN_KEY.row, erasing.bodies(erasing.unknown_key))
STRICTER = Difference("a topic's name that is empty or illegal, a NUL character in a value",
                      erasing.only_ours_rejects())
HUGE_NUMBER = Difference("a JSON number beyond the range of a double, such as `1E400`", erasing.only_ours_rejects())
OTHER_NAME = Difference("`PATCH .../config` with another `name`", erasing.only_ours_rejects())
WORDS = Difference("the words of an error about a value", erasing.other_messages())
WORDS_TOLD = Difference(WORDS.row, erasing.bodies(erasing.other_messages_of_a_key))
OTHER_TYPE = Difference("a value of the wrong type", erasing.other_messages(same_count=False))
OTHER_TYPE_TOLD = Difference(OTHER_TYPE.row, erasing.bodies(erasing.other_type))
BOOLEAN_TOLD = Difference("a boolean in capitals", erasing.bodies(erasing.boolean_as_sent))
DEAD_LETTERS_TOLD = Difference("a dead letter topic among `topics`",
                               erasing.bodies(erasing.error_at_the_dead_letter_topic))
DEAD_LETTERS_LEFT_OUT = Difference("`topics.regex` that matches the dead letter topic",
                                   erasing.bodies(erasing.dead_letter_topic_excluded))
FREE_KEYS = Difference("`consumer.override.*` and parameters of converters in validate",
                       erasing.bodies(erasing.free_keys))
PLUGINS = Difference("`GET /connector-plugins`", erasing.plugins)

OLD_TASKS = Difference(NEW_TASKS.row, erasing.old_tasks, sometimes=True)
CREATED_PAUSED = Difference("created as PAUSED", erasing.paused_tasks)
CREATED_PAUSED_OFFSETS = Difference(CREATED_PAUSED.row, erasing.offsets_of_paused_tasks)
RESTART = Difference("a restart without flags", erasing.restarted_task)
NO_SUCH_TASK = Difference("`POST .../tasks/ID/restart` of a stopped connector", erasing.other_error(409, 404))

OFFSETS = Difference("`PATCH .../offsets` of a topic or partition that the cluster does not have, of a negative "
                     "number, or of a partition twice", erasing.other_error(500, 400))
OFFSETS_TWICE = Difference(OFFSETS.row, erasing.only_ours_rejects())
NO_OFFSET = Difference("`PATCH .../offsets` with null where nothing is committed",
                       erasing.only_theirs_rejects(500, "message"))

LOG_LEVEL = Difference("an unknown log level", erasing.other_error(404, 400, same_message=True))
LOGGER = Difference("the level of an unknown logger", erasing.only_ours_rejects(404))
LOGGERS = Difference("loggers", erasing.loggers)

# Rows that no pair of calls can show -> the tests that cover them
ELSEWHERE = {
    "PUT, PATCH, DELETE of a connector that a file defines": "test_connect_files.py",
    "POST, PUT of one more than 1000 connectors": "reconcile/worker_test.cc",
    "`PATCH`, `DELETE .../offsets` while the tasks of a stopped connector still end": "reconcile/worker_test.cc",
    "a larger `tasks.max`": "test_connect_changes.py",
    "`POST .../tasks/ID/restart`": "reconcile/worker_test.cc",
    "the process drains, or no broker answers": "rest/connect_offsets_test.cc",
}
