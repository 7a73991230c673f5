"""Access to REST: credentials, HTTPS, client certificates, and configurations that are rejected at start."""

import base64
import http.client
import shutil
import socket
import ssl
import subprocess

import pytest

from load import Load, assert_all_once
from observing import undisturbed
from openssl_tool import NEW_KEY, openssl
from raw import exchange, head, statuses
from rest import Rest, definition
from sidecar import clean_environment
from waiting import eventually


def basic(text):
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def users(rest):
    """The configured file of users."""
    file = rest.sidecar.directory / "users"
    file.write_text("# who may call\nalice:s3cret\n\nbob:with:colon\nünï:pässwörd\n")
    rest.sidecar.settings["rest.auth.basic.file"] = str(file)
    return file


@pytest.fixture
def tokens(rest):
    file = rest.sidecar.directory / "tokens"
    file.write_text("token-1\ntoken-2\n")
    rest.sidecar.settings["rest.auth.bearer.file"] = str(file)
    return file


# Credentials

@pytest.mark.parametrize("given", [basic("alice:s3cret"), basic("bob:with:colon"), basic("ünï:pässwörd"),
                                   bearer("token-1"), bearer("token-2"),
                                   {"Authorization": "basic " + base64.b64encode(b"alice:s3cret").decode()}])
def test_valid_credentials_are_accepted(rest, users, tokens, given):
    rest.sidecar.start()
    rest.get("/connectors", headers=given).is_exactly(200, [])


def test_everything_else_is_401_on_every_path(rest, users, tokens, endpoint, kafka, name):
    rest.sidecar.start()
    wrong = [{}, basic("alice:wrong"), basic("alice:"), basic("alice"), basic(":"), basic("eve:s3cret"), basic("alice:s3cre"),
             basic("alice:s3cret2"), basic("# who may call"), basic(""), bearer("token-3"), bearer(""), bearer("token-1 token-2"),
             bearer("alice:s3cret"), basic("token-1"), {"Authorization": "Basic !!!"}, {"Authorization": "Basic"},
             {"Authorization": "Digest x"}, {"Authorization": "Bearer " + "x" * 8_000}, {"Authorization": ""}]
    for given in wrong:
        for method, path in (("GET", "/connectors"), ("GET", "/"), ("GET", "/nothing"), ("DELETE", "/connectors/x"),
                             ("GET", "/openapi.json"), ("OPTIONS", "/connectors")):
            reply = rest.call(method, path, headers=given).is_error(401, "HTTP 401 Unauthorized")
            assert "basic" in reply.headers["www-authenticate"].lower(), reply
        rest.post("/connectors", {"name": name, "config": definition(kafka.topic(), endpoint)}, headers=given).is_error(401)
    assert rest.get("/connectors", headers=basic("alice:s3cret")).json == []
    assert rest.sidecar.probe("/readyz") == 200 and rest.sidecar.probe("/metrics") == 200
    assert not rest.sidecar.log.find("s3cret") and not rest.sidecar.log.find("token-1")


def test_two_authorization_headers_are_rejected(rest, users):
    rest.sidecar.start()
    received = exchange(rest.port, head("GET /connectors HTTP/1.1", "Authorization: Basic eDp5", "Connection: close",
                                        "Authorization: " + basic("alice:s3cret")["Authorization"]))
    assert statuses(received)[0] in (400, 401), received


def test_changed_credential_files_are_reloaded_and_invalid_ones_change_nothing(rest, users, tokens):
    rest.sidecar.start()

    def may(given):
        return rest.get("/connectors", headers=given).status == 200

    users.write_text("carol:new\n")
    eventually(lambda: may(basic("carol:new")), "carol is accepted")
    assert not may(basic("alice:s3cret")) and may(bearer("token-1"))
    tokens.write_text("token-9\n")
    eventually(lambda: may(bearer("token-9")), "the new token is accepted")
    assert not may(bearer("token-1"))
    users.unlink()
    tokens.write_text("")
    for file in (users, tokens):    # they are reloaded by calls
        eventually(lambda: may({}) or rest.sidecar.log.find(str(file)), f"the log has {file}")
    assert may(basic("carol:new")) and may(bearer("token-9")) and not may({})
    users.write_text("dave:later\n")
    eventually(lambda: may(basic("dave:later")) and not may(basic("carol:new")), "dave is accepted")
    assert not rest.sidecar.log.find("later")


def test_local_drain_and_reload_need_no_credentials(rest, users):
    rest.sidecar.start()
    rest.post("/-/reload").must(200)
    drained = subprocess.run([rest.sidecar.binary, "drain", "--url", f"http://127.0.0.1:{rest.port}"], check=False,
                             env=clean_environment(), timeout=60, capture_output=True)
    assert drained.returncode == 0, drained.stderr


# Start

@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_a_non_loopback_listener_without_credentials_is_rejected(rest, host):
    rest.sidecar.settings["rest.listen"] = f"{host}:{rest.port}"
    rest.sidecar.start(wait=False)
    assert rest.sidecar.wait_exit() == 1
    assert rest.sidecar.log.find("rest.auth.none") and rest.sidecar.log.find("rest.listen")


@pytest.mark.parametrize("settings, given", [({"rest.auth.none": True}, {}), ({}, basic("alice:s3cret"))])
def test_a_non_loopback_listener_starts_with_credentials_or_explicit_permission(rest, settings, given, request):
    if given:
        request.getfixturevalue("users")
    rest.sidecar.settings.update({"rest.listen": f"0.0.0.0:{rest.port}", **settings})
    rest.sidecar.start()
    rest.get("/connectors", headers=given).is_exactly(200, [])


