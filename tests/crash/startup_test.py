"""The worker's first moments and a pass that fails: what is committed holds."""

import psycopg
import pytest

from harness.waiting import wait_for
from integrity.conftest import chain, enrol, force, sealed


@pytest.fixture(scope="module")
def server(_track):
    made = _track("startup").init().start()
    made.execute("CREATE EXTENSION ruvector CASCADE")
    enrol(made)
    force(made, "critical", seconds=86400)
    sealed(made)
    yield made
    made.destroy()


@pytest.fixture
def crashed(server):
    """Starts it after kill -9 with a failpoint that is met at once."""
    def start(failpoint, said):
        server.kill9()
        server.configure(**{"ruvector.failpoints": failpoint})
        mark = server.log_mark()
        server.start()
        wait_for(lambda: said in server.log(mark), 60, what=said)
        return server

    yield start
    server.configure(**{"ruvector.failpoints": ""})
    server.wait_for("SELECT ruvector_integrity_gate('docs', 'insert') ->> "
                    "'mode' = 'enforce'", timeout=60)
    assert _gate(server) == ("critical", "reject")
    assert server.value("SELECT state FROM ruvector.integrity") == "critical"
    sealed(server)
    assert chain(server)[0]


def _gate(server):
    answer = server.value("SELECT ruvector_integrity_gate('docs', 'insert')")
    return answer["state"], answer["response"]


@pytest.mark.parametrize("name", [
    "integrity.worker.claimed", "integrity.slots.before_assign",
    "integrity.publish.start"])
def test_until_the_worker_has_published_the_tables_answer(crashed, name):
    server = crashed(f"{name}=hang", f'failpoint "{name}": hanging')
    assert _gate(server) == ("critical", "reject")
    with server.connect() as session:
        for write in ("INSERT INTO docs VALUES (1, 0, '[1,2,3,4]')",
                      "TRUNCATE docs_0", "VACUUM FULL docs",
                      "MERGE INTO docs d USING (SELECT -1 AS id) s "
                      "ON d.id = s.id WHEN MATCHED THEN DELETE"):
            with pytest.raises(psycopg.Error) as refused:
                session.execute(write)
            assert refused.value.diag.sqlstate == "53RV1", write
        assert "as it was stored" in refused.value.diag.message_detail
        assert session.execute("SELECT count(*) FROM docs").fetchone()[0] > 0
        session.execute("CREATE TEMP TABLE own AS SELECT 1 AS i")
        session.execute("INSERT INTO own SELECT generate_series(1, 10)")


@pytest.mark.parametrize("name", [
    "integrity.refresh.start", "integrity.refresh.before_commit"])
def test_a_state_that_cannot_be_read_is_not_replaced(crashed, name):
    """The worker neither publishes nor stores the defaults in its stead."""
    server = crashed(f"{name}=error", f'failpoint "{name}": error injected')
    # Its round goes on with the passes that are due, and fails there.
    server.wait_for("SELECT passes > 0 FROM ruvector.workers "
                    "WHERE database = current_database()")
    assert _gate(server) == ("critical", "reject")
    assert server.value("SELECT state FROM ruvector.integrity") == "critical"
    with pytest.raises(psycopg.Error) as error:
        server.execute("SELECT ruvector_integrity_sample('docs')")
    assert "could not be read yet" in error.value.diag.message_primary


def test_the_first_sample_is_recorded_though_a_pass_failed(server):
    server.configure(**{"ruvector.failpoints":
                        "integrity.pass.before_commit=error"})
    server.wait_for("SELECT current_setting('ruvector.failpoints') <> ''")
    server.execute("CREATE TABLE second (v vector(2))")
    server.execute("SELECT ruvector_register_collection('second', 'second', "
                   "'v')")
    with pytest.raises(psycopg.Error) as error:
        server.execute("SELECT ruvector_integrity_sample('second')")
    assert "error injected" in error.value.diag.message_primary
    server.configure(**{"ruvector.failpoints": ""})
    server.wait_for("SELECT current_setting('ruvector.failpoints') = ''")
    server.execute("SELECT ruvector_integrity_sample('second')")
    sealed(server)
    assert server.value("SELECT count(*) FROM ruvector.integrity_events WHERE "
                        "event_type = 'sample' AND collection_name = 'second'"
                        ) == 1
