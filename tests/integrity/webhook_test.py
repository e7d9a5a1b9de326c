"""Webhooks: from a transition to an endpoint, and everything that can be wrong
with an endpoint or the helper without anyone waiting for it."""

import http.server
import json
import os
import pathlib
import queue
import socket
import threading

import psycopg
import pytest

from harness.waiting import wait_for
from integrity.conftest import enrol, force, sealed

# Short intervals, so that hysteresis takes seconds.
FAST_POLICY = """{
    "sample_interval_secs": 1,
    "hysteresis": {"degrade_samples": 2, "critical_samples": 2,
                   "restore_hold_seconds": 1,
                   "cooldown_after_transition_seconds": 1}}"""

# Few attempts, so that a hopeless delivery ends within seconds.
SETTINGS = {"ruvector.webhook_attempts": "2", "ruvector.webhook_timeout": "60"}


class Endpoint:
    """An HTTP server. `answers`: a status, "close" (no answer) or an Event
    (silence until it is set, then 200) per request; the last one goes on."""

    def __init__(self, *answers, port=0):
        self.answers = list(answers)
        self.requests = queue.Queue()
        self.open = 0  # requests that have come and are not answered
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = (endpoint.answers.pop(0)
                          if len(endpoint.answers) > 1 else endpoint.answers[0])
                endpoint.open += 1
                endpoint.requests.put((dict(self.headers), json.loads(body)))
                if isinstance(answer, threading.Event):
                    answer.wait(300)
                    answer = 200
                endpoint.open -= 1
                if answer == "close":
                    self.close_connection = True
                    return
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port),
                                                       Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook?token=s3cret"
        threading.Thread(target=self._server.serve_forever,
                         daemon=True).start()

    def next(self, timeout=60):
        """The body of the next request."""
        return self.requests.get(timeout=timeout)[1]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint():
    made = []

    def make(*answers, **kwargs):
        made.append(Endpoint(*answers, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def server(new_cluster):
    made = new_cluster("webhooks", **SETTINGS)
    enrol(made)
    made.execute("SELECT ruvector_integrity_policy_set('docs', 'default', %s)",
                 (FAST_POLICY,))
    return made


def subscribe(server, *urls, **more):
    """The policy names these webhooks; returns when the worker knows."""
    state_change = {"channels": [{"type": "webhook", "config": {"url": url}}
                                 for url in urls], **more}
    server.execute(
        "SELECT ruvector_integrity_policy_set('docs', 'default', %s)",
        (json.dumps({"notifications": {"on_state_change": state_change}}),))
    server.wait_for("SELECT coalesce(array_agg(url ORDER BY url), '{}') @> "
                    "%s::text[] FROM ruvector.webhooks", (list(urls),))


def row(server, url):
    with server.connect() as session:
        cursor = session.execute("SELECT * FROM ruvector.webhooks "
                                 "WHERE url = %s", (url,))
        names = [column.name for column in cursor.description]
        return dict(zip(names, cursor.fetchone()))


def settled(server, url, messages):
    """Waits until so many messages have ended; their row."""
    server.wait_for("SELECT pending = 0 AND delivered + failed + dropped = %s "
                    "FROM ruvector.webhooks WHERE url = %s", (messages, url),
                    timeout=90)
    return row(server, url)


def dead_url():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}/dead"


def worker(server):
    return server.backends("ruvector integrity worker")[0][0]


def helper(server):
    """Pid of the worker's helper, None without."""
    pid = worker(server)
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(c) for c in children.read_text().split()
             if "ruvector-webhook" in
             pathlib.Path(f"/proc/{c}/cmdline").read_text()]
    return found[0] if found else None


def sample(server, times=1):
    for _ in range(times):
        server.execute("SELECT ruvector_integrity_sample('docs')")


