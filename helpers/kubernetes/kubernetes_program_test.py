"""ruvector-kubernetes alone, against an API server of the test's own.

The oracle is what that server wrote and what its workload has at the end."""

import contextlib
import json
import pathlib
import random
import socket
import subprocess
import threading
import time

import pytest
import yaml

from harness.certificates import Authority
from harness.installation import built_tree, workspace
from harness.kubernetes_api import ApiServer, Credentials, Fault
from harness.waiting import wait_for

PROGRAM = "helpers/kubernetes/ruvector-kubernetes"
OK, CANCELLED, INVALID, DEADLINE, NOT_FOUND = 0, 1, 3, 4, 5
DENIED, EXHAUSTED, PRECONDITION, ABORTED, UNAVAILABLE = 7, 8, 9, 10, 14
DATA_LOSS, UNAUTHENTICATED = 15, 16


class Program:
    def __init__(self, env=None):
        ours, theirs = socket.socketpair()
        # `pass_fds` keeps numbers: the program wants its end as 3.
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$0" 3<&{theirs.fileno()}',
             str(built_tree() / PROGRAM)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, pass_fds=[theirs.fileno()], env=env or {})
        theirs.close()
        self.socket = ours
        ours.settimeout(60)

    def send(self, **request):
        self.socket.sendall((json.dumps(request) + "\n").encode())

    def replies(self):
        """All of them; the last is the outcome."""
        text = b""
        while block := self.socket.recv(65536):
            text += block
        return [json.loads(line) for line in text.splitlines()]

    def end(self):
        """What it printed; it has ended."""
        self.socket.close()
        out, err = self.process.communicate(timeout=30)
        return (out + err).decode()


class Room:
    """An API server with one workload, and the means to scale it."""

    def __init__(self, directory, authority, certificate,
                 plural="statefulsets", **options):
        self.authority = authority
        self.api = ApiServer(certificate, **options)
        self.workload = self.api.add(plural, "reader", 2)
        self.credentials = Credentials(directory / "account",
                                       self.authority.file)
        self.said = ""

    def request(self, operation="scale", expected=2, requested=3,
                timeout=20.0, **others):
        request = {"operation": operation, "server": self.api.url(),
                   "credentials": str(self.credentials.directory),
                   "object": f"db/{self.workload.kind}/{self.workload.name}",
                   "timeout_ms": int(timeout * 1000), **others}
        if operation == "scale":
            request = {"wait_ready": True, **request, "expected": expected,
                       "requested": requested}
        return request

    def run(self, *arguments, **options):
        program = Program()
        program.send(**self.request(*arguments, **options))
        replies = program.replies()
        self.said = program.end() + json.dumps(replies)
        self.progress = replies[:-1]
        assert program.process.returncode == 0, self.said
        return replies[-1]

    def ours(self):
        return [(a, b) for by, a, b in self.api.writes if by == "ruvector"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("tls") / "ours")
    return made, made.certificate("IP:127.0.0.1")


@pytest.fixture
def room(tmp_path, authority):
    with contextlib.ExitStack() as stack:
        def make(**options):
            made = Room(tmp_path, *authority, **options)
            stack.callback(made.api.close)
            return made
        yield make


def test_scales_and_waits_until_all_are_ready(room):
    here = room(ready_after=1.0)
    began = time.monotonic()
    outcome = here.run()
    assert outcome == {
        "code": OK, "message": "", "effect": "done", "previous": 2,
        "requested": 3, "desired": 3, "current": 3, "ready": 3,
        "observed": True}
    assert time.monotonic() - began >= 1.0
    assert here.ours() == [(2, 3)]
    phases = [line["phase"] for line in here.progress]
    assert list(dict.fromkeys(phases)) == ["reading", "writing", "waiting"]
    for method, path, headers, _ in here.api.requests:
        assert headers["Authorization"] == "Bearer token-one"
        assert headers["User-Agent"] == "ruvector-kubernetes"
        assert path.startswith("/apis/apps/v1/namespaces/db/statefulsets/")
        assert method in ("GET", "PATCH")
    assert "token-one" not in here.said


@pytest.mark.parametrize("plural", ["statefulsets", "deployments", "clusters"])
def test_every_kind_is_read_scaled_and_scaled_back(room, plural):
    here = room(plural=plural)
    assert here.run(requested=5)["ready"] == 5
    read = here.run("get")
    assert (read["desired"], read["current"], read["ready"],
            read["observed"]) == (5, 5, 5, True)
    assert here.run(expected=5, requested=2)["code"] == OK
    assert here.workload.replicas == 2
    assert here.ours() == [(2, 5), (5, 2)]


