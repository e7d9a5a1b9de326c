"""A server with one collection on which every strategy can act, its users, and
what there is to compare before and after."""

import dataclasses
import itertools
import json
import os
import pathlib
import re
import shutil
import threading
import time
import types

import psycopg

from harness.account import give_to_server, make_server_directory
from harness.certificates import Authority
from harness.kubernetes_api import ApiServer, Credentials
from harness.waiting import wait_for
from healing.acts_kit import catalog, set_failpoints
from healing.healing import configure
from integrity.conftest import chain

_SOURCES = pathlib.Path(__file__).resolve().parents[2]
_PARTITIONS = 4
_ROWS = 1600  # ids run through the partitions: id % 4 is that of the first 1600
_OWN = 40  # every such id is the writer's

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
CREATE TABLE cron.job_run_details (
    jobid bigint, runid bigserial PRIMARY KEY, job_pid integer, database text,
    username text, command text, status text, return_message text,
    start_time timestamptz, end_time timestamptz);
"""

# A problem is the test's or there is none: what passes of the classifier see in
# this strained world is kept out of the supervisor's sight, and they do not end
# or change what the test has put there.
OURS = "-c sweep.ours=on"
_ISOLATION = """
CREATE FUNCTION only_ours() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('sweep.ours', true) = 'on' THEN RETURN NEW; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER only_ours BEFORE INSERT OR UPDATE ON ruvector.problems
    FOR EACH ROW EXECUTE FUNCTION only_ours();
DELETE FROM ruvector.problems;
"""

_VECTOR = "ARRAY[sin(i) + {0}, cos(i), sin(2 * i) + {0}, cos(3 * i)]::vector"

# The index is built on the first 200 rows; the others lie elsewhere.
_SETUP = f"""
CREATE EXTENSION pg_cron;
INSERT INTO cron.job (schedule, command, nodeport)
    VALUES ('* * * * *', 'VACUUM', 1);
INSERT INTO cron.job_run_details (jobid, database, status, start_time)
    VALUES (1, current_database(), 'running', now());
SELECT ruvector_create_collection('docs', 4, {_PARTITIONS});
INSERT INTO docs (routing_key, embedding, metadata)
    SELECT i % {_PARTITIONS}, {_VECTOR.format(0)}, jsonb_build_object('n', 0)
      FROM generate_series(1, 200) i;
CREATE INDEX by_parts ON docs USING ivfflat (embedding vector_l2_ops)
    WITH (lists = 4);
INSERT INTO docs (routing_key, embedding, metadata)
    SELECT i % {_PARTITIONS}, {_VECTOR.format(9)}, jsonb_build_object('n', 0)
      FROM generate_series(201, {_ROWS}) i;
CREATE INDEX of_one ON docs_1 USING hnsw (embedding vector_l2_ops);
SELECT ruvector_integrity_policy_set('docs', 'default',
    '{{"sample_interval_secs": 3600}}');