def alive(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "State:\tZ" not in status


def test_a_forced_transition_is_delivered(server, endpoint):
    target = endpoint(200)
    subscribe(server, target.url)
    assert row(server, target.url) == {
        "collection": "docs", "url": target.url, "delivered": 0, "failed": 0,
        "dropped": 0, "pending": 0, "last_attempt_at": None,
        "last_delivered_at": None, "last_status": None, "last_error": None}
    assert helper(server) is None, "no helper before it is needed"
    page = {"name": "page", "command": "page-oncall", "args": ["vectors"]}
    server.execute("SELECT ruvector_integrity_policy_set('docs', 'default', "
                   "%s)", (json.dumps({"critical_actions": {
                       "custom_actions": [page]}}),))
    force(server, "critical")
    headers, body = target.requests.get(timeout=60)
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Ruvector-Delivery"]
    at = server.value("SELECT %s::timestamptz - set_at FROM "
                      "ruvector.integrity_overrides", (body.pop("at"),))
    assert 0 <= at.total_seconds() < 60
    assert body == {
        "format": "ruvector-webhook 1", "type": "state_change",
        "database": "postgres", "collection": "docs", "policy": "default",
        "previous_state": "normal", "new_state": "critical",
        "reason": "override", "norm": None, "lambda_cut": None,
        "lambda_norm": None, "service_norm": None, "lambda2": None,
        "requested_actions": [{"name": "emergency_compact"}, page]}
    seen = settled(server, target.url, 1)
    assert (seen["delivered"], seen["last_status"], seen["last_error"]) == (
        1, 200, None)
    assert seen["last_attempt_at"] == seen["last_delivered_at"] is not None
    # The signed event asks for the same actions, and holds no URL.
    sealed(server)
    assert server.value(
        "SELECT metadata -> 'requested_actions' FROM ruvector.integrity_events "
        "WHERE event_type = 'manual_override' AND new_state = 'critical'"
    ) == [{"name": "emergency_compact"}, page]


def test_a_real_transition_carries_the_cut(new_cluster, endpoint):
    server = new_cluster("archiving", archive_mode="on",
                         archive_command="/bin/true", **SETTINGS)
    enrol(server)
    server.execute("SELECT ruvector_integrity_policy_set('docs', 'default', "
                   "%s)", (FAST_POLICY,))
    target = endpoint(200)
    subscribe(server, target.url, include_witness_edges=True)
    server.configure(archive_command="/bin/false")
    for i in range(4):
        server.execute(f"CREATE TABLE filler_{i} (i int)")
        server.execute("SELECT pg_switch_wal()")
    body = target.next(90)
    while body["type"] == "threshold_approach":
        body = target.next(90)
    assert (body["type"], body["previous_state"], body["new_state"]) == (
        "state_change", "normal", "stress")
    assert 0 < body["norm"] < 0.8
    assert body["lambda_cut"] > 0
    assert any("archiver" in edge[end] for edge in body["witness_edges"]
               for end in ("source_name", "target_name"))
    sealed(server)
    event = server.execute(
        "SELECT lambda_cut, lambda2, abs(extract(epoch FROM created_at - "
        "%s::timestamptz)) FROM ruvector.integrity_events "
        "WHERE event_type = 'state_change'", (body["at"],))[0]
    assert event[0] == pytest.approx(body["lambda_cut"], rel=1e-6)
    assert event[1] == pytest.approx(body["lambda2"], rel=1e-6)
    assert event[2] < 60
    server.configure(archive_command="/bin/true")
    while body["type"] != "recovery":
        body = target.next(90)
    assert body["new_state"] == "normal"


def test_a_dead_port_is_counted_and_delays_nothing(server, endpoint):
    other, dead = endpoint(200), dead_url()
    subscribe(server, dead, other.url)
    force(server, "stress")
    assert other.next()["new_state"] == "stress"
    seen = settled(server, dead, 1)
    assert (seen["failed"], seen["last_status"]) == (1, None)
    assert "connect" in seen["last_error"].lower()
    assert "/dead" not in seen["last_error"]
    assert settled(server, other.url, 1)["delivered"] == 1


def test_a_silent_endpoint_delays_no_sample_and_no_transition(server,
                                                              endpoint):
    release = threading.Event()
    silent, other = endpoint(release), endpoint(200)
    subscribe(server, silent.url, other.url)
    force(server, "stress")
    assert silent.next()["new_state"] == "stress"
    before = server.value("SELECT sample_count FROM ruvector.integrity")
    sample(server, 3)
    force(server, "critical")
    assert other.next()["new_state"] == "stress"
    assert other.next()["new_state"] == "critical"
    sealed(server)
    assert server.value("SELECT sample_count FROM ruvector.integrity"
                        ) >= before + 3
    # All of that happened while the first request was still unanswered.
    assert silent.open == 1 and silent.requests.empty()
    seen = row(server, silent.url)
    assert (seen["pending"], seen["delivered"], seen["failed"]) == (2, 0, 0)
    release.set()
    assert silent.next()["new_state"] == "critical", "in order"
    assert settled(server, silent.url, 2)["delivered"] == 2


def test_an_endpoint_that_closes_without_an_answer(server, endpoint):
    rude = endpoint("close")
    subscribe(server, rude.url)
    force(server, "stress")
    sample(server, 2)
    seen = settled(server, rude.url, 1)
    assert (seen["failed"], seen["delivered"], seen["last_status"]) == (
        1, 0, None)
    assert seen["last_error"] and "s3cret" not in seen["last_error"]
    assert rude.requests.qsize() == 2, "the attempts of the setting"


def test_500_twice_then_200_is_one_delivery(server, endpoint):
    server.configure(**{"ruvector.webhook_attempts": "5"})
    target = endpoint(500, 500, 200)
    subscribe(server, target.url)
    force(server, "stress")
    seen = settled(server, target.url, 1)
    assert (seen["delivered"], seen["failed"], seen["last_status"]) == (
        1, 0, 200)
    requests = [target.requests.get(timeout=1) for _ in range(3)]
    assert target.requests.empty()
    assert len({headers["X-Ruvector-Delivery"]
                for headers, _ in requests}) == 1


def test_a_killed_helper_is_replaced(server, endpoint):
    release = threading.Event()
    target = endpoint(200, release, 200)
    subscribe(server, target.url)
    force(server, "stress")
    target.next()
    settled(server, target.url, 1)
    first = helper(server)
    force(server, "critical")
    target.next()  # under way, never answered to the first helper
    os.kill(first, 9)
    assert target.next()["new_state"] == "critical", "sent again by the next"
    assert settled(server, target.url, 2)["delivered"] == 2
    assert helper(server) not in (None, first)
    release.set()
    force(server, "stress")
    assert target.next()["new_state"] == "stress"
    sample(server)
    assert not alive(first)


def test_a_missing_helper_is_told_and_delays_nothing(server, endpoint):
    target = endpoint(200)
    program = (server.installation.pkglibdir / "ruvector" / "ruvector-webhook")
    hidden = program.with_suffix(".hidden")
    program.rename(hidden)
    try:
        mark = server.log_mark()
        subscribe(server, target.url)
        force(server, "stress")
        force(server, "critical")
        sample(server, 2)
        sealed(server)
        server.wait_for("SELECT pending = 2 AND last_error LIKE '%%No such "
                        "file%%' FROM ruvector.webhooks", ())
        assert "cannot start" in server.log(mark)
    finally:
        hidden.rename(program)
    assert target.next()["new_state"] == "stress"
    assert target.next()["new_state"] == "critical"
    assert settled(server, target.url, 2)["last_error"] is None


def test_nothing_is_sent_for_what_rolls_back(server, endpoint):
    target = endpoint(200)
    subscribe(server, target.url)
    server.configure(**{"ruvector.failpoints":
                        "integrity.refresh.before_commit=error"})
    server.wait_for("SELECT current_setting('ruvector.failpoints') <> ''")
    sample(server)  # the worker has reloaded, too
    server.execute("SELECT ruvector_integrity_override('docs', 'stress', 'x', "
                   "600)")
    passes = server.value("SELECT passes FROM ruvector.workers")
    server.wait_for("SELECT passes > %s FROM ruvector.workers", (passes + 3,))
    assert server.value("SELECT state FROM ruvector.integrity") == "normal"
    assert target.requests.empty()
    assert row(server, target.url)["pending"] == 0
    server.configure(**{"ruvector.failpoints": ""})
    assert target.next()["new_state"] == "stress"
    assert settled(server, target.url, 1)["delivered"] == 1
    assert target.requests.empty()


def test_the_helper_has_no_file_of_the_server_and_goes_with_it(server,
                                                               endpoint):
    release = threading.Event()
    silent = endpoint(release)
    subscribe(server, silent.url)
    force(server, "stress")
    silent.next()
    pid, parent = helper(server), worker(server)

    def files(process):
        return {int(entry.name): os.readlink(entry) for entry in
                pathlib.Path(f"/proc/{process}/fd").iterdir()}

    ours, theirs = files(pid), files(parent)
    assert ours[0] == ours[1] == "/dev/null"
    assert ours[2] == theirs[2], "the server's log"
    shared = {number: file for number, file in ours.items()
              if number > 2 and file in theirs.values()
              and not file.startswith("anon_inode:")}
    assert shared == {}
    assert not [file for file in ours.values() if str(server.data) in file]
    environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert b"PG" not in environment and b"HOME=" not in environment
    maps = pathlib.Path(f"/proc/{parent}/maps").read_text()
    assert "libcurl" not in maps, "not in the server itself"
    assert alive(pid)
    server.stop()
    wait_for(lambda: not alive(pid), 30, what="the helper is gone")
    # What it did not deliver is known after the restart.
    server.start()
    server.wait_for("SELECT dropped = 1 AND pending = 0 "
                    "FROM ruvector.webhooks", timeout=60)
    assert "ended before" in row(server, silent.url)["last_error"]
    release.set()


def test_too_many_are_dropped_and_counted(server, endpoint):
    release = threading.Event()
    silent = endpoint(release)
    subscribe(server, silent.url)
    states = ["stress", "critical"]
    for i in range(70):
        server.execute("SELECT ruvector_integrity_override('docs', %s, 'x', "
                       "600)", (states[i % 2],))
        server.wait_for("SELECT state = %s FROM ruvector.integrity",
                        (states[i % 2],))
    seen = row(server, silent.url)
    assert seen["pending"] + seen["dropped"] == 70
    server.wait_for("SELECT pending = 64 AND dropped = 6 "
                    "FROM ruvector.webhooks")
    assert "too many" in row(server, silent.url)["last_error"]
    release.set()
    assert settled(server, silent.url, 70)["delivered"] == 64


def test_urls_are_kept_from_readers_and_from_the_log(server, endpoint):
    target = endpoint(200)
    subscribe(server, target.url)
    sealed(server)
    server.execute("CREATE ROLE watcher LOGIN IN ROLE ruvector_reader")
    server.execute("CREATE ROLE runner LOGIN IN ROLE ruvector_operator")
    for statement in ("SELECT url FROM ruvector.webhooks",
                      "SELECT url FROM ruvector.webhook_deliveries",
                      "SELECT policy FROM ruvector.integrity_policies",
                      "SELECT notifications FROM ruvector.integrity_policies",
                      "SELECT ruvector_integrity_policy_get('docs')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.execute(statement, user="watcher")
        assert "s3cret" in str(server.execute(statement, user="runner"))
    for statement in ("SELECT mode, threshold_high, stress_actions "
                      "FROM ruvector.integrity_policies",
                      "SELECT name FROM ruvector_integrity_policy_list('docs')",
                      "SELECT mode FROM ruvector_list_collections()"):
        assert server.execute(statement, user="watcher")
    server.execute("SELECT ruvector_integrity_policy_drop('docs', 'default')")
    sealed(server)
    recorded = server.execute("SELECT metadata::text FROM "
                              "ruvector.integrity_events "
                              "WHERE event_type = 'policy_update'")
    assert f"http://127.0.0.1:{target.port}/..." in str(recorded)
    assert "s3cret" not in str(recorded)
    server.wait_for("SELECT count(*) = 0 FROM ruvector.webhooks")


def test_sample_size_bounds_the_pages_of_a_pass(new_cluster):
    server = new_cluster("pages")
    enrol(server, rows=20000)

    def pages():
        last = server.value("SELECT coalesce(max(id), 0) FROM "
                            "ruvector.integrity_events")
        server.restart()  # the first pass of a worker is an event
        server.wait_for("SELECT count(*) > 0 FROM ruvector.integrity_events "
                        "WHERE event_type = 'sample' AND id > %s", (last,),
                        timeout=60)
        return server.value(
            "SELECT (metadata ->> 'sample_size')::int FROM "
            "ruvector.integrity_events WHERE event_type = 'sample' "
            "AND id > %s ORDER BY id LIMIT 1", (last,))

    sealed(server)
    assert pages() > 16
    server.execute("SELECT ruvector_integrity_policy_set('docs', 'default', "
                   "'{\"sample_size\": 16}')")
    assert 0 < pages() <= 16


def test_who_listens_hears_of_a_transition(new_cluster):
    server = new_cluster("listen")
    enrol(server)
    server.execute("""SELECT ruvector_integrity_policy_set('docs', 'told',
        '{"notifications": {"on_state_change": {"channels": [{"type":
          "pg_notify", "config": {"channel": "Of docs"}}]}}}')""")
    with server.connect() as session:
        session.execute('LISTEN "Of docs"')
        force(server, "stress")
        heard = next(session.notifies())
    told = json.loads(heard.payload)
    assert (told["collection"], told["from"], told["to"]) == (
        "docs", "normal", "stress")
    assert told["reason"] == "override"
