"""Every failpoint with every action: the server comes back with the states that
were committed, the gate has them, and no event is lost or told twice.

A failpoint without a row in scenarios.py fails here. docs/contributing.md says
how to add one. With RUVECTOR_LONG=1 the process that hangs is killed as well.
"""

import pathlib
import re
import threading

import psycopg
import pytest

from crash import ledger
from crash.scenarios import BACKEND, NONE, PARK, RAISED, SCENARIOS
from harness.waiting import wait_for

_SOURCES = pathlib.Path(__file__).resolve().parents[2]
_IN_SOURCE = re.compile(
    r"(?:RV_FAILPOINT|failpoint::Check)\(\s*\"([a-z0-9_.]+)\"")

# What the tables say must be the state: an override's, otherwise the sensors
# find nothing wrong here.
_SETTLED = """
SELECT coalesce(bool_and(
           i.state = coalesce(i.override_state, 'normal')
           AND ruvector_integrity_gate(i.collection, 'insert') ->> 'state'
               = i.state
           AND (SELECT count(*) > 0 FROM ruvector.gate_stats s
                 WHERE s.collection = i.collection)), true)
       AND (SELECT count(DISTINCT collection) FROM ruvector.gate_stats)
           = (SELECT count(*) FROM ruvector.collections)
       AND (SELECT coalesce(sum(in_flight), 0) = 0 FROM ruvector.gate_stats)
  FROM ruvector.integrity i
"""


def test_every_failpoint_has_a_scenario():
    found = set()
    for folder in ("core", "pgext", "plugins"):
        for path in (_SOURCES / folder).rglob("*.cc"):
            if not path.name.endswith("_test.cc"):
                found |= set(_IN_SOURCE.findall(path.read_text()))
    assert len(found) > 5, "the sources were read"
    # Swept by tests/healing: acts_crash_test.py and supervisor_life_test.py.
    found = {name for name in found
             if not re.match(r"healing\.(act|line|plan|request|supervisor)",
                             name)}
    assert found == {row.name for row in SCENARIOS}


@pytest.fixture
def server(sweep):
    yield sweep
    if sweep.settings.get("ruvector.failpoints"):  # the test failed
        _set(sweep, "")
        sweep.wait_ready()


@pytest.fixture(scope="module")
def sweep(_track):
    made = _track("sweep").init().start()
    # The sweep kills by failpoint: the log tells of many.
    made.allow_crash(r"was terminated by signal 9")
    made.execute("CREATE EXTENSION ruvector CASCADE")
    ledger.install(made)
    made.psql(script="""
        CREATE TABLE docs (id bigint, part int, embedding vector(4))
            PARTITION BY LIST (part);
        CREATE TABLE docs_0 PARTITION OF docs FOR VALUES IN (0);
        INSERT INTO docs SELECT i, 0, ARRAY[sin(i), cos(i), 1, 2]::vector
            FROM generate_series(1, 200) i;
        CREATE INDEX ON docs_0 USING ivfflat (embedding vector_l2_ops)
            WITH (lists = 2);
        CREATE TABLE open (v vector(2));
        CREATE TABLE held (v vector(2));
        CREATE TABLE extra (v vector(2));
        CREATE TABLE mark (n bigint);
        INSERT INTO mark VALUES (0);
        SELECT ruvector_register_collection('docs', 'docs', 'embedding');
        SELECT ruvector_register_collection('open', 'open', 'v');
        SELECT ruvector_register_collection('held', 'held', 'v');
        -- No crash may let go of this one.
        SELECT ruvector_integrity_override('held', 'critical', 'held', 86400);
        """)
    _check(made)
    yield made
    made.destroy()


def _check(server):
    """The server is whole: state, gate, chain, and the worker still works."""
    server.wait_for(_SETTLED, timeout=60)
    assert server.value("SELECT state FROM ruvector.integrity "
                        "WHERE collection = 'held'") == "critical"
    server.execute("SELECT ruvector_integrity_policy_set('held', 'default', "
                   "'{}')")
    ledger.check(server)


def _set(server, value):
    """Sets the failpoints for every process of the server.

    The postmaster has signalled its children when a new session has it.
    """
    server.configure(**{"ruvector.failpoints": value})
    if server.running():
        wait_for(lambda: _shows(server, value), 60, what=f"'{value}' is set")


def _shows(server, value):
    try:
        return server.value("SHOW ruvector.failpoints") == value
    except psycopg.OperationalError:
        return False  # in recovery


class _Client(threading.Thread):
    """Runs one statement, which may hang; keeps how it ended."""

    def __init__(self, server, statement, dbname):
        super().__init__(daemon=True)
        self.error = None
        self._run = lambda: server.execute(statement, dbname=dbname)
        self.start()

    def run(self):
        try:
            self._run()
        except psycopg.Error as error:
            self.error = error

    def finished(self, timeout=60):
        self.join(timeout)
        assert not self.is_alive(), "the statement came to an end"
        return self.error


_MARKS = {
    "error": r'failpoint "{name}": error injected',
    "hang": r'\[(?P<pid>\d+)\] (?P<type>.*) LOG:  failpoint "{name}": hanging',
    "kill": r"\(PID (?P<pid>\d+)\) was terminated by signal 9",
}


def _wait_for_mark(server, mark, name, action):
    pattern = re.compile(_MARKS[action].format(name=re.escape(name)))
    return wait_for(lambda: pattern.search(server.log(mark)), 30,
                    what=f"{name} is met")


