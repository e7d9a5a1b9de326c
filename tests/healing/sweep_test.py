"""kill -9 while a strategy heals: of its action worker, of its own process, and
of the postmaster, at every failpoint that its action meets.

Every strategy acts on a real server with users, started by the supervisor for a
problem. A process hangs at the failpoint when it, its strategy or the
postmaster is killed. Whatever dies, the action ends by itself, and the rows are
as users left them. With RUVECTOR_LONG=1 at every failpoint.

No case meets another one's incident, nor one of the strained server itself: the
only problems that the supervisor sees are those that the test commits, one at a
time (sweep_kit.py, _ISOLATION). Nothing is waited for by the clock.

Acts on what a plain server has not (Citus' shards, autovacuum workers) are
killed in acts_crash_test.py, the supervisor itself in supervisor_life_test.py.
"""

import os

import pytest

from harness.cluster import _alive
from harness.waiting import wait_for
from healing.acts_kit import set_failpoints
from healing.healing import action, newest
from healing.sweep_kit import (OURS, SCENARIOS, World, all_failpoints, record,
                               tell, wait_at)

CLAIMED, REPORTED = "healing.action.claimed", "healing.action.reported"
WORKER, HOST, POSTMASTER = "worker", "strategy host", "postmaster"
# Where the strategy has no process, not yet or no more.
_WITHOUT_HOST = (CLAIMED, "healing.action.start", REPORTED)


def _acts(*names):
    return [f"healing.acts.{name}" for name in names]


def _executing(*acts):
    return [CLAIMED, "healing.action.start", "healing.action.metric",
            "healing.action.before_act",
            *_acts("intent.before_commit", "intent.after_commit", *acts,
                   "apply.after_commit"),
            "healing.action.after_act", REPORTED]


def _other(*acts):
    return [CLAIMED, *_acts(*acts), REPORTED]


_APPLY = _executing("apply.start", "apply.before_commit")
_UNDO = _other("undo.start", "undo.before_commit")
_FINISH = _other("finish.start")
_BESIDE = ("build.after_one", "command.before", "command.after", "swap.start",
           "swap.before_commit")

# What each scenario meets: (scenario, how it ends) -> process -> failpoints.
# "undone": the verification fails; "kept": it is met; "taken back": it was met,
# and then a person rolls it back. test_the_table_is_complete holds it.
TABLE = {
    ("rebalance_partitions", "undone"): {
        "executing": _executing("apply.start", "rows.moved",
                                "apply.before_commit"),
        "undoing": _other("undo.start", "rows.returned", "undo.before_commit"),
        "settling": _FINISH},
    ("rebuild_centroids", "undone"): {
        "executing": _executing(*_BESIDE),
        "undoing": _other("swap_back.before_commit", "drop.start"),
        "settling": _FINISH},
    ("rebuild_centroids", "taken back"): {
        "settling": _other("finish.start", "drop.start", "finish.after_drop"),
        "undoing": _other("undo_rebuild.start", *_BESIDE)},
    ("rebuild_centroids, in place", "undone"): {
        "executing": _executing("in_place.before_reindex", "command.before",
                                "command.after"),
        "undoing": _other("undo_in_place.start", "command.before",
                          "command.after"),
        "settling": _FINISH},
    ("compact_indexes", "kept"): {
        "executing": _executing("command.before", "command.after"),
        "settling": _FINISH},
    ("scale_replicas", "taken back"): {
        "executing": _executing("replicas.before", "replicas.after"),
        "undoing": _other("replicas.undo", "replicas.undone"),
        "settling": _FINISH},
    **{(name, "undone"): {"executing": _APPLY, "undoing": _UNDO,
                          "settling": _FINISH}
       for name in ("drain_hot_partition", "pause_maintenance",
                    "throttle_ingestion", "evict_cold_data")},
}



def _cases():
    for (name, way), works in TABLE.items():
        for work, points in works.items():
            for point in points:
                for victim in (WORKER, HOST, POSTMASTER):
                    if victim == HOST and (work != "executing"
                                           or point in _WITHOUT_HOST):
                        continue
                    yield name, way, work, point, victim


