"""Faults of the recovery table, each injected for real.

A fault has a server's settings, a setup that ends in a healthy collection under
load, an injection that returns the epoch second at which the fault is there,
and what ends it. With a strategy it is healed; without one a person is told.
"""

import contextlib
import dataclasses
import os
import re
import subprocess
import time
import types

import psycopg

from harness.account import make_server_directory
from healing.incidents import timed
from healing.sensing import install_test_functions

HOT = 2  # the partition that runs hot


@dataclasses.dataclass
class Fault:
    name: str
    title: str
    cause: str
    setup: types.FunctionType
    inject: types.FunctionType
    strategy: str = None  # None: for a person, only reported
    settings: dict = dataclasses.field(default_factory=dict)
    peer: types.FunctionType = None  # the same build by hand; build-bound
    runs: int = 2
    heals: bool = True  # False: an attempt that is to be rolled back
    mode: str = "auto"  # of strategies, where no one has to act
    background: bool = True


FAULTS = {}


def _fault(**keys):
    made = Fault(**keys)
    FAULTS[made.name] = made


# ---- partitions -----------------------------------------------------------

# Point and range reads of the rows that lay in one partition.
_HOT_ROWS = ("\\set first random(:low, :high - 300)\n"
             "SELECT sum(length(metadata::text)) FROM docs "
             "WHERE id BETWEEN :first AND :first + 299;\n")
# Reads that belong to the partition, whichever rows it holds.
_HOT_PARTITION = ("SELECT sum(length(metadata::text)) FROM (SELECT metadata "
                  f"FROM docs WHERE routing_key = {HOT} LIMIT 300) t;\n")


def read_hot_rows(world):
    # As World.managed() laid them; the load's own inserts came later.
    share = world.most // world.partitions
    low, high = HOT * share + 1, (HOT + 1) * share
    at = world.now()
    world.start_load([(1, _HOT_ROWS)], clients=2, rate=60, low=low, high=high)
    return at


def read_hot_partition(world):
    at = world.now()
    world.start_load([(1, _HOT_PARTITION)], clients=2, rate=60)
    return at


def _insert_hot(world, weight=60, rate=100):
    at = world.now()
    world.sql(f"SELECT ruvector_routing_weight_set('docs', {HOT}, %s)",
              [weight])
    world.start_load([(1, "SELECT load_insert_20();\n")], clients=4, rate=rate)
    return at


_fault(name="hot_reads", title="hot partition: a tenant's rows are read",
       cause="hot_partition", strategy="rebalance_partitions",
       setup=lambda world: world.managed(), inject=read_hot_rows, runs=5)
_fault(name="hot_inserts", title="hot partition: new rows go to one",
       cause="hot_partition", strategy="drain_hot_partition",
       setup=lambda world: world.managed(), inject=_insert_hot, runs=5)
_fault(name="rolled_back",
       title="hot partition that moving rows does not help",
       cause="hot_partition", strategy="rebalance_partitions", heals=False,
       setup=lambda world: world.managed(), inject=read_hot_partition, runs=5)
_fault(name="insert_burst", title="insert burst under stress",
       cause="hot_partition", strategy="throttle_ingestion",
       setup=lambda world: world.managed(), inject=_insert_hot, runs=3)


# ---- vector indexes -------------------------------------------------------


def _lists(world):
    options = world.value("SELECT reloptions::text FROM pg_class WHERE oid = "
                          "'docs_vectors'::regclass") or "lists=100"
    return int(re.search(r"lists=(\d+)", options)[1])


def _build_ivfflat(world):
    seconds = timed(
        world, "CREATE INDEX CONCURRENTLY by_hand ON docs USING ivfflat "
        f"(embedding vector_l2_ops) WITH (lists = {_lists(world)})")
    world.sql("DROP INDEX by_hand")
    return seconds


def _bulk(rows, family=0):
    """The sensors read an index's pages, and may judge drift before the
    commit: that fault begins with the first row."""
    def inject(world):
        at = world.now()
        world.add_rows(rows * world.scale, family)
        return at if family else world.now()
    return inject


_fault(name="ivfflat_few_rows", title="IVFFlat built on too few rows",
       cause="ivfflat_few_rows", strategy="rebuild_centroids",
       setup=lambda world: world.plain(
           300, "ivfflat (embedding vector_l2_ops) WITH (lists = 100)"),
       inject=_bulk(150000), peer=_build_ivfflat)
_fault(name="ivfflat_drift", title="IVFFlat whose centres no longer fit",
       cause="ivfflat_drift", strategy="rebuild_centroids",
       setup=lambda world: world.plain(
           60000 * world.scale, "ivfflat (embedding vector_l2_ops) "
           f"WITH (lists = {60 * world.scale})"),
       inject=_bulk(60000, 1), peer=_build_ivfflat)