class _Visit:
    """A failpoint set to `action`, and what brought a process to it."""

    def __init__(self, server, row, action):
        self.server, self.row = server, row
        for statement in row.prepare:
            server.execute(statement)
        if row.database != "postgres":
            server.execute("CREATE EXTENSION ruvector CASCADE",
                           dbname=row.database)
            ledger.install(server, row.database)
            server.execute("CREATE TABLE first (v vector(2))",
                           dbname=row.database)
        server.wait_for(_SETTLED, timeout=60)
        mark = server.log_mark()
        if row.parked:
            _set(server, f"{PARK}=hang")
            _wait_for_mark(server, mark, PARK, "hang")
            server.execute(row.reach)
        _set(server, f"{row.name}={action}")
        self.client = _Client(server, "SELECT" if row.parked else row.reach,
                              row.database)
        if action == "error" and row.error == NONE:
            self.client.finished()
            self.hit = None
            return
        self.hit = _wait_for_mark(server, mark, row.name, action)

    def holds(self):
        return self.server.value(f"SELECT {self.row.effect}",
                                 dbname=self.row.database)

    def pid(self):
        assert self.hit["type"] == self.row.process
        return int(self.hit["pid"])


def _finish(visit, done=None):
    """Everything is as committed; then without failpoints the rest."""
    server, row = visit.server, visit.row
    server.wait_ready()
    if done is None:
        done = row.kept
    if done is not None:
        assert visit.holds() is done
    _check(server)
    if not visit.holds():
        server.execute(row.reach, dbname=row.database)
        assert visit.holds()
    if row.database != "postgres":
        server.wait_for(_SETTLED, dbname=row.database, timeout=60)
        server.wait_for("SELECT count(*) > 0 FROM ruvector.integrity_events",
                        dbname=row.database)
        ledger.check(server, row.database)
    for statement in row.undo:
        server.execute(statement)
    _check(server)


def _others_go_on(server):
    """While one process hangs: decisions, enforcement, status, the log."""
    with server.connect() as other:
        other.execute("SET statement_timeout = '20s'")
        gate = "SELECT ruvector_integrity_gate(%s, 'delete') ->> 'allowed'"
        assert other.execute(gate, ("docs",)).fetchone() == ("true",)
        assert other.execute(gate, ("held",)).fetchone() == ("false",)
        with pytest.raises(psycopg.Error) as refused:
            other.execute("INSERT INTO held VALUES ('[1,2]')")
        assert refused.value.diag.sqlstate == "53RV1"
        # Not into docs: its index would drift by it.
        other.execute("INSERT INTO open VALUES ('[1,2]')")
        assert other.execute("SELECT ruvector_integrity_status('held') ->> "
                             "'state'").fetchone() == ("critical",)
        assert other.execute("SELECT ok FROM ruvector_verify_chain()"
                             ).fetchone() == (True,)


_ROWS = pytest.mark.parametrize(
    "row", SCENARIOS,
    ids=[f"{row.name}-{i}" for i, row in enumerate(SCENARIOS)])


@_ROWS
def test_error(server, row):
    visit = _Visit(server, row, "error")
    if row.error == RAISED:
        assert row.name in str(visit.client.finished())
    else:
        assert visit.client.finished() is None
    _set(server, "")
    _finish(visit)


@_ROWS
def test_kill(server, row):
    visit = _Visit(server, row, "kill")
    _set(server, "")
    visit.client.finished()
    _finish(visit)


@_ROWS
def test_hang_that_ends(server, row):
    visit = _Visit(server, row, "hang")
    visit.pid()
    _others_go_on(server)
    _set(server, "")
    for statement in row.finish:
        server.execute(statement)
    assert visit.client.finished() is None
    _finish(visit, done=True)


@_ROWS
def test_postmaster_killed_during_a_hang(server, row):
    visit = _Visit(server, row, "hang")
    server.kill9(stuck=[visit.pid()])
    assert visit.client.finished() is not None or row.process != BACKEND
    _set(server, "")
    server.start()
    _finish(visit)


def test_a_refusal_is_told_once(server):
    """Sealed and committed, but still in the ring while the worker hangs: the
    next round must not seal it again."""
    told = ("SELECT coalesce(sum((metadata ->> 'count')::bigint), 0)::bigint "
            "FROM ruvector.integrity_events WHERE event_type = 'gate_refusal'")
    refused = "SELECT sum(rejected)::bigint FROM ruvector.gate_stats"
    _check(server)
    before = server.value(told) - server.value(refused)
    mark = server.log_mark()
    _set(server, f"{PARK}=hang")
    _wait_for_mark(server, mark, PARK, "hang")
    for _ in range(3):
        with pytest.raises(psycopg.Error):
            server.execute("INSERT INTO held VALUES ('[1,2]')")
    name = "audit.seal.before_ring_removal"
    _set(server, f"{name}=hang")
    _wait_for_mark(server, mark, name, "hang")
    assert server.value("SELECT unsealed FROM ruvector_verify_chain()") > 0
    _set(server, "")
    # The refusals of one second are one event with their number.
    server.wait_for(f"SELECT ({told}) - ({refused}) >= {before}")
    _check(server)
    assert server.value(told) - server.value(refused) == before


@pytest.mark.long
@_ROWS
def test_kill_during_a_hang(server, row):
    visit = _Visit(server, row, "hang")
    _others_go_on(server)
    server.kill9(visit.pid())
    _set(server, "")
    visit.client.finished()
    _finish(visit)
