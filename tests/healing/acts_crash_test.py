"""kill -9 at every failpoint of every kind of act: after the restart the acts
are settled, what is left can be taken back, and catalog and rows are what they
were before, or what they are after a whole act.
"""

import pathlib
import re

import pytest

from healing.acts_kit import (act, acts_done, acts_installation, catalog,
                              finish, install, managed, new_action, performed,
                              resolve, rows_hash, set_failpoints, start,
                              states, undo, undone)
from harness.waiting import wait_for

__all__ = ["acts_installation"]  # fixtures

_SOURCES = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(acts_installation, _track):
    made = _track("crash", autovacuum="off",
                  **{"ruvector.database_check_interval": "1"}).init().start()
    made.allow_crash(r"was terminated by signal 9")
    install(made)
    managed(made)
    made.psql(script="""
        CREATE INDEX by_parts ON docs USING ivfflat (embedding vector_l2_ops)
            WITH (lists = 4);""")
    yield made
    made.destroy()


def beside():
    return {**act("rebuild_index", "public.by_parts", lists=7),
            "undo": act("restore_index", "public.by_parts")}


KINDS = {
    "throttle": act("set_throttle", "docs", operation="insert", percent=60,
                    undo={"percent": None}),
    "weight": act("set_routing_weight", "public.docs_1", weight=3,
                  undo={"weight": 1}),
    "reloption": act("set_reloption", "public.docs_0",
                     option="autovacuum_enabled", value="false",
                     undo={"value": None}),
    "rows": {**act("move_rows", "public.docs_0", to="public.docs_1",
                   max_rows=50, batch_rows=50),
             "undo": act("return_rows", "public.docs_1", to="public.docs_0")},
    "beside": beside(),
    "in_place": act("rebuild_index", "public.by_parts", lists=7,
                    undo={"lists": 4}),
    "reindex": act("reindex", "public.by_parts"),
    "vacuum": act("vacuum", "public.docs_0"),
}

_INTENT = ("healing.acts.intent.before_commit",
           "healing.acts.intent.after_commit")
_APPLY = (*_INTENT, "healing.acts.apply.start",
          "healing.acts.apply.before_commit",
          "healing.acts.apply.after_commit")
_COMMAND = (*_INTENT, "healing.acts.command.before",
            "healing.acts.command.after")

FORWARD = [(kind, point) for kind, points in {
    "throttle": _APPLY,
    "weight": ("healing.acts.apply.before_commit",),
    "reloption": ("healing.acts.apply.before_commit",),
    "rows": ("healing.acts.rows.moved", *_APPLY),
    "beside": (*_COMMAND, "healing.acts.build.after_one",
               "healing.acts.swap.start", "healing.acts.swap.before_commit",
               "healing.acts.apply.after_commit"),
    "in_place": (*_COMMAND, "healing.acts.in_place.before_reindex"),
    "reindex": _COMMAND[1:],
    "vacuum": _COMMAND[2:],
}.items() for point in points]

BACKWARD = [(kind, point) for kind, points in {
    "throttle": ("healing.acts.undo.start", "healing.acts.undo.before_commit"),
    "rows": ("healing.acts.rows.returned", "healing.acts.undo.before_commit"),
    "beside": ("healing.acts.swap_back.before_commit",
               "healing.acts.drop.start"),
    "in_place": ("healing.acts.undo_in_place.start",
                 "healing.acts.command.before", "healing.acts.command.after"),
}.items() for point in points]


def everything(server, oids=True):
    return (catalog(server, oids=oids), rows_hash(server),
            server.execute("SELECT routing_key, weight FROM "
                           "ruvector.routing_weights ORDER BY 1"),
            server.execute("SELECT operation, percent FROM "
                           "ruvector.throttle_overrides"))


def dies(server, point, what, action_id, action=None):
    """Runs until `point` kills the worker, and the server comes back."""
    set_failpoints(server, f"{point}=kill")
    running = start(server, what, action_id, "docs", action)
    wait_for(running.ended, 60, what="the worker dies")
    server.configure(**{"ruvector.failpoints": ""})
    server.wait_ready()
    set_failpoints(server, "")
    assert server.value("SELECT answer FROM act_requests WHERE id = %s",
                        [running.request]) is None, "it died"


def nothing_of_ours(server):
    assert server.execute("SELECT * FROM ruvector.healing_leftovers") == []
    assert server.value("SELECT count(*) FROM pg_index "
                        "WHERE NOT indisvalid") == 0
    assert server.value("SELECT count(*) FROM pg_class "
                        "WHERE relname LIKE 'ruvector\\_%'") == 0