# One point for each strategy and each victim, and two undos.
_FEW = [
    ("rebalance_partitions", "healing.action.after_act", WORKER),
    ("rebalance_partitions", "healing.acts.rows.moved", HOST),
    ("rebalance_partitions", "healing.acts.apply.after_commit", POSTMASTER),
    ("rebuild_centroids", "healing.acts.swap.before_commit", WORKER),
    ("rebuild_centroids", "healing.action.after_act", HOST),
    ("rebuild_centroids", "healing.acts.build.after_one", POSTMASTER),
    ("compact_indexes", "healing.action.after_act", WORKER),
    ("compact_indexes", "healing.action.metric", HOST),
    ("compact_indexes", "healing.acts.command.before", POSTMASTER),
    ("scale_replicas", "healing.acts.replicas.after", WORKER),
    ("scale_replicas", "healing.action.before_act", HOST),
    ("scale_replicas", "healing.acts.intent.after_commit", POSTMASTER),
    *[(name, point, victim)
      for name, points in {
          "drain_hot_partition": ("apply.after_commit", "apply.start",
                                  "apply.before_commit"),
          "pause_maintenance": ("apply.before_commit", "apply.after_commit",
                                "apply.after_commit"),
          "throttle_ingestion": ("intent.after_commit", "apply.after_commit",
                                 "apply.after_commit"),
          "evict_cold_data": ("apply.after_commit", "apply.after_commit",
                              "apply.before_commit")}.items()
      for point, victim in zip(_acts(*points), (WORKER, HOST, POSTMASTER))],
]
_FEW = [(name, way, "executing", point, victim)
        for name, point, victim in _FEW
        for (of, way), works in TABLE.items()
        if of == name and "executing" in works] + [
    ("rebalance_partitions", "undone", "undoing",
     "healing.acts.rows.returned", WORKER),
    ("rebuild_centroids", "undone", "undoing",
     "healing.acts.swap_back.before_commit", POSTMASTER)]


@pytest.fixture(scope="module")
def world(_track, installation):
    # No statement of a test waits for ever.
    os.environ["PGOPTIONS"] = f"-c statement_timeout=60s {OURS}"
    made = _track("sweep", autovacuum="off",
                  **{"ruvector.database_check_interval": "1"}).init().start()
    world = World(made, installation)
    yield world
    world.close()
    del os.environ["PGOPTIONS"]


@pytest.fixture(autouse=True)
def _go_on(request):
    """After a test that failed: nothing hangs, nothing begins."""
    yield
    if "world" not in request.fixturenames:
        return
    world = request.getfixturevalue("world")
    server = world.server
    if not server.running():
        server.configure(**{"ruvector.failpoints": ""})
        server.start()
    server.wait_ready()
    if server.settings.get("ruvector.failpoints"):
        set_failpoints(server, "")


def _hops(way, work, point):
    """Where the same incident hangs before it comes to `point`.

    A failpoint that several processes of it meet is the wanted process' one.
    """
    before = {"executing": [], "undoing": [REPORTED],
              "settling": [REPORTED] if way != "undone"
              else [REPORTED, CLAIMED, REPORTED]}[work]
    if before and point == REPORTED:
        before = [*before, CLAIMED]
    return [*before, point]


def _reach(world, name, way, work, point):
    """Goes there; the action, its worker that hangs, its strategy's process."""
    server = world.server
    met = way != "undone"
    if way == "taken back" and work == "undoing":
        _heal(world, name)
        hops = [point]
        pid = wait_at(server, point, lambda: server.execute(
            "SELECT ruvector_healing_rollback('docs')"))
    else:
        hops = _hops(way, work, point)
        pid = wait_at(server, hops[0], lambda: world.begin(name, met),
                      lambda: world.again(name, met))
        world.no_more(name)
    for hop in hops[1:]:
        pid = wait_at(server, hop)
    found = server.execute("SELECT work, action_id, strategy_pid FROM "
                           "ruvector.healing_workers() WHERE pid = %s", [pid])
    assert found and found[0][0] == work, (found, tell(server))
    return found[0][1], pid, found[0][2]


def _kill(server, victim, worker, host):
    if victim == POSTMASTER:
        server.kill9(stuck=[worker])
        server.configure(**{"ruvector.failpoints": ""})
        server.start()
    else:
        server.kill9(worker if victim == WORKER else host)
        server.configure(**{"ruvector.failpoints": ""})
    if host:
        wait_for(lambda: not _alive(host), what="the strategy's process ends")
    server.wait_ready()


def _ended(world, number, timeout=120):
    try:
        world.server.wait_for(
            "SELECT ended_at IS NOT NULL AND (settled OR state = "
            "'needs_human') AND state <> 'rolling_back' "
            "FROM ruvector.healing_actions WHERE id = %s",
            [number],
            timeout=timeout)
    except AssertionError as error:
        raise AssertionError(f"{error}: {tell(world.server)}") from None
    return action(world.server, number)


