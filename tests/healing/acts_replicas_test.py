"""SCALE_REPLICAS as an act: what it does in Kubernetes, its journal, its undo,
and what is left when something dies midway. The oracle is the API server."""

import json
import os
import pathlib
import shutil

import pytest

from harness.account import give_to_server, make_server_directory
from harness.certificates import Authority
from harness.kubernetes_api import ApiServer, Credentials, Fault
from harness.waiting import wait_for
from healing.acts_kit import (act, acts_done, acts_installation, describe,
                              managed, new_action, perform, performed, resolve,
                              server, set_failpoints, start, states, undo,
                              undone)

__all__ = ["acts_installation", "server"]  # fixtures

OBJECT = "db/StatefulSet/reader"
CANCELLED, INVALID, DEADLINE, PRECONDITION, ABORTED, UNAVAILABLE = (
    1, 3, 4, 9, 10, 14)


@pytest.fixture(scope="module")
def cluster(server):
    """An API server, and what it runs for the tests."""
    place = pathlib.Path("/var/tmp") / f"ruvector-kubernetes-{os.getpid()}"
    make_server_directory(place)
    authority = Authority(place / "ca")
    api = ApiServer(authority.certificate("IP:127.0.0.1"), token="t0psecret")
    account = Credentials(place / "account", authority.file,
                          token="t0psecret").directory
    for path in (account, *account.iterdir()):
        give_to_server(path)
    managed(server)
    server.configure(**{"ruvector.kubernetes_api_server": api.url(),
                        "ruvector.kubernetes_credentials": str(account)})
    server.wait_for("SELECT current_setting("
                    "'ruvector.kubernetes_credentials') <> ''")
    yield api
    api.close()
    shutil.rmtree(place)


@pytest.fixture
def reader(cluster):
    """The workload, with two replicas that are ready."""
    cluster.faults, cluster.requests, cluster.writes = [], [], []
    cluster.ready_after = 0.2
    return cluster.add("statefulsets", "reader", 2)


def scale(to, before=2, object=OBJECT):
    return act("scale_replicas", object, replicas=to, undo={"replicas": before})


def configure(server, **settings):
    settings = {f"ruvector.{name}": value for name, value in settings.items()}
    server.configure(**settings)
    for name, value in settings.items():
        wait_for(lambda: server.value(f"SHOW {name}") == str(value), 30,
                 what=f"{name} is {value}")


def crash(server, point, what="perform", action=None):
    """A worker dies there, and the server with it; the action."""
    server.allow_crash(r"was terminated by signal 9")
    mark = server.log_mark()
    set_failpoints(server, f"{point}=kill")
    action = action or new_action()
    start(server, what, action, "docs", scale(3))
    wait_for(lambda: "terminated by signal 9" in server.log(mark),
             what="the worker dies")
    server.wait_ready()
    set_failpoints(server, "")
    return action


def helpers():
    return [path for path in pathlib.Path("/proc").glob("[0-9]*/comm")
            if _comm(path).startswith("ruvector-kubern")]