def test_to_none_and_back_but_not_a_cluster(room):
    here = room()
    assert here.run(requested=0)["code"] == OK
    assert here.run(expected=0, requested=2)["code"] == OK
    assert here.workload.ready == 2


def test_what_is_so_already_is_not_written(room):
    here = room()
    outcome = here.run(expected=1, requested=2)
    assert (outcome["code"], outcome["effect"]) == (OK, "none")
    assert here.api.writes == []


def test_replicas_that_never_are_ready(room):
    here = room(ready_after=None)
    began = time.monotonic()
    outcome = here.run(timeout=2.5)
    assert 1.0 < time.monotonic() - began < 6
    assert (outcome["code"], outcome["effect"]) == (DEADLINE, "done")
    assert "2 of 3 replicas of db/StatefulSet/reader" in outcome["message"]
    assert here.run(expected=3, requested=2, wait_ready=False)["code"] == OK
    assert here.workload.replicas == 2


def test_somebody_elses_number_stays(room):
    here = room()
    here.api.edit(here.workload, 4)
    outcome = here.run()
    assert (outcome["code"], outcome["effect"], outcome["previous"]) == (
        ABORTED, "none", 4)
    assert here.workload.replicas == 4


def test_an_edit_between_reading_and_writing(room):
    """The version has moved on: 409, and what is read then decides."""
    here = room()
    here.api.faults = [Fault(method="PATCH", before=lambda: here.api.edit(
        here.workload, 7))]
    outcome = here.run()
    assert (outcome["code"], outcome["effect"]) == (ABORTED, "none")
    assert here.workload.replicas == 7 and here.ours() == []


def test_a_version_that_moves_on_alone_is_tried_again(room):
    here = room()
    here.api.faults = [Fault(method="PATCH", before=lambda: here.api.touch(
        here.workload))] * 3
    outcome = here.run()
    assert (outcome["code"], outcome["effect"]) == (OK, "done")
    assert here.ours() == [(2, 3)]
    assert [m for m, *_ in here.api.requests].count("PATCH") == 4


def test_an_edit_while_waiting(room):
    here = room(ready_after=None)
    here.api.faults = [Fault(), Fault(), Fault(), Fault(), Fault(
        before=lambda: here.api.edit(here.workload, 6))]
    outcome = here.run()
    assert (outcome["code"], outcome["effect"]) == (ABORTED, "done")
    assert here.workload.replicas == 6


def test_a_renewed_token_is_read_again(room):
    here = room()
    here.api.tokens = {"token-two"}
    here.api.faults = [Fault(method="GET", after=lambda: (
        here.credentials.token.write_text("token-two\n")))]
    assert here.run()["code"] == OK
    used = [headers["Authorization"] for _, _, headers, _ in here.api.requests]
    assert used[:2] == ["Bearer token-one", "Bearer token-two"]


def test_401_is_final_when_the_token_read_again_is_no_better(room):
    here = room()
    here.api.tokens = {"another"}
    outcome = here.run()
    assert (outcome["code"], outcome["effect"]) == (UNAUTHENTICATED, "none")
    assert len(here.api.requests) == 2
    assert "token-one" not in here.said


def test_403_is_final_and_says_what_is_missing(room):
    here = room(rules=[{"apiGroups": ["apps"], "resources": ["statefulsets"],
                        "verbs": ["get"]}])
    outcome = here.run()
    assert (outcome["code"], outcome["effect"]) == (DENIED, "none")
    assert 'cannot get resource "statefulsets/scale"' in outcome["message"]
    here.api.rules[0]["resources"].append("statefulsets/scale")
    outcome = here.run()
    assert (outcome["code"], outcome["effect"]) == (DENIED, "none")
    assert 'cannot patch resource "statefulsets/scale"' in outcome["message"]
    assert here.api.writes == []
    assert here.run("get")["ready"] == 2


@pytest.mark.parametrize("group, plural", [
    ("apps", "statefulsets"), ("apps", "deployments"),
    ("postgresql.cnpg.io", "clusters")])
