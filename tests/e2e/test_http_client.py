"""Expected behavior of an HTTP client: connections, name resolution, certificates, responses and proxies.

A failed attempt stops the connector (STOP_TASK without back-offs), so that no retry hides an error.
"""

import base64
import contextlib
import os
import socket
import ssl
import subprocess
import threading

import pytest

from endpoint import DELIVERED, Answer, Endpoint
from openssl_tool import NEW_KEY, openssl
from sidecar import Sidecar
from waiting import eventually

ONCE = {"exception.strategy": "STOP_TASK", "retry.backoff.sec": []}
NAME = "sink.test"


def assert_delivered_at_once(sidecar, endpoint, topic, count):
    """Asserts one request per record and a running connector."""
    eventually(lambda: sidecar.value("records_delivered_total", topic=topic) == count or failed(sidecar),
               "the records are delivered")
    assert not failed(sidecar), sidecar.log.tail()
    assert endpoint.offsets(topic) == list(range(count))


def failed(sidecar):
    return sidecar.value("connector_state", state="failed") == 1


# Name resolution

class SidecarWithHosts(Sidecar):
    """The program with its own /etc/hosts, which can change while it runs."""

    def names(self, *addresses):
        (self.directory / "hosts").write_text("".join(f"{address} {NAME}\n" for address in addresses))

    def _launch(self, config, arguments, environment):
        command, variables = super()._launch(config, arguments, environment)
        script = 'touch /etc/hosts && mount --bind "$0" /etc/hosts && exec "$@"'
        return [*namespace(), "sh", "-c", script, str(self.directory / "hosts"), *command], variables


def namespace():
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


@pytest.fixture
def named_sidecar(binary, kafka, tmp_path):
    if subprocess.run([*namespace(), "mount", "--bind", str(tmp_path), str(tmp_path)], check=False).returncode:
        pytest.skip("a hosts file of the program's own needs a mount namespace")
    one = SidecarWithHosts(binary, tmp_path / "sidecar", kafka.bootstrap)
    yield one
    one.end_of_test()


@contextlib.contextmanager
def dead(family, address):
    """Returns a socket whose accept queue is full, so that it never answers a connect."""
    with socket.socket(family) as listener, contextlib.ExitStack() as queued:
        listener.bind(address)
        listener.listen(0)
        for _ in range(8):
            one = queued.enter_context(socket.socket(family))
            one.settimeout(0.2)
            try:
                one.connect(address)
            except TimeoutError:
                yield
                return
        pytest.fail("the queue is not full")