def _heal(world, name, attempts=5):
    """An incident that is healed; the action.

    What is measured moves: an attempt may be judged ineffective, and is undone.
    The last one may be as well, where users' rates are the target.
    """
    mark = newest(world.server) or 0
    world.begin(name)

    def begun():
        world.again(name)
        return world.server.value(
            "SELECT max(id) FROM ruvector.healing_actions "
            "WHERE id > %s AND started_at IS NOT NULL", [mark])
    number = wait_for(begun, 120, what=f"{name} has begun")
    world.no_more(name)
    row = _ended(world, number)
    if row["state"] == "rolled_back" and attempts > 1:
        # Or not read in time, on a machine that has no time.
        assert (" went from " in row["reason"]
                or " is unknown " in row["reason"]), row["reason"]
        return _heal(world, name, attempts - 1)
    if row["state"] != "done":
        assert row["target_metric"] in ("load_ratio", "insert_ratio",
                                        "accepted_inserts_per_second"), (
            row["reason"])
    return number


def _take_back(world, number):
    world.server.execute("SELECT ruvector_healing_rollback('docs')")
    world.server.wait_for("SELECT state <> 'done' FROM "
                          "ruvector.healing_actions WHERE id = %s", [number])
    row = _ended(world, number)
    assert row["state"] == "rolled_back", row["reason"]


def _content(rows):
    """Without the partition."""
    return {key: row[2:] for key, row in rows.items()}


def _check(world, name, number, before):
    """Ended as it may, and nothing is lost; back to what was before."""
    row = _ended(world, number)
    rows, settings = world.everything()
    world.check_writes()
    world.check_nothing_left(row["state"] == "rolled_back")
    assert _content(rows) == _content(before[0])
    if not SCENARIOS[name].reversible:
        assert row["state"] in ("done", "rolled_back", "needs_human")
        assert settings == before[1]
        return row["state"]
    assert row["state"] in ("done", "rolled_back"), row["reason"]
    state = row["state"]
    if state == "done":
        _take_back(world, number)
        rows, settings = world.everything()
        world.check_nothing_left(True)
    assert rows == before[0]
    assert settings == before[1]
    return state


def _sweep(world, record_property, name, way, work, point, victim):
    server = world.server
    before = world.prepare(name)
    number, worker, host = _reach(world, name, way, work, point)
    assert (host is not None) == (work == "executing"
                                  and point not in _WITHOUT_HOST)
    _kill(server, victim, worker, host)
    state = _check(world, name, number, before)
    record_property("ended_as", state)
    print(f"ENDED {name} | {way} | {work} | {point} | {victim}: {state}")


def _ids(cases):
    return ["-".join([name, way, work, point.removeprefix("healing."), victim])
            .replace(" ", "_") for name, way, work, point, victim in cases]


@pytest.mark.parametrize("case", _FEW, ids=_ids(_FEW))
def test_killed(world, record_property, case):
    _sweep(world, record_property, *case)


_MANY = [case for case in _cases() if case not in _FEW]


@pytest.mark.long
@pytest.mark.parametrize("case", _MANY, ids=_ids(_MANY))
def test_killed_anywhere(world, record_property, case):
    _sweep(world, record_property, *case)


# Otherwise the next case shows that it acts again.
@pytest.mark.long
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_strategy_heals_after_all_that(world, name):
    before = world.prepare(name)
    number = _heal(world, name)
    world.check_writes()
    world.check_nothing_left(False)
    assert _content(world.everything()[0]) == _content(before[0])
    if SCENARIOS[name].reversible:
        if action(world.server, number)["state"] == "done":
            _take_back(world, number)
        assert world.everything() == before
        world.check_nothing_left(True)


@pytest.mark.long
@pytest.mark.parametrize("name,way", TABLE)
def test_the_table_is_complete(world, name, way):
    world.prepare(name)
    met = record(world, name, way != "undone", way == "taken back")
    wanted = {work: sorted(points)
              for work, points in TABLE[name, way].items()}
    assert {work: sorted(met[work]) for work in wanted} == wanted
    assert set(met) <= {"executing", "undoing", "settling"}


def test_every_failpoint_is_in_the_table():
    swept = {case[3] for case in _cases()}
    assert all_failpoints() - swept == {"healing.acts.resolve.start"}
    assert set(_FEW) <= set(_cases())
    assert {(case[0], case[4]) for case in _FEW} >= {
        (name, victim) for name in SCENARIOS if "," not in name
        for victim in (WORKER, HOST, POSTMASTER)}