def test_the_manifest_allows_what_is_needed_and_no_more(room, group, plural):
    text = (workspace() / "deploy/kubernetes/rbac.yaml").read_text()
    text = text.replace("ruvector-read", "reader").replace(
        '["apps"]', f'["{group}"]').replace("statefulsets", plural)
    _, role, binding = yaml.safe_load_all(text)
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    here = room(plural=plural, rules=role["rules"])
    assert here.run()["code"] == OK
    needed = {(method, path.rpartition("/")[2])
              for method, path, *_ in here.api.requests}
    assert needed == {("GET", "reader"), ("GET", "scale"), ("PATCH", "scale")}
    allowed = [(verb, rule["resources"]) for rule in role["rules"]
               for verb in rule["verbs"]]
    assert allowed == [("get", [plural]), ("get", [plural + "/scale"]),
                       ("patch", [plural + "/scale"])]
    other = here.api.add(plural, "other", 2)
    here.workload = other
    assert here.run()["code"] == DENIED


def test_404_is_final(room):
    here = room()
    here.workload.name = "else"  # what we ask for; it is kept as "reader"
    outcome = here.run()
    assert (outcome["code"], outcome["effect"]) == (NOT_FOUND, "none")
    assert '"else" not found' in outcome["message"]
    assert len(here.api.requests) == 1


def test_429_waits_as_long_as_it_is_told(room):
    here = room()
    here.api.faults = [
        Fault(status=429, headers={"Retry-After": "1"}),
        Fault(method="PATCH", status=429, headers={"Retry-After": "2"})]
    began = time.monotonic()
    assert here.run()["code"] == OK
    assert time.monotonic() - began >= 3
    assert here.ours() == [(2, 3)]


def test_429_beyond_the_deadline_is_not_waited_for(room):
    here = room()
    here.api.faults = [Fault(status=429, headers={"Retry-After": "3600"})]
    began = time.monotonic()
    outcome = here.run()
    assert time.monotonic() - began < 5
    assert outcome["code"] == UNAVAILABLE
    assert "asked to wait 1h" in outcome["message"]


def test_5xx_is_tried_again_with_growing_pauses(room):
    here = room()
    here.api.faults = [Fault(status=500), Fault(status=503), Fault(status=504)]
    began = time.monotonic()
    assert here.run()["code"] == OK
    # 250, 500 and 1000 ms, less up to a half.
    assert time.monotonic() - began > 0.8


def test_5xx_without_end_ends_at_the_deadline(room):
    here = room()
    here.api.faults = [Fault(status=503)] * 100
    began = time.monotonic()
    outcome = here.run(timeout=2)
    assert time.monotonic() - began < 4
    assert (outcome["code"], outcome["effect"]) == (UNAVAILABLE, "none")
    assert "503" in outcome["message"]
    assert 2 <= len(here.api.requests) <= 6


@pytest.mark.parametrize("fault", [
    Fault(method="PATCH", status=500, apply=True),
    Fault(method="PATCH", close=True),
    Fault(method="PATCH", half=True),
    Fault(method="PATCH", body=b"<html>thank you</html>"),
    Fault(method="PATCH", body=b"x" * (5 << 20)),
], ids=["500", "closed", "half", "nonsense", "huge"])
def test_a_write_whose_answer_is_lost_happens_once(room, fault):
    here = room()
    here.api.faults = [fault]
    outcome = here.run()
    assert (outcome["code"], outcome["effect"]) == (OK, "done"), outcome
    assert here.ours() == [(2, 3)]
    assert [m for m, *_ in here.api.requests].count("PATCH") == 1


@pytest.mark.parametrize("fault", [
    Fault(method="PATCH", status=500),
    Fault(method="PATCH", status=500, close=True),
], ids=["500", "closed"])
def test_a_write_that_did_not_happen_is_tried_again(room, fault):
    here = room()
    here.api.faults = [fault]
    assert here.run()["code"] == OK
    assert here.ours() == [(2, 3)]


def test_a_write_of_unknown_fate_is_said_to_be_one(room):
    """Nothing can be read any more after the write was sent."""
    here = room()
    here.api.faults = [Fault(method="GET", path="/scale"),
                       Fault(method="PATCH", close=True),
                       *[Fault(path="/scale", status=503)] * 50]
    outcome = here.run(timeout=2)
    assert (outcome["code"], outcome["effect"]) == (UNAVAILABLE, "unknown")
    assert outcome["previous"] == 2


def test_a_silent_server_ends_at_the_deadline(room):
    here = room()
    release = threading.Event()
    here.api.faults = [Fault(hang=release)]
    began = time.monotonic()
    outcome = here.run(timeout=1.5)
    release.set()
    assert 1.0 < time.monotonic() - began < 4
    assert (outcome["code"], outcome["effect"]) == (UNAVAILABLE, "none")
    assert "timed out" in outcome["message"].lower()


def test_a_server_that_only_accepts(room):
    """TCP and nothing more: no TLS comes."""
    here = room()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        began = time.monotonic()
        outcome = here.run(
            timeout=1.5,
            server=f"https://127.0.0.1:{listener.getsockname()[1]}")
        assert time.monotonic() - began < 4
    assert outcome["code"] == UNAVAILABLE


