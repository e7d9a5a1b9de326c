"""ruvector-webhook alone: HTTP as it is spoken, retries, and its end."""

import contextlib
import http.server
import json
import pathlib
import queue
import socket
import ssl
import subprocess
import threading

import pytest

from harness.installation import built_tree
from harness.waiting import wait_for

PROGRAM = "helpers/webhook/ruvector-webhook"


class Endpoint:
    """An HTTP server. `answers`: what to do with each request, in order; the
    last one goes on. A number is a status, with optional headers; "close"
    closes without an answer; an Event keeps silent until it is set. With
    `certificate`, a file that holds a key as well, it speaks TLS."""

    def __init__(self, *answers, certificate=None):
        self.answers = list(answers)
        self.requests = queue.Queue()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = (endpoint.answers.pop(0)
                          if len(endpoint.answers) > 1 else endpoint.answers[0])
                endpoint.requests.put((self.path, dict(self.headers), body))
                status, headers = (answer if isinstance(answer, tuple)
                                   else (answer, {}))
                if isinstance(status, threading.Event):
                    status.wait(60)
                    status = "close"
                if status == "close":
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                       Handler)
        self._server.daemon_threads = True
        self._scheme = "http"
        if certificate is not None:
            self._scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True,
                do_handshake_on_connect=False)
            # A client that does not trust us is no news.
            self._server.handle_error = lambda *_: None
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever,
                         daemon=True).start()

    def url(self, path="/hook"):
        return f"{self._scheme}://127.0.0.1:{self.port}{path}"

    def next(self, timeout=30):
        return self.requests.get(timeout=timeout)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Helper:
    def __init__(self, env=None):
        ours, theirs = socket.socketpair()
        # `pass_fds` keeps numbers: the program wants its end as 3.
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$0" 3<&{theirs.fileno()}',
             str(built_tree() / PROGRAM)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno()], env=env or {})
        theirs.close()
        self.socket = ours
        self._lines = ours.makefile("r")
        ours.settimeout(60)

    def send(self, id, url, body="{}", attempts=5, timeout_ms=10000):
        self.raw(json.dumps({"id": id, "delivery": f"d-{id}", "url": url,
                             "body": body, "attempts": attempts,
                             "timeout_ms": timeout_ms}) + "\n")

    def raw(self, text):
        self.socket.sendall(text.encode())

    def outcome(self):
        return json.loads(self._lines.readline())


@pytest.fixture
def helper():
    made = Helper()
    yield made
    made.process.kill()
    made.process.wait()


@pytest.fixture
def endpoint():
    with contextlib.ExitStack() as stack:
        def make(*answers, **options):
            made = Endpoint(*answers, **options)
            stack.callback(made.close)
            return made
        yield make


def dead_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_posts_the_body_as_json(helper, endpoint):
    target = endpoint(200)
    body = json.dumps({"text": "\u00fc\n", "n": None})
    helper.send(7, target.url("/a?b=c"), body)
    path, headers, received = target.next()
    assert path == "/a?b=c"
    assert received.decode() == body
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Ruvector-Delivery"] == "d-7"
    assert headers["User-Agent"] == "ruvector-webhook"
    assert "Expect" not in headers
    outcome = helper.outcome()
    assert outcome.pop("at_us") > 1.7e15
    assert outcome == {"id": 7, "ok": True, "status": 200, "attempts": 1,
                       "error": ""}


def test_tries_again_after_500_and_429(helper, endpoint):
    target = endpoint(500, (429, {"Retry-After": "1"}), 204)
    helper.send(1, target.url())
    outcome = helper.outcome()
    assert (outcome["ok"], outcome["status"], outcome["attempts"]) == (
        True, 204, 3)
    deliveries = {target.next()[1]["X-Ruvector-Delivery"] for _ in range(3)}
    assert deliveries == {"d-1"}


