"""Does with requests what a receiver in Python does, by the libraries that such receivers use.

Reads a list of {"headers", "body" (base64), "secret"} from stdin, and writes a list of results:

    receive.py standard-webhooks | stripe    "valid", or the error
    receive.py cloud-event                   {"attributes", "data"}, or the error
"""

import base64
import json
import sys

import standardwebhooks
import stripe
from cloudevents.core.bindings.http import HTTPMessage, from_http_event


def standard_webhook(headers, body, secret):
    standardwebhooks.Webhook(secret).verify(body, headers, json_parse=False)
    return "valid"


def stripe_event(headers, body, secret):
    stripe.WebhookSignature.verify_header(body, headers.get("stripe-signature"), secret, tolerance=300)
    return "valid"


def cloud_event(headers, body, _):
    event = from_http_event(HTTPMessage(headers, body))
    attributes = dict(event.get_attributes())
    if "time" in attributes:
        attributes["time"] = attributes["time"].timestamp()
    data = event.get_data()
    return {"attributes": attributes,
            "data": {"base64": base64.b64encode(data).decode()} if isinstance(data, bytes) else data}


RECEIVERS = {"standard-webhooks": standard_webhook, "stripe": stripe_event, "cloud-event": cloud_event}


def receive(receiver, request):
    try:
        return receiver(request["headers"], base64.b64decode(request["body"]), request["secret"])
    except Exception as error:      # pylint: disable=broad-except
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    json.dump([receive(RECEIVERS[sys.argv[1]], request) for request in json.load(sys.stdin)], sys.stdout)