def test_half_an_answer_is_none(room):
    here = room()
    here.api.faults = [Fault(method="GET", half=True),
                       Fault(method="GET", path="/scale", half=True)]
    assert here.run()["code"] == OK
    assert here.ours() == [(2, 3)]


def test_nobody_listens(room):
    here = room()
    here.api.close()
    outcome = here.run(timeout=1.5)
    assert (outcome["code"], outcome["effect"]) == (UNAVAILABLE, "none")
    assert "attempts" in outcome["message"]


@pytest.mark.parametrize("body", [
    b"", b"[]", b"<html>", b'{"kind":"StatefulSet"}', b"\xff\xfe", b"[" * 99999,
    b'{"kind":"Scale","metadata":{"name":"reader","resourceVersion":"1"},'
    b'"spec":{"replicas":-5}}'])
def test_nonsense_is_not_acted_on(room, body):
    here = room()
    for path in ("reader", "/scale"):
        here.api.faults = [Fault(method="GET", path=path, body=body)]
        outcome = here.run()
        assert (outcome["code"], outcome["effect"]) == (DATA_LOSS, "none")
    assert here.api.writes == []


def test_a_huge_answer_is_not_read_to_its_end(room):
    here = room()
    here.api.faults = [Fault(method="GET", body=b" " * (64 << 20))]
    outcome = here.run()
    assert outcome["code"] == EXHAUSTED
    assert here.api.writes == []