@pytest.mark.parametrize("kind,point", FORWARD)
def test_killed_while_acting(server, kind, point):
    oids = kind not in ("in_place", "reindex")
    before = everything(server, oids)
    action = new_action()
    dies(server, point, "perform", action, KINDS[kind])
    resolve(server, action)
    settled = states(server, action)
    assert set(settled) <= {"done", "not_done", "partial"}, settled
    if settled in ([], ["not_done"]):
        assert everything(server, oids) == before
    elif kind not in ("reindex", "vacuum"):
        assert acts_done(server, action)["undos"] == 1
        undone(server, action)
    finish(server, action, kept=False)
    assert everything(server, oids) == before
    nothing_of_ours(server)


@pytest.mark.parametrize("kind,point", BACKWARD)
def test_killed_while_undoing(server, kind, point):
    oids = kind != "in_place"
    before = everything(server, oids)
    action, _ = performed(server, KINDS[kind])
    dies(server, point, "undo_all", action)
    if acts_done(server, action)["undos"] > 0:
        undone(server, action)
    assert undo(server, action)["left"] == 0
    finish(server, action, kept=False)
    assert states(server, action) == ["undone"]
    assert everything(server, oids) == before
    nothing_of_ours(server)


@pytest.mark.parametrize("point", ["healing.acts.finish.start",
                                   "healing.acts.finish.after_drop",
                                   "healing.acts.command.before"])
def test_killed_while_finishing(server, point):
    before = everything(server, oids=False)
    action, _ = performed(server, beside())
    if point != "healing.acts.command.before":
        dies(server, point, "finish_kept", action)
    finish(server, action)
    nothing_of_ours(server)
    for late in ("healing.acts.undo_rebuild.start",
                 "healing.acts.build.after_one"):
        dies(server, late, "undo_all", action)
    undone(server, action)
    finish(server, action, kept=False)
    assert everything(server, oids=False) == before
    nothing_of_ours(server)


def test_killed_while_settling(server):
    before = everything(server)
    action = new_action()
    dies(server, "healing.acts.swap.start", "perform", action, beside())
    dies(server, "healing.acts.resolve.start", "resolve", action)
    assert states(server, action) == ["intended"]
    assert acts_done(server, action)["changed"] is True, "not known yet"
    assert undo(server, action)["left"] == 0, "undoing settles first"
    assert everything(server) == before
    nothing_of_ours(server)


def test_every_failpoint_is_swept():
    found = set()
    for path in (_SOURCES / "pgext/healing/acts").glob("*.cc"):
        found |= set(re.findall(r'RV_FAILPOINT\("([a-z0-9_.]+)"\)',
                                path.read_text()))
    text = pathlib.Path(__file__).read_text()
    # Where Kubernetes is beside the server: swept there.
    text += (_SOURCES / "tests/healing/acts_replicas_test.py").read_text()
    assert len(found) > 10
    assert {name for name in found if f'"{name}"' not in text} == set()


def test_a_trap_in_an_index_expression(server):
    """CVE-2020-25695: the owner's function in an index runs as the owner."""
    server.psql(script="""
        CREATE ROLE eve; GRANT ALL ON SCHEMA public TO eve;
        SET ROLE eve;
        CREATE TABLE trapped (id int, v vector(2));
        CREATE TABLE caught (who text);
        INSERT INTO trapped SELECT i, '[1,2]' FROM generate_series(1, 50) i;
        CREATE FUNCTION bait(int) RETURNS int LANGUAGE sql IMMUTABLE
            AS 'SELECT $1';
        CREATE INDEX bait_idx ON trapped (bait(id));
        CREATE INDEX bait_part ON trapped USING ivfflat (v vector_l2_ops)
            WITH (lists = 1) WHERE bait(id) > 0;
        CREATE FUNCTION spring() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
          BEGIN EXECUTE 'ALTER ROLE eve SUPERUSER';
          EXCEPTION WHEN OTHERS THEN NULL; END;
          BEGIN EXECUTE 'RESET ROLE'; EXECUTE 'ALTER ROLE eve SUPERUSER';
          EXCEPTION WHEN OTHERS THEN NULL; END;
          INSERT INTO public.caught VALUES (current_user);
        END $$;
        CREATE OR REPLACE FUNCTION bait(int) RETURNS int LANGUAGE plpgsql
            IMMUTABLE AS
            $$ BEGIN PERFORM public.spring(); RETURN $1; END $$;
        RESET ROLE;
        SELECT ruvector_register_collection('trapped', 'trapped', 'v');""")
    for action in (act("reindex", "public.bait_idx"),
                   act("reindex", "public.bait_part"),
                   {**act("rebuild_index", "public.bait_part", lists=2),
                    "undo": act("restore_index", "public.bait_part")},
                   act("vacuum", "public.trapped"),
                   act("analyze", "public.trapped")):
        performed(server, action, "trapped")
    assert server.execute("SELECT DISTINCT who FROM caught") == [("eve",)]
    assert server.value("SELECT rolsuper FROM pg_roles "
                        "WHERE rolname = 'eve'") is False
    server.psql(script="DROP TABLE trapped; DROP OWNED BY eve; DROP ROLE eve")
