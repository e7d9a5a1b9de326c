"""CANCEL_AUTOVACUUM on real workers, HOLD_JOB on the shape of pg_cron."""

import pytest

from healing.acts_kit import (act, acts_done, acts_installation, describe,
                              install, perform, performed, states, undo,
                              undone)

__all__ = ["acts_installation"]  # fixtures

_PACE = {"autovacuum": "on", "autovacuum_naptime": "1s",
         "autovacuum_vacuum_cost_delay": "50ms",
         "autovacuum_vacuum_cost_limit": "1"}


@pytest.fixture(scope="module")
def server(acts_installation, _track):
    made = _track("upkeep", autovacuum_freeze_max_age="100000",
                  **_PACE).init().start()
    install(made)
    yield made
    made.destroy()


def table(server, name):
    server.psql(script=f"""
        CREATE TABLE {name} (id int, v vector(2), filler text)
            WITH (autovacuum_enabled = false, fillfactor = 10);
        INSERT INTO {name} SELECT i, '[1,2]', repeat('x', 500)
            FROM generate_series(1, 3000) i;
        SELECT ruvector_register_collection('{name}', '{name}', 'v');""")


def wait_for_worker(server, what):
    server.wait_for("SELECT count(*) > 0 FROM pg_stat_activity WHERE "
                    "backend_type = 'autovacuum worker' AND query LIKE %s",
                    [what], timeout=60)


def cancel(name):
    return act("cancel_autovacuum", f"public.{name}")


def test_autovacuum_is_cancelled(server):
    table(server, "busy")
    server.execute("DELETE FROM busy WHERE id % 2 = 0")
    action, answer = performed(server, cancel("busy"), "busy")
    assert answer["changed"] is False, "nobody is at it"
    server.psql(script="""
        ALTER TABLE busy SET (autovacuum_enabled = true,
            autovacuum_vacuum_threshold = 1,
            autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold =
            1000000)""")
    wait_for_worker(server, "autovacuum: VACUUM %busy")
    server.wait_for("SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity "
                    "a USING (pid) WHERE a.backend_type = 'autovacuum worker' "
                    "AND l.relation = 'busy'::regclass AND l.granted AND "
                    "l.mode = 'ShareUpdateExclusiveLock'")
    mark = server.log_mark()
    action, answer = performed(server, cancel("busy"), "busy")
    assert answer["changed"] is True
    server.wait_for("SELECT true")
    assert acts_done(server, action) == {"changed": True,
                                         "irreversible": False, "undos": 0}
    for _ in range(100):
        if "canceling autovacuum task" in server.log(mark):
            break
        server.execute("SELECT pg_sleep(0.1)")
    assert "canceling autovacuum task" in server.log(mark)
    server.execute("DROP TABLE busy")


def test_one_that_prevents_wraparound_is_left_alone(server):
    table(server, "old")
    server.psql(script="""
        CREATE TABLE burn (n int);
        DO $$ BEGIN FOR i IN 1 .. 110000 LOOP
            BEGIN INSERT INTO burn VALUES (1);
            EXCEPTION WHEN OTHERS THEN NULL; END;
        END LOOP; END $$;""")
    wait_for_worker(server, "autovacuum: VACUUM %old (to prevent wraparound)")
    mark = server.log_mark()
    _, answer = perform(server, cancel("old"), "old")
    assert answer["code"] == 9, answer
    assert "prevents transaction id wraparound" in answer["message"]
    wait_for_worker(server, "autovacuum: VACUUM %old (to prevent wraparound)")
    assert "canceling autovacuum task" not in server.log(mark)


# What healing reads and writes of pg_cron 1.4.
_CRON = """
CREATE SCHEMA cron;
CREATE TABLE cron.job (
    jobid bigserial PRIMARY KEY, schedule text NOT NULL, command text NOT NULL,
    nodename text NOT NULL DEFAULT 'localhost',
    nodeport int NOT NULL DEFAULT inet_server_port(),
    database text NOT NULL DEFAULT current_database(),
    username text NOT NULL DEFAULT current_user,
    active boolean NOT NULL DEFAULT true, jobname name);
"""


@pytest.fixture(scope="module")
def cron(server, acts_installation):
    folder = acts_installation.sharedir / "extension"
    (folder / "pg_cron.control").write_text(
        "default_version = '1.4'\nrelocatable = false\nschema = pg_catalog\n")
    (folder / "pg_cron--1.4.sql").write_text(_CRON)
    table(server, "jobs")
    server.psql(script="""
        CREATE EXTENSION pg_cron;
        INSERT INTO cron.job (schedule, command, nodeport) VALUES
            ('* * * * *', 'VACUUM', 1), ('* * * * *', 'VACUUM', 1);
        INSERT INTO cron.job (schedule, command, nodeport, database) VALUES
            ('* * * * *', 'VACUUM', 1, 'elsewhere');""")
    return server


def hold(job, seconds=600):
    return {**act("hold_job", job, seconds=seconds),
            "undo": act("release_job", job)}


def active(server):
    return [row[0] for row in server.execute("SELECT active FROM cron.job "
                                             "ORDER BY jobid")]


def test_a_job_is_held_and_released(cron):
    shown = describe(cron, hold("cron 1"), "jobs")
    assert shown["statement"] == ("UPDATE cron.job SET active = false "
                                  "WHERE jobid = 1;")
    action, _ = performed(cron, hold("cron 1"), "jobs")
    assert active(cron) == [False, True, True]
    again, answer = performed(cron, hold("cron 1"), "jobs")
    assert answer["changed"] is False, "held already"
    undone(cron, again)
    assert active(cron) == [False, True, True], "the first one holds it"
    undone(cron, action)
    assert active(cron) == [True, True, True]
    assert cron.value("SELECT count(*) FROM ruvector.held_jobs") == 0


def test_what_a_person_switched_off_stays_off(cron):
    cron.execute("UPDATE cron.job SET active = false WHERE jobid = 2")
    action, answer = performed(cron, hold("cron 2"), "jobs")
    assert answer["changed"] is False
    undone(cron, action)
    assert active(cron) == [True, False, True]
    cron.execute("UPDATE cron.job SET active = true")


@pytest.mark.parametrize("job,code", [
    ("cron 3", 5), ("cron 99", 5), ("autovacuum: VACUUM public.x", 9)])
def test_other_jobs(cron, job, code):
    _, answer = perform(cron, hold(job), "jobs")
    assert answer["code"] == code, answer
    assert active(cron) == [True, True, True]


def test_release_as_an_act(cron):
    action, _ = performed(cron, hold("cron 1"), "jobs")
    performed(cron, act("release_job", "cron 1"), "jobs")
    assert active(cron) == [True, True, True]
    undone(cron, action)
    assert undo(cron, action)["left"] == 0
    assert states(cron, action) == ["undone"]