-- What crashes do to the state is not to refuse users' inserts.
SELECT ruvector_integrity_override('docs', 'normal', 'sweep', 86400);
"""

WORKLOAD = "db/StatefulSet/reader"


@dataclasses.dataclass
class Scenario:
    """What makes a strategy act."""
    strategy: str
    problem_class: str
    cause: str
    subjects: list = dataclasses.field(default_factory=list)
    parameters: dict = dataclasses.field(default_factory=dict)
    prepare: types.FunctionType = None
    inserts: bool = False  # users insert meanwhile
    reversible: bool = True
    # Its target is one that cannot be missed: undone by a person's word.
    by_rollback: bool = False


def _leaves():
    return [f"public.docs_{i}_embedding_idx" for i in range(_PARTITIONS)]


def _indexes(names):
    return [{"kind": "index", "name": name, "share": 1} for name in names]


def _drift(server):
    """Index and centers are those of rows that were elsewhere."""
    scale = "UPDATE docs SET embedding = embedding * %s::vector WHERE id > 200"
    for statement, *parameters in (
            (scale, "[0.01, 0.01, 0.01, 0.01]"),
            ("VACUUM docs",), ("DROP INDEX by_parts",),
            ("CREATE INDEX by_parts ON docs USING ivfflat "
             "(embedding vector_l2_ops) WITH (lists = 4)",),
            (scale, "[100, 100, 100, 100]"), ("VACUUM ANALYZE docs",)):
        server.execute(statement, parameters or None)


def _make_dead(server):
    """As many dead rows as there are, and as many dead elements."""
    for _ in range(2):  # there and back
        server.execute("UPDATE docs_1 SET embedding = embedding * "
                       "'[-1, -1, -1, -1]'::vector WHERE id % 8 = 1")
    server.execute("SELECT pg_stat_force_next_flush()")
    server.execute("ANALYZE docs_1")


def _steer_to_one(server):
    server.execute("SELECT ruvector_routing_weight_set('docs', 2, 60)")


SCENARIOS = {
    "rebalance_partitions": Scenario(
        "rebalance_partitions", "hotspot_congestion", "hot_partition",
        parameters={"max_moves": 200, "batch_ms": 10}),
    "drain_hot_partition": Scenario(
        "drain_hot_partition", "hotspot_congestion", "hot_partition",
        prepare=_steer_to_one, inserts=True),
    "rebuild_centroids": Scenario(
        "rebuild_centroids", "centroid_skew", "ivfflat_recall_below_target",
        subjects=_indexes(_leaves()), prepare=_drift),
    "rebuild_centroids, in place": Scenario(
        "rebuild_centroids", "centroid_skew", "ivfflat_recall_below_target",
        subjects=_indexes(_leaves()[:1]), prepare=_drift),
    "pause_maintenance": Scenario(
        "pause_maintenance", "maintenance_contention", "maintenance_collision",
        subjects=[{"kind": "job", "name": "cron 1", "share": 1}]),
    "throttle_ingestion": Scenario(
        "throttle_ingestion", "hotspot_congestion", "hot_partition",
        inserts=True),
    "evict_cold_data": Scenario(
        "evict_cold_data", "memory_pressure", "disk_filling",
        parameters={"cold_tablespace": "cold", "idle_days": 0,
                    "max_partitions": 1}),
    "compact_indexes": Scenario(
        "compact_indexes", "index_fragmentation", "hnsw_bloat",
        subjects=_indexes(["public.of_one"]), prepare=_make_dead,
        reversible=False),
    "scale_replicas": Scenario(
        "scale_replicas", "replication_lag", "standby_lost",
        parameters={"workload": WORKLOAD}, by_rollback=True),
}


class Users:
    """One who writes, and one who reads partition 0 more than the others.

    The writer knows what it was told to be committed, and what it may be.
    """

    def __init__(self, server):
        self._server = server
        self._stop = threading.Event()
        self.inserts = False
        self.quiet = threading.Lock()  # held: no statement is under way
        self.written = {i: {0} for i in range(_OWN, _ROWS + 1, _OWN)}
        self.refused = {}  # SQLSTATE -> number
        self._threads = [threading.Thread(target=self._live, args=(what,),
                                          daemon=True)
                         for what in (self._write, self._read)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _live(self, work):
        session = None
        for number in itertools.count(1):
            if self._stop.wait(0.03):
                return
            try:
                if session is None or session.closed:
                    session = self._server.connect()
                    session.execute("SET lock_timeout = '20s'")
                    session.execute("SET enable_seqscan = off")
                work(session, number)
            except psycopg.Error as error:
                self.refused[error.sqlstate] = (
                    self.refused.get(error.sqlstate, 0) + 1)

    def _write(self, session, number):
        with self.quiet:
            own = _OWN * (1 + number % len(self.written))
            self.written[own].add(number)
            session.execute("UPDATE docs SET metadata = "
                            "jsonb_build_object('n', %s::int) WHERE id = %s",
                            [number, own])
            self.written[own] = {number}
            if not self.inserts:
                return
            # New rows that do not stay.
            with session.transaction():
                made = session.execute(
                    "INSERT INTO docs (embedding) SELECT '[1,2,3,4]' FROM "
                    "generate_series(1, 20) RETURNING id").fetchall()
                session.execute("DELETE FROM docs WHERE id = ANY(%s)",
                                [[row[0] for row in made]])

    def _read(self, session, number):
        # By key, so that the load goes where the rows go.
        first = (number * 7919) % (_ROWS - 400)
        session.execute(
            "SELECT count(metadata) FROM docs WHERE id = ANY(%s)",
            [[i for i in range(first, first + 400) if i % 4 == 0]])
        session.execute("SELECT id FROM docs ORDER BY embedding <-> "
                        "'[1,2,3,4]' LIMIT 5")




class World:
    """The server, the collection `docs`, its users and Kubernetes."""

    def __init__(self, made, installation):
        self.server = made
        folder = installation.sharedir / "extension"
        (folder / "pg_cron.control").write_text(
            "default_version = '1.4'\nrelocatable = false\n"
            "schema = pg_catalog\n")
        (folder / "pg_cron--1.4.sql").write_text(_CRON)
        # A filesystem of its own: data that goes there leaves the other.
        self.cold = pathlib.Path(f"/dev/shm/ruvector-cold-{os.getpid()}")
        make_server_directory(self.cold)
        self._start_kubernetes()
        made.execute("CREATE EXTENSION ruvector CASCADE")
        made.execute(f"CREATE TABLESPACE cold LOCATION '{self.cold}'")
        made.psql(script=_ISOLATION + _SETUP)
        self.users = Users(made)
        self.vacuum()
        self.wait_served()
        configure(made, **{
            "default_mode": "off", "stabilisation_seconds": 0,
            "min_healing_interval_seconds": 0, "slot_retry_seconds": 1,
            "max_attempts_per_window": 1000, "learning_enabled": False,
            "require_approval_strategies": [], "max_auto_heal_impact": 1,
            "quarantine_after_faults": 100,
            "breaker": {"ineffective_attempts": 100},
            "timeouts": {"plan_seconds": 20, "min_seconds": 60,
                         "max_seconds": 120, "cancel_grace_seconds": 1}})

    def _start_kubernetes(self):
        self._place = pathlib.Path(f"/var/tmp/ruvector-sweep-{os.getpid()}")
        make_server_directory(self._place)
        authority = Authority(self._place / "ca")
        self.kubernetes = ApiServer(authority.certificate("IP:127.0.0.1"),
                                    token="t0psecret", ready_after=0.1)
        account = Credentials(self._place / "account", authority.file,
                              token="t0psecret").directory
        for path in (account, *account.iterdir()):
            give_to_server(path)
        self.workload = self.kubernetes.add("statefulsets", "reader", 2)
        self.server.configure(**{
            "ruvector.kubernetes_api_server": self.kubernetes.url(),
            "ruvector.kubernetes_credentials": str(account)})

    def close(self):
        self.users.stop()
        self.kubernetes.close()
        self.server.destroy()
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.rmtree(self.cold, ignore_errors=True)

    def wait_served(self):
        """The workers are there, and the collection's state is known."""
        self.server.wait_for(
            "SELECT healing_status = 'served' FROM ruvector.workers "
            "WHERE database = current_database()", timeout=60)
        self.server.wait_for(
            "SELECT ruvector_integrity_sample('docs') IS NOT NULL AND "
            "(SELECT lambda_norm IS NOT NULL AND service_norm IS NOT NULL "
            "FROM ruvector.integrity)", timeout=60)

    # What there is

    def vacuum(self):
        """Counters that a crash took are there again."""
        self.server.execute("SELECT pg_stat_force_next_flush()")
        self.server.execute("VACUUM ANALYZE docs")

    def rows(self):
        """id -> (partition, what users see) of the rows that nobody writes."""
        return {row[0]: row[1:] for row in self.server.execute(
            "SELECT id, tableoid::regclass::text, routing_key, "
            "embedding::text, metadata::text, created_at FROM docs "
            "WHERE id > %s OR id %% %s <> 0", [_ROWS, _OWN])}

    def settings(self):
        return {
            "catalog": catalog(self.server, oids=False),
            "weights": self.server.execute(
                "SELECT routing_key, weight FROM ruvector.routing_weights "
                "ORDER BY 1"),
            "throttles": self.server.execute(
                "SELECT operation, percent FROM ruvector.throttle_overrides "
                "ORDER BY 1"),
            "jobs": self.server.execute(
                "SELECT jobid, active FROM cron.job ORDER BY 1"),
            "replicas": self.workload.replicas,
        }

    def everything(self):
        with self.users.quiet:
            return self.rows(), self.settings()

    def check_writes(self):
        """The writer's rows are as the writer left them."""
        with self.users.quiet:
            found = self.server.execute(
                "SELECT id, (metadata ->> 'n')::int FROM docs "
                "WHERE id <= %s AND id %% %s = 0 ORDER BY 1", [_ROWS, _OWN])
            assert [row[0] for row in found] == sorted(self.users.written)
            wrong = [(i, n, self.users.written[i]) for i, n in found
                     if n not in self.users.written[i]]
            assert wrong == []

    def check_nothing_left(self, rolled_back):
        """Of what healing keeps while it works."""
        server = self.server
        server.wait_for("SELECT bool_and(settled) FROM "
                        "ruvector.healing_actions "
                        "WHERE state <> 'needs_human'", timeout=60)
        assert server.execute("SELECT * FROM ruvector.healing_leftovers") == []
        assert server.execute(
            "SELECT * FROM ruvector.healing_kept_indexes") == []
        assert server.value("SELECT count(*) FROM pg_index "
                            "WHERE NOT indisvalid") == 0
        found = server.execute("SELECT relname FROM pg_class "
                               "WHERE relname LIKE 'ruvector\\_%'")
        assert found == [], (found, tell(server))
        found = server.execute(
            "SELECT a.action_id, a.kind, a.state, a.message "
            "FROM ruvector.healing_acts a JOIN ruvector.healing_actions h "
            "ON h.id = a.action_id AND h.state <> 'needs_human' "
            "WHERE a.state IN ('intended', 'partial', 'undoing')")
        assert found == [], (found, tell(server))
        if rolled_back:
            assert server.value("SELECT count(*) FROM "
                                "ruvector.healing_moved_rows") == 0
            assert server.value("SELECT count(*) FROM ruvector.held_jobs") == 0
            assert server.value("SELECT count(*) FROM ruvector.healing_acts "
                                "WHERE state = 'done' AND changed AND undo IS "
                                "NOT NULL") == 0
        # Which wakes the worker that seals.
        server.execute("SELECT ruvector_integrity_sample('docs')")
        server.wait_for("SELECT unsealed = 0 FROM ruvector_verify_chain()")
        assert chain(server)[0] is True

    # Incidents

    def begin(self, name, met=True):
        """A problem that the strategy takes up, its target to be met or not."""
        scenario = SCENARIOS[name]
        strategy(self.server, scenario.strategy, {
            "mode": "auto", "guard_margin": 100,
            "target_margin": 0 if met else 100,
            "parameters": scenario.parameters})
        self.server.execute(
            "INSERT INTO ruvector.problems (collection, problem_class, cause, "
            "severity, confidence, rank, confirmed, gate_state, subjects, "
            "first_seen, last_seen, confirmed_at) VALUES ('docs', %s, %s, 0.5, "
            "0.9, 1, true, 'stress', %s, now(), now(), now())",
            [scenario.problem_class, scenario.cause,
             json.dumps(scenario.subjects)])
        self._next_pass()

    def again(self, name, met=True):
        """A plan was refused by what was measured in its second: once more."""
        if self.server.value("SELECT state = 'rejected' FROM "
                             "ruvector.healing_actions ORDER BY id DESC "
                             "LIMIT 1"):
            self.no_more(name)
            self.begin(name, met)

    def no_more(self, name):
        """What runs goes on; nothing new begins."""
        strategy(self.server, SCENARIOS[name].strategy, {"mode": "off"})
        self._no_problem()

    def _no_problem(self):
        self.server.execute("UPDATE ruvector.problems SET resolved_at = now() "
                            "WHERE resolved_at IS NULL")
        self._next_pass()

    def _next_pass(self):
        self.server.execute("UPDATE ruvector.diagnoses SET pass = pass + 1")
        self.server.reload()  # which wakes the supervisor

    def prepare(self, name):
        """Nothing runs, and the world is as the strategy needs it."""
        scenario = SCENARIOS[name]
        self._no_problem()  # of a case that failed
        self.server.wait_for(
            "SELECT count(*) = 0 FROM ruvector.healing_actions "
            "WHERE ended_at IS NULL")
        self.wait_served()
        # What ended as needs_human waits for a person.
        self.server.execute("SELECT ruvector_healing_reset_breaker('docs')")
        self.users.inserts = scenario.inserts
        self.vacuum()
        if scenario.prepare:
            scenario.prepare(self.server)
        return self.everything()