@pytest.mark.parametrize("key, text", [
    ("rest.auth.basic.file", None), ("rest.auth.basic.file", ""), ("rest.auth.basic.file", "# nobody\n"),
    ("rest.auth.basic.file", "no-colon\n"), ("rest.auth.bearer.file", None), ("rest.auth.bearer.file", "\n"),
    ("rest.tls.certificate.file", None), ("rest.tls.certificate.file", "not a certificate")])
def test_invalid_credential_files_fail_the_start(rest, key, text):
    file = rest.sidecar.directory / "file"
    if text is not None:
        file.write_text(text)
    rest.sidecar.settings[key] = str(file)
    rest.sidecar.start(wait=False)
    assert rest.sidecar.wait_exit() == 1
    assert rest.sidecar.log.find(str(file)), rest.sidecar.log.tail()


# HTTPS

@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Two CAs, each with a server and a client certificate, as PEM files."""
    made = tmp_path_factory.mktemp("certificates")
    (made / "extensions").write_text(
        "subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=serverAuth,clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    for ca in ("ca", "other-ca"):
        openssl("req", "-x509", *NEW_KEY, "-days", 2, "-subj",
                f"/CN={ca}", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", made / f"{ca}.key", "-out",
                made / f"{ca}.pem")
        for name in ("server", "client"):
            one = made / f"{ca}-{name}"
            openssl("req", *NEW_KEY, "-subj", f"/CN={name}",
                    "-keyout", f"{one}.key", "-out", f"{one}.csr")
            openssl("x509", "-req", "-days", 2, "-in", f"{one}.csr", "-CA", made / f"{ca}.pem", "-CAkey", made / f"{ca}.key",
                    "-CAcreateserial", "-extfile", made / "extensions", "-out", f"{one}.pem")
    return made


def trusting(ca, certificate=None):
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default of Python 3.13
    if certificate:
        context.load_cert_chain(f"{certificate}.pem", f"{certificate}.key")
    return context


def secured(rest, **settings):
    for key, file in settings.items():
        rest.sidecar.settings[f"rest.tls.{key.replace('_', '.')}.file"] = str(file)
    return lambda context: Rest(rest.sidecar, scheme=http.client.HTTPSConnection, context=context)


def test_https_works(rest, certificates, kafka, endpoint, name):
    calls = secured(rest, certificate=certificates / "ca-server.pem", key=certificates / "ca-server.key")
    rest.sidecar.start()
    api = calls(trusting(certificates / "ca.pem"))
    made = api.create(name, definition(kafka.topic(), endpoint)).must(201)
    assert made.headers["location"] == f"https://127.0.0.1:{rest.port}/connectors/{name}"
    with pytest.raises(ssl.SSLError):
        calls(trusting(certificates / "other-ca.pem")).get("/")
    assert 200 not in statuses(exchange(rest.port, head("GET /connectors HTTP/1.1", "Connection: close")))
    old = trusting(certificates / "ca.pem")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    calls(old).get("/").must(200)


def test_a_renewed_certificate_applies_to_new_connections(rest, certificates, tmp_path):
    mine = {one: shutil.copy(certificates / f"ca-server.{one}", tmp_path / f"server.{one}") for one in ("pem", "key")}
    calls = secured(rest, certificate=mine["pem"], key=mine["key"])
    rest.sidecar.start()
    calls(trusting(certificates / "ca.pem")).get("/").must(200)
    for one, path in mine.items():
        shutil.copy(certificates / f"other-ca-server.{one}", path)

    def renewed():
        try:
            return calls(trusting(certificates / "other-ca.pem")).get("/").status == 200
        except ssl.SSLError:
            return False
    eventually(renewed, lambda: rest.sidecar.log.tail())


def test_client_certificates_are_verified(rest, certificates):
    calls = secured(rest, certificate=certificates / "ca-server.pem", key=certificates / "ca-server.key",
                    client_ca=certificates / "ca.pem")
    rest.sidecar.settings["rest.listen"] = f"0.0.0.0:{rest.port}"      # client certificates count as credentials
    rest.sidecar.start()
    calls(trusting(certificates / "ca.pem", certificates / "ca-client")).get("/connectors").is_exactly(200, [])
    for context in (trusting(certificates / "ca.pem"), trusting(certificates / "ca.pem", certificates / "other-ca-client")):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            calls(context).get("/connectors")


def test_an_unfinished_handshake_blocks_neither_callers_nor_deliveries(rest, certificates, kafka, endpoint, name):
    calls = secured(rest, certificate=certificates / "ca-server.pem", key=certificates / "ca-server.key")
    topic = kafka.topic()
    rest.sidecar.start()
    api = calls(trusting(certificates / "ca.pem"))
    api.create(name, definition(topic, endpoint)).must(201)
    api.wait_running(name)
    with undisturbed(kafka, rest.sidecar, name), Load(kafka, topic, 100) as load:
        held = [socket.create_connection(("127.0.0.1", rest.port)) for _ in range(100)]
        for number, one in enumerate(held):
            one.sendall((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\x16", b"\xff" * 100, b"GET / HTTP/1.1\r\n")[number % 4])
            if number % 10 == 0:
                api.get("/connectors").is_exactly(200, [name])
        for one in held:
            one.close()
        count = load.stop()
        assert_all_once(kafka, name, topic, count, endpoint)