def _comm(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def test_scales_waits_and_scales_back(server, cluster, reader):
    action, answer = performed(server, scale(4))
    assert answer["changed"] is True
    assert (reader.replicas, reader.ready) == (4, 4)
    assert states(server, action) == ["done"]
    assert acts_done(server, action) == {"changed": True,
                                         "irreversible": False, "undos": 1}
    undone(server, action)
    assert reader.replicas == 2
    assert states(server, action) == ["undone"]
    assert cluster.writes == [("ruvector", 2, 4), ("ruvector", 4, 2)]
    assert not helpers()


def test_what_is_so_already_is_not_ours_to_undo(server, cluster, reader):
    cluster.edit(reader, 3)
    action, answer = performed(server, scale(3))
    assert answer["changed"] is False
    undone(server, action)
    assert reader.replicas == 3
    assert cluster.writes == [("somebody", 2, 3)]


def test_somebody_elses_number_is_not_replaced(server, cluster, reader):
    cluster.edit(reader, 5)
    action, answer = perform(server, scale(3))
    assert answer["code"] == ABORTED and "5 replicas, not 2" in answer["message"]
    assert states(server, action) == ["not_done"]
    assert reader.replicas == 5


def test_an_undo_leaves_what_somebody_set_since(server, cluster, reader):
    action, _ = performed(server, scale(3))
    cluster.edit(reader, 6)
    ended = undo(server, action)
    assert ended["end"] == "conflict" and ended["left"] == 1
    assert "is to have 6 replicas, not 3" in ended["message"]
    assert reader.replicas == 6 and states(server, action) == ["done"]


def test_the_cap_holds_for_acts_and_not_for_undos(server, cluster, reader):
    configure(server, kubernetes_max_replicas=3)
    try:
        action, answer = perform(server, scale(4))
        assert answer["code"] == PRECONDITION
        assert "ruvector.kubernetes_max_replicas, which is 3" in (
            answer["message"])
        assert states(server, action) == [] and cluster.requests == []
        action, _ = performed(server, scale(3))
        # Downwards there is no cap, and back is where it was.
        cluster.edit(reader, 8)
        action, _ = performed(server, scale(5, before=8))
        undone(server, action)
        assert reader.replicas == 8
    finally:
        configure(server, kubernetes_max_replicas=10)


def test_replicas_that_are_never_ready_are_taken_back(server, cluster, reader):
    cluster.ready_after = None
    action, answer = perform(server, scale(3), seconds=6)
    assert answer["code"] == DEADLINE
    assert "2 of 3 replicas" in answer["message"]
    assert states(server, action) == ["partial"]
    assert reader.replicas == 3
    undone(server, action)
    assert reader.replicas == 2 and states(server, action) == ["undone"]


def test_a_cancelled_act_is_taken_back(server, cluster, reader):
    cluster.ready_after = None
    action = new_action()
    running = start(server, "perform", action, "docs", scale(3))
    wait_for(lambda: reader.replicas == 3, what="it is written")
    server.execute("SELECT pg_cancel_backend(%s)", [running.pid])
    answer = running.answer()
    assert answer["code"] == CANCELLED
    assert states(server, action) == ["partial"] and not helpers()
    undone(server, action)
    assert reader.replicas == 2


def test_a_refusal_of_kubernetes_is_told(server, cluster, reader):
    cluster.rules = []
    try:
        action, answer = perform(server, scale(3))
    finally:
        cluster.rules = None
    assert (answer["code"], answer["sqlstate"]) == (7, "42501")
    assert 'cannot get resource "statefulsets"' in answer["message"]
    assert states(server, action) == ["not_done"]


@pytest.mark.parametrize("point, state, number", [
    ("healing.acts.replicas.before", "not_done", 2),
    ("healing.acts.replicas.after", "done", 3)])
def test_a_crash_of_the_server_is_settled_by_looking(server, cluster, reader,
                                                     point, state, number):
    action = crash(server, point)
    assert states(server, action) == ["intended"]
    resolve(server, action)
    assert states(server, action) == [state]
    assert reader.replicas == number
    undone(server, action)
    assert reader.replicas == 2 and not helpers()


def test_a_crash_in_the_undo(server, cluster, reader):
    action, _ = performed(server, scale(3))
    for point in ("healing.acts.replicas.undo",
                  "healing.acts.replicas.undone"):
        crash(server, point, "undo_all", action)
        assert states(server, action) == ["done"]
    assert reader.replicas == 2
    undone(server, action)
    assert cluster.writes == [("ruvector", 2, 3), ("ruvector", 3, 2)]


def test_an_open_act_stays_open_while_kubernetes_is_silent(server, cluster,
                                                           reader):
    action = crash(server, "healing.acts.replicas.after")
    assert reader.ready == 3
    cluster.faults = [Fault(status=403)]
    ended = undo(server, action)
    assert ended["end"] == "conflict" and "403" in ended["message"]
    assert states(server, action) == ["intended"]
    undone(server, action)
    assert reader.replicas == 2 and states(server, action) == ["undone"]


def test_kubernetes_that_is_not_there(server, cluster, reader):
    configure(server, kubernetes_api_server="https://127.0.0.1:1")
    try:
        action, answer = perform(server, scale(3), seconds=4)
    finally:
        configure(server, kubernetes_api_server=cluster.url())
    assert answer["code"] == UNAVAILABLE
    assert states(server, action) == ["not_done"]


@pytest.mark.parametrize("url, code, words", [
    ("http://127.0.0.1:1", INVALID, "ruvector.kubernetes_api_server"),
    ("", PRECONDITION, "does not run in a Kubernetes pod")])
def test_settings_that_lead_nowhere(server, cluster, url, code, words):
    configure(server, kubernetes_api_server=url)
    try:
        action, answer = perform(server, scale(3))
    finally:
        configure(server, kubernetes_api_server=cluster.url())
    assert answer["code"] == code and words in answer["message"]
    assert states(server, action) == []


@pytest.mark.parametrize("bad", [
    scale(3, object="db/Pod/reader"), scale(3, object="reader"),
    scale(-1), scale(2.5), scale(3, before=-2), scale(1e9),
    scale(0, object="db/Cluster/pg"),
    {"kind": "scale_replicas", "object": OBJECT, "arguments": {"replicas": 3}},
])
def test_malformed_actions_touch_nothing(server, cluster, reader, bad):
    action, answer = perform(server, bad)
    assert answer["code"] == INVALID, answer
    assert states(server, action) == [] and cluster.requests == []


def test_a_dry_run_shows_the_command_and_asks_nobody(server, cluster, reader):
    shown = describe(server, scale(3))
    assert shown["ok"] and cluster.requests == []
    assert shown["statement"] == (
        "-- kubectl --namespace db scale statefulset/reader "
        "--current-replicas=2 --replicas=3;")
    assert shown["undo_statement"] == (
        "-- kubectl --namespace db scale statefulset/reader "
        "--current-replicas=3 --replicas=2;")
    assert (shown["lock"], shown["rows"]) == ("none", 0)
    server.execute(shown["statement"])


def test_the_token_is_nowhere_in_the_server(server, cluster):
    assert "t0psecret" not in server.log()
    assert "t0psecret" not in json.dumps(server.execute(
        "SELECT answer FROM act_requests"))
