"""A real server with a real load, and one incident of it from fault to end.

Used by tools/recovery and recovery_test.py. All times and results come from
the server's tables and its signed events; the shares of failed transactions
from pgbench's own logs.
"""

import dataclasses
import json
import pathlib
import re
import subprocess
import threading
import time

from harness.account import make_server_directory
from harness.waiting import wait_for
from healing.healing import configure

# As the recovery table states them; everything else is by default.
SAMPLE_INTERVAL_S = 2
STABILISATION_S = 5

DIMENSIONS = 16

# One vector near one of twelve centres; those of `family` 1 lie elsewhere.
_FUNCTIONS = f"""
CREATE FUNCTION load_vector(centre int, family int DEFAULT 0) RETURNS vector
LANGUAGE sql VOLATILE AS $$
    SELECT array_agg(sin((centre % 12) * 12.9898 + j * 78.233 + family * 40)
                     * (1 + family) + (random() - 0.5) * 0.3)::vector
      FROM generate_series(1, {DIMENSIONS}) j
$$;
CREATE TABLE load_refusals (at timestamptz, code text);
-- A refusal of the gate is an answer, not a broken client: it is counted.
CREATE FUNCTION load_insert() RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO docs (embedding) VALUES (load_vector((random() * 11)::int));
EXCEPTION WHEN OTHERS THEN
    IF left(SQLSTATE, 4) <> '53RV' THEN RAISE; END IF;
    INSERT INTO load_refusals VALUES (clock_timestamp(), SQLSTATE);
END
$$;
CREATE FUNCTION load_insert_20() RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO docs (embedding)
        VALUES {", ".join(f"(load_vector({i}))" for i in range(20))};
EXCEPTION WHEN OTHERS THEN
    IF left(SQLSTATE, 4) <> '53RV' THEN RAISE; END IF;
    INSERT INTO load_refusals VALUES (clock_timestamp(), SQLSTATE);
END
$$;
"""

# (weight, script). Clients of their own for each kind: those that the gate
# slows down hold up nobody else.
_READS = [
    (2, "\\set id random(1, :most)\n"
        "SELECT id FROM docs ORDER BY embedding <-> "
        "(SELECT embedding FROM docs WHERE id = :id LIMIT 1) LIMIT 10;\n"),
    (3, "\\set id random(1, :most)\n"
        "SELECT metadata FROM docs WHERE id = :id;\n"),
]
_CHANGES = [
    (7, "\\set id random(1, :most)\n"
        "UPDATE docs SET metadata = jsonb_build_object('n', :id) "
        "WHERE id = :id;\n"),
    (1, "\\set id random(1, :most)\nDELETE FROM docs WHERE id = :id;\n"),
]
_INSERTS = [(1, "SELECT load_insert();\n")]