def strategy(server, name, settings):
    server.execute("SELECT ruvector_strategy_configure(%s, %s)",
                   [name, json.dumps(settings)])


_HANG = re.compile(r'\[(\d+)\] .* LOG:  failpoint "([a-z0-9_.]+)": hanging')


def hits(server, mark):
    """(pid, failpoint) of every process that began to hang, in order."""
    return [(int(pid), name)
            for pid, name in _HANG.findall(server.log(mark))]


def wait_at(server, point, begin=None, again=None):
    """Sets `point` to hang; the pid of the process that comes to it.

    `again` is called until one has.
    """
    mark = server.log_mark()
    set_failpoints(server, f"{point}=hang")
    if begin:
        begin()

    def met():
        there = [pid for pid, name in hits(server, mark) if name == point]
        if not there and again:
            again()
        return there
    try:
        return wait_for(met, 120, what=f"{point} is met")[0]
    except AssertionError as error:
        raise AssertionError(f"{error}: {tell(server)}") from None


def tell(server):
    return server.execute(
        "SELECT id, strategy, state, reason FROM ruvector.healing_actions "
        "ORDER BY id DESC LIMIT 3")


def all_failpoints():
    """Of action workers, in the sources."""
    found = set()
    for path in (_SOURCES / "pgext/healing").rglob("*.cc"):
        found |= set(re.findall(r'(?:RV_FAILPOINT|Check)\("'
                                r'(healing\.act(?:s|ion)\.[a-z0-9_.]+)"\)',
                                path.read_text()))
    return found


