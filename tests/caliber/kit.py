"""What the tests of CALIBER share."""

import json
import uuid

import psycopg

ENTITIES = ("trajectory", "scope", "artifact", "note", "turn", "lock",
            "message", "agent", "delegation", "handoff", "conflict")


def init(server, dbname="postgres"):
    server.execute("SELECT caliber_init()", dbname=dbname)
    return server


def make_twin(session, schema="twin"):
    """The tables of CALIBER once more, for plain SQL: the oracle."""
    (source,) = session.execute(
        "SELECT prosrc FROM pg_proc WHERE oid = "
        "'caliber.create_tables()'::regprocedure").fetchone()
    session.execute(f"CREATE SCHEMA {schema}")
    session.execute(f"DO $twin${source.replace('caliber.caliber_', schema + '.caliber_')}$twin$")


def call(session, function, *arguments):
    """The value of SELECT function(arguments); dicts and lists of dicts are
    jsonb."""
    places = ", ".join("%s::jsonb" if isinstance(a, dict) else "%s"
                       for a in arguments)
    values = [json.dumps(a) if isinstance(a, dict) else a for a in arguments]
    return session.execute(f"SELECT {function}({places})",
                           values).fetchone()[0]


def attempt(session, function, *arguments):
    """('ok', value) or ('error', SQLSTATE); the transaction goes on."""
    try:
        with session.transaction():
            return "ok", call(session, function, *arguments)
    except psycopg.Error as error:
        return "error", error.sqlstate


def task(session, name="task"):
    return call(session, "caliber_trajectory_create", name)


def window(session, trajectory=None, name="window", budget=1000):
    trajectory = trajectory or task(session)
    return call(session, "caliber_scope_create", trajectory, name, None,
                budget)


def turn(session, scope, sequence, content="hello", role="user"):
    return call(session, "caliber_turn_create", scope, sequence, role,
                content, 1)


def artifact(session, trajectory, scope, kind="fact", name="a",
             content="content"):
    return call(session, "caliber_artifact_create", trajectory, scope, kind,
                name, content)


def note(session, trajectory=None, content="known"):
    return call(session, "caliber_note_create", "fact", "title", content,
                trajectory)


def nobody():
    """An id that no row has."""
    return uuid.uuid4()