_HNSW = "hnsw (embedding vector_l2_ops)"


def _dead(world):
    """A mass update and a mass delete, and nobody who vacuums."""
    with world.server.connect(autocommit=False) as session:
        session.execute("UPDATE docs SET embedding = load_vector(id::int)")
        session.execute("DELETE FROM docs WHERE id % 2 = 0")
        session.commit()
    at = world.now()
    world.sql("SELECT pg_sleep(0.5)")  # until the counters are flushed
    world.sql("ANALYZE docs")  # or stale statistics are worse, and come first
    return at


def _compact(world):
    return (timed(world, "REINDEX INDEX CONCURRENTLY docs_vectors")
            + timed(world, "VACUUM docs"))


_fault(name="dead_tuples", title="dead rows in a table with HNSW",
       cause="dead_tuples", strategy="compact_indexes",
       setup=lambda world: world.plain(8000 * world.scale, _HNSW,
                                       " WITH (autovacuum_enabled = off)"),
       inject=_dead, peer=_compact)


def _leave_invalid(world):
    world.sql("INSERT INTO docs (embedding) SELECT embedding FROM docs LIMIT 1")
    with contextlib.suppress(psycopg.errors.UniqueViolation):
        world.sql("CREATE UNIQUE INDEX CONCURRENTLY leftover ON docs "
                  "((embedding::text))")
    assert world.value("SELECT NOT indisvalid FROM pg_index WHERE indexrelid "
                       "= 'leftover'::regclass")
    return world.now()


_fault(name="invalid_index", title="INVALID index of a user's failed build",
       cause="invalid_index", inject=_leave_invalid,
       setup=lambda world: world.plain(8000, _HNSW))


# ---- upkeep ---------------------------------------------------------------


def _stale(world):
    world.add_rows(40000)
    return world.now()


_fault(name="stale_statistics", title="stale statistics",
       cause="stale_statistics", strategy="compact_indexes",
       setup=lambda world: world.plain(
           4000, "ivfflat (embedding vector_l2_ops) WITH (lists = 10)",
           " WITH (autovacuum_enabled = off)"),
       inject=_stale, runs=5)


def _crawl(world):
    world.managed()
    for part in range(6):
        world.sql(f"ALTER TABLE docs_{part} SET (autovacuum_vacuum_cost_delay "
                  "= 100, autovacuum_vacuum_cost_limit = 1)")


def _collide(world):
    """One autovacuum worker that crawls, and more tables that wait for it."""
    with world.server.connect() as session:
        for part in range(6):
            session.execute(f"UPDATE docs_{part} SET metadata = metadata")
    at = world.now()
    return at


_fault(name="maintenance_collision", title="maintenance collision",
       cause="maintenance_collision", strategy="pause_maintenance",
       settings={"autovacuum_max_workers": "1"}, setup=_crawl,
       inject=_collide, runs=3)


# ---- disk -----------------------------------------------------------------


def _disk_setup(world):
    """The collection on a small filesystem, a larger one for cold data."""
    world.managed(rows=12000, index=None)
    for name, size in (("hot", "96m"), ("cold", "256m")):
        path = world.server.directory / name
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs",
                        path], check=True)
        world.cleanups.append(lambda path=path: subprocess.run(
            ["umount", "-l", path], check=False))
        make_server_directory(path / "space")
        world.sql(f"CREATE TABLESPACE {name} LOCATION '{path}/space'")
    for part in range(6):
        world.sql(f"ALTER TABLE docs_{part} SET TABLESPACE hot")
    world.sql("VACUUM ANALYZE docs")
    world.sql(
        "SELECT ruvector_strategy_configure('evict_cold_data', "
        """'{"parameters": {"cold_tablespace": "cold", "idle_days": 0, """
        """"max_partitions": 3}}')""")


def _fill_disk(world):
    """What is not of the collection takes the room."""
    path = world.server.directory / "hot" / "filler"
    stat = os.statvfs(path.parent)
    total = stat.f_blocks * stat.f_frsize
    free = stat.f_bavail * stat.f_frsize
    with open(path, "wb") as file:
        file.write(b"\0" * int(free - 0.06 * total))
    return world.now()


_fault(name="disk_filling", title="disk fills, cold data moves",
       cause="disk_filling", strategy="evict_cold_data", setup=_disk_setup,
       inject=_fill_disk, runs=3)


# ---- sessions and transactions: for a person ------------------------------


def _pile_up(world):
    holder = world.server.connect(autocommit=False)
    world.cleanups.append(holder.close)
    holder.execute("LOCK TABLE docs IN ACCESS EXCLUSIVE MODE")
    return world.now()


_fault(name="lock_pileup", title="lock pile-up behind one session",
       cause="lock_pileup", inject=_pile_up,
       setup=lambda world: world.plain(8000, _HNSW))