def test_a_full_answer_takes_little_memory(room):
    """Almost 4 MiB of the smallest values there are: a tree of them would be
    some hundred."""
    here = room(ready_after=None)
    document = json.dumps({**here.workload.document(), "junk": "JUNK"}).encode()
    here.api.faults = [Fault(method="GET", body=document.replace(
        b'"JUNK"', b"[" + b"[[]]," * 800000 + b"0]"))]
    program = Program()
    program.send(**here.request(timeout=60))
    wait_for(lambda: len(here.api.requests) > 3, what="it went on")
    status = pathlib.Path(f"/proc/{program.process.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if "VmHWM" in line)
    assert int(peak.split()[1]) < 48 * 1024
    assert here.ours() == [(2, 3)]
    program.end()


def test_redirects_are_not_followed(room):
    here = room()
    here.api.faults = [Fault(status=307, headers={
        "Location": here.api.url() + "/elsewhere"})]
    outcome = here.run()
    assert outcome["code"] == PRECONDITION and "307" in outcome["message"]
    assert len(here.api.requests) == 1


@pytest.mark.parametrize("fault", ["unknown authority", "another name",
                                   "expired"])
def test_certificates_are_verified(tmp_path, fault):
    """Nothing is sent, and it is not tried again."""
    authority = Authority(tmp_path / "ours")
    trusted = (Authority(tmp_path / "theirs") if fault == "unknown authority"
               else authority)
    api = ApiServer(authority.certificate(
        "DNS:elsewhere.example" if fault == "another name" else "IP:127.0.0.1",
        expired=fault == "expired"))
    api.add("statefulsets", "reader", 2)
    account = Credentials(tmp_path / "account", trusted.file)
    # The environment names the right one: it is not asked.
    program = Program(env={"SSL_CERT_FILE": str(authority.file),
                           "https_proxy": "http://127.0.0.1:1",
                           "CURL_CA_BUNDLE": str(authority.file)})
    program.send(operation="scale", server=api.url(), expected=2, requested=3,
                 credentials=str(account.directory), wait_ready=True,
                 object="db/StatefulSet/reader", timeout_ms=10000)
    began = time.monotonic()
    outcome = program.replies()[-1]
    program.end()
    api.close()
    assert time.monotonic() - began < 5
    assert (outcome["code"], outcome["effect"]) == (PRECONDITION, "none")
    assert "certificate" in outcome["message"]
    assert api.requests == []


def test_credentials_that_are_not_there_or_none(room):
    here = room()
    (here.credentials.directory / "ca.crt").rename(
        here.credentials.directory / "aside")
    outcome = here.run()
    assert outcome["code"] == PRECONDITION and "ca.crt" in outcome["message"]
    (here.credentials.directory / "aside").rename(
        here.credentials.directory / "ca.crt")
    for text in ("", " \n", "two words", "a\r\nX-Evil: 1", "\u00fc",
                 "x" * 20000):
        here.credentials.token.write_text(text)
        outcome = here.run()
        assert outcome["code"] == PRECONDITION, text
        assert "holds no token" in outcome["message"]
        if text.strip():
            assert text.strip()[:9] not in here.said
    here.credentials.token.unlink()
    outcome = here.run()
    assert outcome["code"] == PRECONDITION
    assert "No such file" in outcome["message"]
    assert here.api.requests == []


@pytest.mark.parametrize("change", [
    {"server": "http://127.0.0.1:1"}, {"server": "https://u:p@127.0.0.1"},
    {"object": "db/StatefulSet/../../secrets"}, {"object": "db/Pod/x"},
    {"requested": -1}, {"requested": 10**9}, {"timeout_ms": 0},
    {"operation": "delete"}, {"credentials": ""}, {"expected": "2"}])
def test_a_request_that_is_none_ends_it(room, change):
    here = room()
    program = Program()
    program.send(**{**here.request(), **change})
    assert program.replies() == []
    said = program.end()
    assert program.process.returncode == 1
    assert said.startswith("ruvector-kubernetes: ")
    assert "127.0.0.1" not in said
    assert here.api.requests == []


def test_ends_with_its_socket_whatever_is_under_way(room):
    here = room()
    release = threading.Event()
    here.api.faults = [Fault(hang=release)]
    program = Program()
    program.send(**here.request(timeout=60))
    wait_for(lambda: here.api.requests, what="it asks")
    began = time.monotonic()
    program.end()
    assert time.monotonic() - began < 5
    release.set()


def test_without_a_socket_it_says_who_starts_it():
    outcome = subprocess.run([built_tree() / PROGRAM], env={}, text=True,
                             stdin=subprocess.DEVNULL, capture_output=True)
    assert outcome.returncode == 1
    assert "a worker of ruvector" in outcome.stderr


def test_dies_with_its_parent_and_leaves_no_core(room):
    here = room()
    release = threading.Event()
    here.api.faults = [Fault(hang=release)]
    # The socket stays open here: only the parent's death can end it.
    ours, theirs = socket.socketpair()
    parent = subprocess.Popen(
        ["/bin/bash", "-c", f'"$0" 3<&{theirs.fileno()} & echo $!; wait',
         str(built_tree() / PROGRAM)], stdout=subprocess.PIPE,
        pass_fds=[theirs.fileno()], env={})
    pid = int(parent.stdout.readline())
    ours.sendall((json.dumps(here.request(timeout=60)) + "\n").encode())
    wait_for(lambda: here.api.requests, what="it asks")
    limits = pathlib.Path(f"/proc/{pid}/limits")
    core = next(line for line in limits.read_text().splitlines()
                if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    parent.kill()
    parent.wait()
    status = pathlib.Path(f"/proc/{pid}/status")
    wait_for(lambda: not status.exists() or "\nState:\tZ" in status.read_text(),
             30, what="the helper died with its parent")
    release.set()
    theirs.close()
    ours.close()


def random_fault(chance, api, workload):
    kind = chance.randrange(9)
    method = chance.choice(["", "GET", "PATCH"])
    return [
        Fault(method=method, status=chance.choice([500, 502, 503, 504])),
        Fault(method=method, status=500, apply=True),
        Fault(method=method, status=429, headers={"Retry-After": "1"}),
        Fault(method=method, close=True),
        Fault(method=method, status=500, close=True),
        Fault(method=method, half=True),
        Fault(method="PATCH", before=lambda: api.touch(workload)),
        Fault(method=method, status=401),
        Fault(method=method, before=lambda: api.edit(
            workload, chance.randrange(5))),
    ][kind]


@pytest.mark.parametrize("seed", range(12))
def test_any_mixture_of_faults(room, seed):
    """Only 2 was ever replaced by us, and by nothing but 3; what the outcome
    says is what the server has."""
    chance = random.Random(seed)
    here = room(ready_after=chance.choice([0.1, 0.5]))
    here.api.faults = [random_fault(chance, here.api, here.workload)
                       for _ in range(chance.randrange(1, 6))]
    outcome = here.run(timeout=25)
    assert all(write == (2, 3) for write in here.ours()), here.api.writes
    if outcome["code"] == OK:
        assert (here.workload.replicas, here.workload.ready) == (3, 3)
    else:
        assert outcome["code"] in (ABORTED, UNAUTHENTICATED), outcome
    if outcome["effect"] == "none":
        assert not here.api.writes or here.api.writes[-1][0] != "ruvector"
    if outcome["effect"] == "done":
        assert (2, 3) in here.ours() or any(
            to == 3 for _, _, to in here.api.writes)