def test_an_unreachable_address_beside_a_reachable_one_is_skipped(kafka, named_sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"] * 5)
    endpoint.decide = lambda _: Answer(close=True)      # so that each request needs a new connection
    named_sidecar.names("::1", "127.0.0.1")
    named_sidecar.connector(name, topic, f"http://{NAME}:{endpoint.port}/", ONCE)
    with dead(socket.AF_INET6, ("::1", endpoint.port)):
        named_sidecar.start()
        endpoint.wait_for(5, timeout=25)    # the connect timeout is 30 s
    assert_delivered_at_once(named_sidecar, endpoint, topic, 5)


def test_a_busy_connection_is_closed_at_its_maximum_age(kafka, named_sidecar, endpoint, name):
    topic = kafka.topic()
    named_sidecar.names("127.0.0.1")
    named_sidecar.connector(name, topic, f"http://{NAME}:{endpoint.port}/", {"callback.connection.max.age.sec": 1})
    named_sidecar.start()
    with Endpoint(address="127.0.0.2", port=endpoint.port) as moved:
        kafka.produce(topic, [b"x"])
        endpoint.wait_for(1)
        named_sidecar.names("127.0.0.2")

        def has_moved():
            kafka.produce(topic, [b"x"])
            return moved.requests
        eventually(has_moved, "a request goes to the name's new address")
    assert endpoint.requests[-1].connection == 1


# Connections

def test_a_stale_connection_is_replaced_within_the_same_attempt(kafka, sidecar, endpoint, name):
    topic, used = kafka.topic(), set()

    def decide(request):
        if request.connection in used:
            return Answer(reset=True)
        used.add(request.connection)
        return DELIVERED
    endpoint.decide = decide
    kafka.produce(topic, [b"x"] * 3)
    sidecar.connector(name, topic, endpoint, ONCE)
    sidecar.start()
    sidecar.wait_for_value(3, "records_delivered_total", topic=topic)
    assert not failed(sidecar)
    assert endpoint.offsets(topic) == [0, 1, 1, 2, 2]
    assert sidecar.value("requests_resent_total", connector=name) == 2
    assert [sidecar.value("connections_total", connector=name, outcome=one) for one in ("opened", "failed", "stale")] == [
        3, 0, 2]
    assert sidecar.value("requests_total", code_class="2xx") == 3


# Certificates

@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A root CA, an intermediate CA, and its certificate for 127.0.0.1, with the key also in encrypted form."""
    made = tmp_path_factory.mktemp("certificates")
    openssl("req", "-x509", *NEW_KEY, "-days", 2, "-subj", "/CN=root", "-keyout", made / "root.key", "-out",
            made / "root.pem")
    parts = {"between": ("root", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"),
             "leaf": ("between", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")}
    for one, (issuer, extensions) in parts.items():
        (made / "extensions").write_text(extensions)
        openssl("req", *NEW_KEY, "-subj", f"/CN={one}", "-keyout", made / f"{one}.key", "-out", made / f"{one}.csr")
        openssl("x509", "-req", "-days", 2, "-in", made / f"{one}.csr", "-CA", made / f"{issuer}.pem", "-CAkey",
                made / f"{issuer}.key", "-CAcreateserial", "-extfile", made / "extensions", "-out", made / f"{one}.pem")
    openssl("pkey", "-in", made / "leaf.key", "-aes256", "-passout", "pass:open sesame", "-out", made / "encrypted.key")
    return made


def server(certificates, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "leaf.pem", certificates / "leaf.key")
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(client_ca)
    return context


@pytest.mark.parametrize("anchor", ["between", "leaf"])
def test_any_certificate_of_the_chain_can_be_the_trust_anchor(kafka, sidecar, certificates, name, anchor):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    with Endpoint(tls=server(certificates)) as endpoint:
        sidecar.connector(name, topic, endpoint, {**ONCE, "ssl.ca.location": certificates / f"{anchor}.pem"})
        sidecar.start()
        assert_delivered_at_once(sidecar, endpoint, topic, 1)


def test_an_encrypted_key_is_decrypted(kafka, sidecar, certificates, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    (sidecar.secrets / "password").write_text("open sesame\n")
    with Endpoint(tls=server(certificates, client_ca=certificates / "between.pem")) as endpoint:
        sidecar.connector(name, topic, endpoint, {
            **ONCE, "ssl.ca.location": certificates / "between.pem", "ssl.certificate.location": certificates / "leaf.pem",
            "ssl.key.location": certificates / "encrypted.key", "ssl.key.password": f"${{file:{sidecar.secrets}/password}}"})
        sidecar.start()
        assert_delivered_at_once(sidecar, endpoint, topic, 1)


def test_the_error_for_an_international_host_name_shows_its_ascii_form(sidecar, name):
    sidecar.connector(name, "orders", "http://bücher.example/")
    checked = subprocess.run([sidecar.binary, "check", str(sidecar.connectors)], text=True, capture_output=True, check=False)
    assert checked.returncode == 1
    assert "xn--bcher-kva.example" in checked.stdout + checked.stderr


# Responses

def answer(*lines, body='{"retry":false}', length=True):
    head = ["HTTP/1.1 200 OK", *lines, *([f"Content-Length: {len(body)}"] if length else []), "Connection: close"]
    return Answer(raw="\r\n".join([*head, "", body]).encode("latin-1"))


ODD_HEADERS = [answer("X-Foo : bar"), answer("X(1): a"), answer("X-Näme: wért\xff"),
               answer("Content-Length: 15, 15", length=False),
               answer("Content-Length: 15", "Content-Length: 15", length=False), answer(": nothing"), answer("X-Empty:")]


def test_unknown_response_headers_are_ignored(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    endpoint.decide = lambda request: ODD_HEADERS[request.offset]
    kafka.produce(topic, [b"x"] * len(ODD_HEADERS))
    sidecar.connector(name, topic, endpoint, ONCE)
    sidecar.start()
    assert_delivered_at_once(sidecar, endpoint, topic, len(ODD_HEADERS))


FOUND = [b'\xef\xbb\xbf{"retry":false}', b'{"name":"M\xfcller","retry":false}', b'{"text":"\\ud800","retry":false}',
         b'{"text":"a\nb\tc\x01","retry":false}', b')]}\'\n{"retry":false}', b'/* why */ {"retry":false} // so',
         b'{"share":NaN,"retry":false}', b"{'retry': False}", b'{"a":{"retry":true},"retry":false}']
LOOK_ALIKES = [b'{"retry\\u0000x":false}', b'{"Retry":false}', b'{"retry ":false}', b'[{"retry":false}]']


def test_the_retry_indicator_is_found_beside_other_fields(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    endpoint.decide = lambda request: Answer(body=FOUND[request.offset])
    kafka.produce(topic, [b"x"] * len(FOUND))
    sidecar.connector(name, topic, endpoint, ONCE)
    sidecar.start()
    assert_delivered_at_once(sidecar, endpoint, topic, len(FOUND))


@pytest.mark.parametrize("body", LOOK_ALIKES)
def test_text_that_resembles_the_retry_indicator_does_not_count(kafka, sidecar, endpoint, name, body):
    topic = kafka.topic()
    endpoint.decide = lambda _: Answer(body=body)
    kafka.produce(topic, [b"x"])
    sidecar.connector(name, topic, endpoint, ONCE)
    sidecar.start()
    eventually(lambda: failed(sidecar), sidecar.log.tail)
    assert not sidecar.value("records_delivered_total", topic=topic)


def test_no_content_encoding_is_requested(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    assert endpoint.wait_for(1)[0].headers["accept-encoding"] == "identity"


# Proxies

def through(proxy, sidecar, **more):
    (sidecar.secrets / "proxy").write_text("pa:ss\n")
    return {**ONCE, "http.proxy.host": "127.0.0.1", "http.proxy.port": proxy.port, "http.proxy.user": "me",
            "http.proxy.password": f"${{file:{sidecar.secrets}/proxy}}", **more}


CREDENTIALS = "Basic " + base64.b64encode(b"me:pa:ss").decode()


def test_a_plain_http_request_to_a_proxy_has_the_absolute_form(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    sidecar.connector(name, topic, "http://nowhere.invalid:8080/records?a=1", through(endpoint, sidecar))
    sidecar.start(environment={"http_proxy": "http://127.0.0.1:1"})
    assert_delivered_at_once(sidecar, endpoint, topic, 1)
    request = endpoint.requests[0]
    assert request.target == "http://nowhere.invalid:8080/records?a=1"
    assert request.headers["host"] == "nowhere.invalid:8080"
    assert request.headers["proxy-authorization"] == CREDENTIALS


class Tunnels:
    """A proxy that supports only CONNECT and records its requests."""

    def __init__(self, answer=b"HTTP/1.1 200 Connection established\r\n\r\n"):
        self.answer = answer
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listener.accept()[0],), daemon=True).start()

    def _serve(self, caller):
        with caller, contextlib.suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += caller.recv(1) or b"\r\n\r\n"
            self.heads.append(head.decode())
            caller.sendall(self.answer)
            if b" 200 " not in self.answer:
                return
            host, port = head.split()[1].rsplit(b":", 1)
            with socket.create_connection((host, int(port))) as other:
                threading.Thread(target=self._copy, args=(other, caller), daemon=True).start()
                self._copy(caller, other)

    @staticmethod
    def _copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def test_an_https_request_goes_through_a_proxy_tunnel(kafka, sidecar, certificates, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"] * 3)
    with Tunnels() as proxy, Endpoint(tls=server(certificates)) as endpoint:
        sidecar.connector(name, topic, endpoint, through(proxy, sidecar, **{"ssl.ca.location": certificates / "root.pem",
                                                                            "ssl.verification": "none"}))
        sidecar.start()
        assert_delivered_at_once(sidecar, endpoint, topic, 3)
        head, = proxy.heads
        assert head.startswith(f"CONNECT 127.0.0.1:{endpoint.port} HTTP/1.1\r\n")
        assert f"Proxy-Authorization: {CREDENTIALS}\r\n" in head
        assert "proxy-authorization" not in endpoint.requests[0].headers


def test_the_error_names_the_proxy_that_refused(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    with Tunnels(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as proxy:
        sidecar.connector(name, topic, f"https://127.0.0.1:{endpoint.port}/", through(proxy, sidecar))
        sidecar.start()
        line = sidecar.log.wait_for("record stops the connector")[0]
        assert f"proxy 127.0.0.1:{proxy.port}" in line and "403" in line
        assert not endpoint.requests