def _hold(world, prepared):
    session = world.server.connect(autocommit=False)
    world.cleanups.append(session.close)
    if prepared:
        session.execute("INSERT INTO load_refusals VALUES (now(), 'held')")
        session.execute("PREPARE TRANSACTION 'forgotten'")
        world.cleanups.insert(0, lambda: world.server.execute(
            "ROLLBACK PREPARED 'forgotten'"))
    else:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        session.execute("SELECT count(*) FROM load_refusals")
        session.execute("SELECT txid_current()")
    world.sql("SELECT test_consume_xids(6000000)")
    return world.now()


def _with_xids(world):
    install_test_functions(world.server)
    world.plain(8000, _HNSW)


_fault(name="prepared", title="vacuum held back by a prepared transaction",
       cause="vacuum_held_by_prepared", setup=_with_xids,
       settings={"max_prepared_transactions": "5"},
       inject=lambda world: _hold(world, True))
_fault(name="snapshot", title="vacuum held back by an old snapshot",
       cause="vacuum_held_by_snapshot", setup=_with_xids,
       inject=lambda world: _hold(world, False))


def _retain_wal(world):
    world.sql("SELECT pg_create_physical_replication_slot('abandoned', true)")
    world.cleanups.append(lambda: world.server.execute(
        "SELECT pg_drop_replication_slot('abandoned')"))
    world.sql("CREATE TABLE wal_filler (t text)")
    for _ in range(6):
        world.sql("INSERT INTO wal_filler SELECT repeat('x', 1000) "
                  "FROM generate_series(1, 20000)")
    world.sql("DROP TABLE wal_filler")
    return world.now()


_fault(name="slot_wal", title="a replication slot retains WAL",
       cause="slot_retains_wal", inject=_retain_wal,
       settings={"max_slot_wal_keep_size": "192MB", "max_wal_size": "1GB"},
       setup=lambda world: world.plain(8000, _HNSW))


# ---- standbys: for a person, where no Kubernetes is configured -------------


def _with_standby(world):
    world.plain(8000, _HNSW)
    world.standby = world.server.standby()
    world.cleanups.append(world.standby.destroy)


def _lose(world):
    world.standby.kill9()
    return world.now()


_fault(name="standby_lost", title="a standby is lost", cause="standby_lost",
       setup=_with_standby, inject=_lose, runs=3)

def _saturate(world):
    at = world.now()
    sessions = []
    world.cleanups.append(lambda: [one.close() for one in sessions])
    for _ in range(46):
        sessions.append(world.server.connect())
    return at


_fault(name="connections", title="connection saturation",
       cause="connection_saturation", inject=_saturate,
       setup=lambda world: world.plain(8000, _HNSW))


def _age(world):
    """Forced vacuums come and crawl, while ids are used up."""
    world.sql("SELECT test_consume_xids(1200000)")
    return world.now()


_fault(name="xid_age", title="transaction age, vacuum too slow",
       cause="xid_age", inject=_age,
       setup=lambda world: (install_test_functions(world.server), world.plain(
           30000, "ivfflat (embedding vector_l2_ops) WITH (lists = 30)",
           " WITH (autovacuum_freeze_max_age = 500000, "
           "autovacuum_vacuum_cost_delay = 100, "
           "autovacuum_vacuum_cost_limit = 1)")))


# ---- one run --------------------------------------------------------------


def run(fault, world, timeout=100):
    """The outcome of one incident on a fresh world."""
    if world.defaults:
        timeout += 300
    timeout *= world.scale
    world.cleanups = []
    try:
        fault.setup(world)
        world.healthy([fault.strategy] if fault.strategy else (),
                      mode="off" if fault.strategy else fault.mode,
                      background=fault.background)
        at = fault.inject(world)
        if fault.strategy is None:
            world.confirmed(fault.cause, at, timeout)
            time.sleep(6)  # in which nothing may be done
            outcome = world.outcome(at)
            acted = [a for a in world.actions(at) if a["started_at"]]
            assert not acted, [(a["strategy"], a["state"]) for a in acted]
            return outcome
        action = world.acted(fault.strategy, at, timeout)
        outcome = world.outcome(at, action)
        by_hand = fault.peer and outcome.verified
        if by_hand:
            world.server.wait_for(
                "SELECT settled FROM ruvector.healing_actions WHERE id = %s",
                [action["id"]], timeout=60)
            outcome.peer_loaded = fault.peer(world)
        world.stop_loads()
        if by_hand:
            outcome.peer = fault.peer(world)
        world.note_collateral(outcome, at)
        return outcome
    finally:
        for cleanup in world.cleanups:
            with contextlib.suppress(Exception):
                cleanup()
        world.close()