def test_gives_up_after_the_attempts_allowed(helper, endpoint):
    target = endpoint(503)
    helper.send(1, target.url(), attempts=2)
    outcome = helper.outcome()
    assert (outcome["ok"], outcome["status"], outcome["attempts"],
            outcome["error"]) == (False, 503, 2, "the endpoint answered 503")
    assert target.requests.qsize() == 2


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_refusal_is_final(helper, endpoint, status):
    target = endpoint(status)
    helper.send(1, target.url())
    outcome = helper.outcome()
    assert (outcome["ok"], outcome["status"], outcome["attempts"]) == (
        False, status, 1)


def test_redirects_are_not_followed(helper, endpoint):
    other = endpoint(200)
    for location in (other.url(), "file:///etc/passwd"):
        target = endpoint((307, {"Location": location}))
        helper.send(1, target.url())
        outcome = helper.outcome()
        assert (outcome["ok"], outcome["status"]) == (False, 307)
    assert other.requests.empty()


def test_nothing_but_http(helper, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    helper.send(1, f"file://{secret}")
    outcome = helper.outcome()
    assert not outcome["ok"] and outcome["status"] is None
    assert outcome["attempts"] == 1


def test_an_endpoint_that_closes_or_is_not_there(helper, endpoint):
    closing = endpoint("close")
    helper.send(1, closing.url(), attempts=2)
    helper.send(2, f"http://127.0.0.1:{dead_port()}/secret", attempts=2)
    seen = {}
    for _ in range(2):
        outcome = helper.outcome()
        seen[outcome["id"]] = outcome
    for outcome in seen.values():
        assert (outcome["ok"], outcome["status"], outcome["attempts"]) == (
            False, None, 2)
        assert outcome["error"] and "secret" not in outcome["error"]


def test_silence_ends_at_the_timeout(helper, endpoint):
    silent = endpoint(threading.Event())
    helper.send(1, silent.url(), attempts=1, timeout_ms=300)
    outcome = helper.outcome()
    assert (outcome["ok"], outcome["status"]) == (False, None)
    assert "timed out" in outcome["error"].lower()


def test_a_silent_endpoint_holds_up_nobody_else(helper, endpoint):
    release = threading.Event()
    silent, other = endpoint(release), endpoint(200)
    helper.send(1, silent.url(), attempts=1)
    silent.next()
    for id in range(2, 12):
        helper.send(id, other.url(f"/{id}"))
    assert {helper.outcome()["id"] for _ in range(10)} == set(range(2, 12))
    release.set()
    assert helper.outcome()["id"] == 1


def test_one_url_gets_its_deliveries_in_order(helper, endpoint):
    target = endpoint(500, 200)
    for id in range(1, 6):
        helper.send(id, target.url(), json.dumps({"n": id}))
    assert [helper.outcome()["id"] for _ in range(5)] == [1, 2, 3, 4, 5]
    bodies = [json.loads(target.next()[2])["n"] for _ in range(6)]
    assert bodies == [1, 1, 2, 3, 4, 5]


def test_an_answer_without_end_is_cut_short(helper):
    """A status settles the delivery; the body is not waited for."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        helper.send(1, f"http://127.0.0.1:{listener.getsockname()[1]}/",
                    timeout_ms=60000)
        peer, _ = listener.accept()
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                peer.sendall(b"x" * 65536)
        peer.close()
    outcome = helper.outcome()
    assert (outcome["ok"], outcome["status"], outcome["attempts"]) == (
        True, 200, 1)


def test_a_proxy_of_the_environment_is_used(endpoint):
    proxy = endpoint(200)
    made = Helper(env={"http_proxy": proxy.url("")})
    made.send(1, "http://nowhere.invalid/x")
    assert proxy.next()[0] == "http://nowhere.invalid/x"
    assert made.outcome()["ok"]
    made.socket.close()
    made._lines.close()
    assert made.process.wait(30) == 0


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True,
                   capture_output=True)


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, directory):
        self._directory = directory
        directory.mkdir()
        self.file = directory / "ca.pem"
        self._key = directory / "ca.key"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2,
                "-subj", "/CN=authority", "-keyout", self._key, "-out",
                self.file)

    def certificate(self, name, days=2):
        """Of a server that is `name` ("IP:127.0.0.1"), with its key."""
        request, key, made, extension, both = (
            self._directory / f"server.{suffix}"
            for suffix in ("csr", "key", "crt", "ext", "pem"))
        extension.write_text(f"subjectAltName={name}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server",
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey",
                self._key, "-CAcreateserial", "-days", days, "-extfile",
                extension, "-out", made)
        both.write_text(made.read_text() + key.read_text())
        return both


def deliver_over_tls(target, env):
    made = Helper(env=env)
    try:
        made.send(1, target.url("/secret"))
        return made.outcome()
    finally:
        made.process.kill()
        made.process.wait()


def test_https_to_a_server_that_the_named_authority_knows(endpoint, tmp_path):
    authority = Authority(tmp_path / "ours")
    target = endpoint(200, certificate=authority.certificate("IP:127.0.0.1"))
    outcome = deliver_over_tls(target, {"SSL_CERT_FILE": str(authority.file)})
    assert (outcome["ok"], outcome["status"]) == (True, 200), outcome
    assert target.next()[0] == "/secret"
    hashed = tmp_path / "hashed"
    hashed.mkdir()
    (hashed / "ca.pem").write_text(authority.file.read_text())
    openssl("rehash", hashed)
    assert deliver_over_tls(target, {"SSL_CERT_DIR": str(hashed)})["ok"]


@pytest.mark.parametrize("fault", ["unknown authority", "another name",
                                   "expired"])
def test_https_certificates_are_verified(endpoint, tmp_path, fault):
    """Nothing is sent, and as the next try would find the same, it is the
    last."""
    authority = Authority(tmp_path / "ours")
    trusted = (Authority(tmp_path / "theirs") if fault == "unknown authority"
               else authority)
    certificate = authority.certificate(
        "DNS:elsewhere.example" if fault == "another name" else "IP:127.0.0.1",
        days=-1 if fault == "expired" else 2)
    target = endpoint(200, certificate=certificate)
    outcome = deliver_over_tls(target, {"SSL_CERT_FILE": str(trusted.file)})
    assert (outcome["ok"], outcome["status"], outcome["attempts"]) == (
        False, None, 1), outcome
    assert "secret" not in outcome["error"]
    assert target.requests.empty()


def test_ends_with_its_socket_whatever_is_under_way(helper, endpoint):
    silent = endpoint(threading.Event())
    helper.send(1, silent.url())
    silent.next()
    helper._lines.close()
    helper.socket.close()
    assert helper.process.wait(30) == 0


def test_nonsense_ends_it_and_is_not_quoted(helper):
    helper.raw('{"id": 1, "url": "http://secret/"}\n')
    assert helper.process.wait(30) == 1
    said = helper.process.stderr.read().decode()
    assert "delivery" in said and "secret" not in said


def test_without_a_socket_it_says_who_starts_it():
    outcome = subprocess.run([built_tree() / PROGRAM], env={}, text=True,
                             stdin=subprocess.DEVNULL, capture_output=True)
    assert outcome.returncode == 1
    assert "integrity worker" in outcome.stderr


def test_dies_with_its_parent(endpoint):
    silent = endpoint(threading.Event())
    # The socket stays open here: only the parent's death can end it.
    ours, theirs = socket.socketpair()
    program = built_tree() / PROGRAM
    parent = subprocess.Popen(
        ["/bin/bash", "-c", f'"$0" 3<&{theirs.fileno()} & echo $!; wait',
         str(program)], stdout=subprocess.PIPE, pass_fds=[theirs.fileno()],
        env={})
    pid = int(parent.stdout.readline())
    ours.sendall((json.dumps({
        "id": 1, "delivery": "d", "url": silent.url(), "body": "{}",
        "attempts": 1, "timeout_ms": 60000}) + "\n").encode())
    silent.next()
    parent.kill()
    parent.wait()
    wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists() or "\nState:\tZ"
             in pathlib.Path(f"/proc/{pid}/status").read_text(), 30,
             what="the helper died with its parent")
    theirs.close()
    ours.close()