class Load:
    """pgbench clients, each a process of its own, until stop().

    A client that ends by an error is started again, and the error counts.
    """

    def __init__(self, world, scripts, clients, rate, variables=()):
        self._world, self._clients = world, clients
        self.errors = []  # (epoch seconds, what pgbench said)
        self._stopped = threading.Event()
        files = []
        for weight, text in scripts:
            path = world.directory / f"load-{world.next_number()}.sql"
            path.write_text(text)
            path.chmod(0o644)
            files += ["-f", f"{path}@{weight}"]
        self.logs = world.directory / f"logs-{world.next_number()}"
        self.logs.mkdir()
        definitions = [part for name, value in variables
                       for part in ("-D", f"{name}={value}")]
        self._command = [
            world.server.installation.bin / "pgbench", "-n", "-c", "1",
            "-R", f"{rate / clients:g}", "-T", "3600", "-l",
            "--failures-detailed", *definitions, *files]
        self._processes = {}
        self._threads = [threading.Thread(target=self._client, args=(i,))
                         for i in range(clients)]
        for thread in self._threads:
            thread.start()

    def _client(self, number):
        life = 0
        while not self._stopped.is_set():
            life += 1
            process = subprocess.Popen(
                [*self._command, f"--log-prefix={self.logs}/{number}-{life}"],
                env=self._world.server.environment(), text=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self._processes[number] = process
            said = process.communicate()[1]
            if not self._stopped.is_set():
                self.errors.append((time.time(), said.strip()))
                time.sleep(0.2)

    def no_more(self):
        """From now on a client that ends stays ended, and is no error."""
        self._stopped.set()

    def join(self):
        for process in list(self._processes.values()):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.terminate()  # and its last lines are lost
        for thread in self._threads:
            thread.join(10)

    def transactions(self, since, until):
        """(all, failed) between two epoch seconds, refusals not included."""
        total = failed = 0
        for path in self.logs.iterdir():
            for line in path.read_text().splitlines():
                fields = line.split()
                if len(fields) < 6:
                    continue  # the last line of one that was killed
                at = int(fields[4]) + int(fields[5]) / 1e6
                if since <= at < until:
                    total += 1
                    failed += not fields[2].isdigit()
        broken = sum(since <= at < until for at, _ in self.errors)
        return total + broken, failed + broken


@dataclasses.dataclass
class Outcome:
    """What the tables say of one incident; seconds after the fault."""
    causes: list  # confirmed, in the order in which they were
    confirmed: float = None
    started: float = None
    completed: float = None
    verified: float = None
    ended: float = None
    action: dict = None
    earlier: list = dataclasses.field(default_factory=list)
    events: list = dataclasses.field(default_factory=list)
    collateral: tuple = None  # share of failed transactions: before, during
    refused: float = None  # share of refused inserts among all, during
    peer: float = None  # seconds of the same work by hand, without load
    peer_loaded: float = None  # under the load that the act had
    did: float = None  # seconds that the act took


class World:
    """A server, the collection `docs`, and pgbench on it.

    `defaults`: the product's own sample interval and stabilisation. `scale`
    multiplies the rows of faults whose cure is an index build.
    """

    def __init__(self, server, defaults=False, scale=1):
        self.server = server
        self.defaults = defaults
        self.scale = scale
        self.loads = []
        self._numbers = iter(range(1, 10000))
        self.directory = pathlib.Path(
            make_server_directory(server.directory / "load", 0o755))
        self.most = self.partitions = 0
        self.background = []
        self._session = server.connect()
        self.sql("CREATE EXTENSION IF NOT EXISTS ruvector CASCADE")
        self.sql(_FUNCTIONS)

    def next_number(self):
        return next(self._numbers)

    def sql(self, query, parameters=None):
        cursor = self._session.execute(query, parameters)
        return cursor.fetchall() if cursor.description else None

    def value(self, query, parameters=None):
        rows = self.sql(query, parameters)
        return rows[0][0] if rows else None

    def now(self):
        return self.value("SELECT extract(epoch FROM clock_timestamp())::float8")

    # The collection

    def managed(self, rows=30000, partitions=6,
                index="ivfflat (embedding vector_l2_ops) WITH (lists = 5)"):
        """Contiguous ids in each partition: a tenant's rows lie together."""
        self.partitions = partitions
        self.sql(f"SELECT ruvector_create_collection('docs', {DIMENSIONS}, %s)",
                 [partitions])
        self.sql(
            "INSERT INTO docs (routing_key, embedding, metadata) "
            "SELECT (i - 1) * %s / %s, load_vector(i), jsonb_build_object('n', i) "
            "FROM generate_series(1, %s) i", [partitions, rows, rows])
        self._finish(rows, index)

    def plain(self, rows, index, options=""):
        """One table, not partitioned."""
        self.sql("CREATE TABLE docs (id bigint GENERATED ALWAYS AS IDENTITY "
                 f"PRIMARY KEY, embedding vector({DIMENSIONS}) NOT NULL, "
                 "metadata jsonb NOT NULL DEFAULT '{}', "
                 "created_at timestamptz NOT NULL DEFAULT now())" + options)
        self.add_rows(rows)
        self._finish(rows, index)
        self.sql("SELECT ruvector_register_collection('docs', 'docs', "
                 "'embedding')")

    def add_rows(self, rows, family=0):
        self.sql("INSERT INTO docs (embedding) SELECT load_vector(i, %s) "
                 "FROM generate_series(1, %s) i", [family, rows])

    def _finish(self, rows, index):
        self.most = rows
        if index:
            self.sql(f"CREATE INDEX docs_vectors ON docs USING {index}")
        self.sql("SELECT pg_stat_force_next_flush()")
        self.sql("VACUUM ANALYZE docs")

    # The load

    def start_load(self, scripts, clients, rate, **variables):
        made = Load(self, scripts, clients, rate,
                    [("most", self.most), *variables.items()])
        self.loads.append(made)
        return made

    def healthy(self, strategies=(), mode="off", seconds=8, background=True):
        """Settings, the ordinary load, and a system that is seen to be well.

        `strategies` run by themselves; the others have `mode`.
        """
        wait_for(lambda: self.value(
            "SELECT healing_status = 'served' FROM ruvector.workers "
            "WHERE database = current_database()"), 60,
            what="the healing supervisor serves the database")
        configure(self.server, default_mode=mode,
                  strategies={name: {"mode": "auto"} for name in strategies})
        if not self.defaults:
            configure(self.server, stabilisation_seconds=STABILISATION_S)
            self.sql("SELECT ruvector_integrity_policy_set('docs', 'default', "
                     "%s)", [json.dumps(
                         {"sample_interval_secs": SAMPLE_INTERVAL_S})])
        if background:
            self.background = [
                self.start_load(_READS, clients=2, rate=75),
                self.start_load(_CHANGES, clients=3, rate=16),
                self.start_load(_INSERTS, clients=2, rate=10)]
        began = time.time()
        wait_for(lambda: time.time() >= began + seconds and self.value(
            "SELECT s.state = 'normal' AND s.lambda_norm IS NOT NULL "
            "AND NOT EXISTS (SELECT FROM ruvector.problems p WHERE "
            "p.resolved_at IS NULL) FROM ruvector_list_collections() s"),
            90, what="the collection is healthy under load")
        self.well_since = began + 2

    def confirmed(self, cause, since, timeout=90):
        """Waits for a confirmed problem; its row is in the table."""
        wait_for(lambda: self.value(
            "SELECT count(*) > 0 FROM ruvector.problems WHERE cause = %s "
            "AND confirmed_at >= to_timestamp(%s)", [cause, since]), timeout,
            what=f"{cause} is confirmed")

    def actions(self, since):
        cursor = self._session.execute(
            "SELECT *, extract(epoch FROM started_at)::float8 AS started_s, "
            "extract(epoch FROM completed_at)::float8 AS completed_s, "
            "extract(epoch FROM verified_at)::float8 AS verified_s, "
            "extract(epoch FROM ended_at)::float8 AS ended_s "
            "FROM ruvector.healing_actions WHERE created_at >= to_timestamp(%s) "
            "ORDER BY id", [since])
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]

    def acted(self, strategy, since, timeout=180):
        """Waits until an action that began has ended, and returns it."""
        def probe():
            for action in self.actions(since):
                if (action["strategy"] == strategy and action["started_at"]
                        and action["ended_at"]):
                    return action
            return None
        try:
            return wait_for(probe, timeout, what=f"{strategy} has ended")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.tell(since)}") from None

    def tell(self, since):
        """What happened, for whoever has to mend it."""
        seen = self.sql(
            "SELECT cause, severity, confidence, confirmed, resolved_at IS NULL, "
            "explained_by FROM ruvector.problems "
            "WHERE last_seen >= to_timestamp(%s)", [since])
        did = [(a["id"], a["strategy"], a["cause"], a["state"], a["reason"])
               for a in self.actions(since)]
        status = self.value("SELECT ruvector_healing_status()")
        state = self.sql("SELECT state, lambda_norm "
                         "FROM ruvector_list_collections()")
        return (f"problems {seen}; actions {did}; state {state}; "
                f"{json.dumps(status)[:1500]}")

    # The result

    def outcome(self, fault, action=None):
        """Of an incident whose fault was there at epoch second `fault`."""
        after = [(name, at - fault) for name, at in self.sql(
            "SELECT cause, extract(epoch FROM confirmed_at)::float8 "
            "FROM ruvector.problems WHERE confirmed_at >= to_timestamp(%s) "
            "ORDER BY confirmed_at, rank", [fault])]
        result = Outcome(causes=after)
        if not action:
            return result

        def since(key):
            return None if action[key] is None else action[key] - fault

        result.action = action
        result.started, result.completed = since("started_s"), since(
            "completed_s")
        result.verified, result.ended = since("verified_s"), since("ended_s")
        result.earlier = [a for a in self.actions(fault)
                          if a["id"] < action["id"]]
        result.did = action["completed_s"] - action["started_s"]
        wait_for(lambda: self.value(
            "SELECT unsealed = 0 FROM ruvector_verify_chain()"), 30,
            what="all events are sealed")
        result.events = [row[0] for row in self.sql(
            "SELECT event_type FROM ruvector.integrity_events "
            "WHERE (metadata ->> 'action_id')::bigint = %s ORDER BY id",
            [action["id"]])]
        return result

    def note_collateral(self, outcome, fault):
        """After the load has ended: the share of failed transactions in the
        healthy window and while the action ran and was judged."""
        if not self.background or outcome.started is None:
            return
        end = fault + (outcome.verified or outcome.ended)
        windows = [(self.well_since, fault), (fault + outcome.started, end)]
        shares = []
        for since, until in windows:
            counts = [load.transactions(since, until)
                      for load in self.background]
            total, failed = (sum(column) for column in zip(*counts))
            shares.append(failed / total if total else float("nan"))
            refused = self.value(
                "SELECT count(*) FROM load_refusals WHERE at >= "
                "to_timestamp(%s) AND at < to_timestamp(%s)", [since, until])
            outcome.refused = refused / total if total else float("nan")
        outcome.collateral = tuple(shares)

    def stop_loads(self):
        """pgbench writes the last of its logs when its sessions end."""
        for load in self.loads:
            load.no_more()
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                 "WHERE application_name = 'pgbench'")
        for load in self.loads:
            load.join()

    def close(self):
        self.stop_loads()
        self._session.close()

    def errors(self):
        """What pgbench's clients ended by, for people."""
        return [re.sub(r"\s+", " ", said)[-200:]
                for load in self.loads for _, said in load.errors]


def timed(world, statement):
    """Seconds that the statement takes."""
    # By hand, as a person who repairs under stress does it.
    world.sql("SET ruvector.bypass = on")
    began = time.monotonic()
    world.sql(statement)
    seconds = time.monotonic() - began
    world.sql("RESET ruvector.bypass")
    return seconds
