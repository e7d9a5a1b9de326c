"""A server whose ruvector.so can perform single acts, and what to ask of it."""

import itertools
import json
import pathlib
import shutil

import pytest

from harness.installation import built_tree
from harness.waiting import wait_for

_MODULE = "pgext/healing/acts/testing/ruvector.so"
_ACTIONS = itertools.count(1000)

_INSTALL = """
CREATE TABLE public.act_requests (
    id bigserial PRIMARY KEY, what text, action_id bigint, collection text,
    action jsonb, seconds float8, answer jsonb);
CREATE FUNCTION test_start_act(bigint) RETURNS integer
    AS 'ruvector', 'ruvector_test_start_act' LANGUAGE C STRICT;
CREATE FUNCTION test_describe_act(text, text) RETURNS text
    AS 'ruvector', 'ruvector_test_describe_act' LANGUAGE C STRICT;
CREATE FUNCTION test_acts_done(bigint) RETURNS text
    AS 'ruvector', 'ruvector_test_acts_done' LANGUAGE C STRICT;
"""


@pytest.fixture(scope="session")
def acts_installation(installation):
    target = installation.pkglibdir / "ruvector.so"
    target.unlink(missing_ok=True)
    shutil.copy(built_tree() / _MODULE, target)
    target.chmod(0o755)
    return installation


@pytest.fixture(scope="module")
def server(acts_installation, _track):
    made = _track("acts", autovacuum="off",
                  **{"ruvector.database_check_interval": "1"}).init().start()
    install(made)
    yield made
    made.destroy()


def install(server):
    server.execute("CREATE EXTENSION ruvector CASCADE")
    server.psql(script=_INSTALL)


class Running:
    """An act that has been asked for."""

    def __init__(self, server, request, pid):
        self.server, self.request, self.pid = server, request, pid

    def ended(self):
        return not pathlib.Path(f"/proc/{self.pid}").exists()

    def answer(self, timeout=60):
        """The worker's answer, None when it died without one."""
        wait_for(self.ended, timeout, what="the act's worker ends")
        return self.server.value(
            "SELECT answer FROM act_requests WHERE id = %s", [self.request])


def start(server, what, action_id, collection="", action=None, seconds=60):
    with server.connect() as session:
        request = session.execute(
            "INSERT INTO act_requests (what, action_id, collection, action, "
            "seconds) VALUES (%s, %s, %s, %s, %s) RETURNING id",
            (what, action_id, collection, json.dumps(action),
             seconds)).fetchone()[0]
        pid = session.execute("SELECT test_start_act(%s)",
                              [request]).fetchone()[0]
    return Running(server, request, pid)


def new_action():
    return next(_ACTIONS)


def perform(server, action, collection="docs", action_id=None, seconds=60):
    """(action id, answer) of one act."""
    action_id = action_id or new_action()
    answer = start(server, "perform", action_id, collection, action,
                   seconds).answer()
    return action_id, answer


def performed(server, action, collection="docs", action_id=None, seconds=60):
    action_id, answer = perform(server, action, collection, action_id, seconds)
    assert answer and answer["ok"], answer
    return action_id, answer


def undo(server, action_id, seconds=60):
    return start(server, "undo_all", action_id, seconds=seconds).answer()


def undone(server, action_id):
    answer = undo(server, action_id)
    assert answer["end"] == "finished" and answer["left"] == 0, answer
    return answer


def resolve(server, action_id):
    answer = start(server, "resolve", action_id).answer()
    assert answer["ok"], answer


def finish(server, action_id, kept=True):
    answer = start(server, "finish_kept" if kept else "finish_undone",
                   action_id).answer()
    assert answer["ok"], answer


def states(server, action_id):
    """The journal of a remediation, oldest first."""
    return [row[0] for row in server.execute(
        "SELECT state FROM ruvector.healing_acts WHERE action_id = %s "
        "ORDER BY id", [action_id])]


def acts_done(server, action_id):
    return json.loads(server.value("SELECT test_acts_done(%s)", [action_id]))


def describe(server, action, collection="docs"):
    return json.loads(server.value("SELECT test_describe_act(%s, %s)",
                                   (collection, json.dumps(action))))


def act(kind, object, undo=None, undo_kind=None, **arguments):
    """An action; `undo` holds the arguments that its undo differs in."""
    action = {"kind": kind, "object": object, "arguments": arguments}
    if undo is not None:
        action["undo"] = {"kind": undo_kind or kind, "object": object,
                          "arguments": {**arguments, **undo}}
    return action


def managed(server, name="docs", partitions=4, rows=400):
    """A managed collection with rows, the same every time."""
    server.execute("SELECT ruvector_create_collection(%s, 4, %s)",
                   (name, partitions))
    server.execute(
        f"INSERT INTO {name} (routing_key, embedding, metadata) SELECT "
        "i %% %s, ARRAY[sin(i), cos(i), sin(2 * i), cos(3 * i)]::vector, "
        "jsonb_build_object('n', i) FROM generate_series(1, %s) i",
        (partitions, rows))


def rows_hash(server, name="docs"):
    """The multiset of rows, partitions included."""
    return server.execute(
        "SELECT tableoid::regclass::text, count(*), "
        "sum(hashtextextended(t::text, 0)::numeric) "
        f"FROM {name} t GROUP BY 1 ORDER BY 1")


_CATALOG = """
WITH t AS (SELECT %s::regclass::oid AS oid UNION
           SELECT relid FROM pg_partition_tree(%s::regclass))
SELECT 'table', c.oid::bigint, c.relname::text, c.reloptions::text,
       c.reltablespace::bigint, NULL, NULL::boolean
  FROM t JOIN pg_class c USING (oid)
UNION ALL
SELECT 'index', i.indexrelid::bigint, c.relname::text, c.reloptions::text,
       c.reltablespace::bigint,
       pg_get_indexdef(i.indexrelid) || coalesce(
           ' attached to ' || (SELECT inhparent::regclass FROM pg_inherits
                                WHERE inhrelid = c.oid), ''), i.indisvalid
  FROM t JOIN pg_index i ON i.indrelid = t.oid
  JOIN pg_class c ON c.oid = i.indexrelid
 ORDER BY 1, 3
"""


def catalog(server, name="docs", oids=True):
    """Tables and indexes with all that acts may change."""
    found = server.execute(_CATALOG, (name, name))
    return found if oids else [(row[0], *row[2:]) for row in found]


def set_failpoints(server, value):
    server.configure(**{"ruvector.failpoints": value})
    wait_for(lambda: server.value("SHOW ruvector.failpoints") == value, 30,
             what=f"'{value}' is set")