def record(world, name, met=True, rollback=False, timeout=60):
    """work -> failpoints in the order in which an incident meets them first.

    Every failpoint hangs; a process that hangs at one goes on when that one is
    taken away.
    """
    server = world.server
    points = all_failpoints()
    kinds, seen = {}, {}
    mark = server.log_mark()
    before = server.value("SELECT coalesce(max(id), 0) FROM "
                          "ruvector.healing_actions")
    set_failpoints(server, ",".join(f"{p}=hang" for p in sorted(points)))
    world.begin(name, met)
    done, deadline, asked = 0, time.monotonic() + timeout, False
    resolved = False
    try:
        while True:
            assert time.monotonic() < deadline, (tell(server), kinds, seen)
            time.sleep(0.02)
            for pid, point in hits(server, mark)[done:]:
                done += 1
                if pid not in kinds:
                    kinds[pid] = server.value(
                        "SELECT work FROM ruvector.healing_workers() "
                        "WHERE pid = %s", [pid])
                if not resolved:
                    world.no_more(name)
                    resolved = True
                mine = seen.setdefault(pid, [])
                if point not in mine:
                    mine.append(point)
                # The next process is to hang at its first one already.
                past = {point} if point == "healing.action.reported" else mine
                server.configure(**{"ruvector.failpoints": ",".join(
                    f"{p}=hang" for p in sorted(points.difference(past)))})
            if server.value(
                    "SELECT count(*) > 0 AND bool_and(ended_at IS NOT NULL "
                    "AND settled) FROM ruvector.healing_actions WHERE id > %s",
                    [before]) and not server.value(
                        "SELECT count(*) FROM ruvector.healing_workers()"):
                if rollback and not asked:
                    asked = True
                    assert tell(server)[0][2] == "done", (tell(server), seen)
                    server.execute("SELECT ruvector_healing_rollback('docs')")
                    continue
                break
    finally:
        world.no_more(name)
        set_failpoints(server, "")
    works = {}
    for pid, points_of in seen.items():
        into = works.setdefault(kinds[pid], [])
        into += [p for p in points_of if p not in into]
    return works
