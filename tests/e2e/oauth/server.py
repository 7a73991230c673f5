"""A real OAuth 2 authorization server (Authlib) for client credentials, run by authorization_server.py.

    server.py --directory DIR --port PORT --lifetime SECONDS

It issues JWTs by RFC 9068, signed with RS256. DIR keeps the key over restarts, and gets `jwks.json` and `issued`, which
has a line of JSON for each token.
"""

import argparse
import json
import os
import pathlib
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.jose import JsonWebKey
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, request


class Client(ClientMixin):
    """A client that may ask for any scope; its secret is its id and `-secret`."""

    def __init__(self, client_id):
        self.client_id = client_id

    def get_client_id(self):
        return self.client_id

    def check_client_secret(self, client_secret):
        return client_secret == f"{self.client_id}-secret"

    def check_endpoint_auth_method(self, method, endpoint):
        return method in ("client_secret_basic", "client_secret_post")

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"

    def get_allowed_scope(self, scope):
        return scope or ""


class Grant(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


def load_key(file):
    if not file.exists():
        key = JsonWebKey.generate_key("RSA", 2048, {"kid": "test"}, is_private=True)
        file.write_text(json.dumps(key.as_dict(is_private=True)))
    return JsonWebKey.import_key(json.loads(file.read_text()))


def make_app(directory, lifetime):
    key = load_key(directory / "key.json")
    # Brokers look for the algorithm, too.
    public = {**key.as_dict(), "kid": "test", "alg": "RS256", "use": "sig"}
    (directory / "jwks.json").write_text(json.dumps({"keys": [public]}))

    class Tokens(JWTBearerTokenGenerator):
        def get_jwks(self):
            return {"keys": [key.as_dict(is_private=True)]}

    def save(token, received):
        issued = {"time": time.time(), "client": received.client.client_id, "audience": request.form.get("audience"),
                  "token": token["access_token"]}
        with open(directory / "issued", "a", encoding="utf-8") as file:
            file.write(json.dumps(issued) + "\n")

    app = Flask(__name__)
    server = AuthorizationServer(app, query_client=Client, save_token=save)
    server.register_token_generator("default", Tokens("http://issuer", expires_generator=lambda *_: lifetime))
    server.register_grant(Grant)

    @app.post("/token")
    def token():
        return server.create_token_response()

    @app.get("/ready")
    def ready():
        return "ready"

    return app


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", type=pathlib.Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--lifetime", type=int, required=True)
    arguments = parser.parse_args()
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # HTTP is allowed here
    make_app(arguments.directory, arguments.lifetime).run("127.0.0.1", arguments.port, threaded=True)


if __name__ == "__main__":
    main()
