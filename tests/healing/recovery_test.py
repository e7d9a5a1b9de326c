"""Two incidents of the recovery table, end to end on a real server."""

import pytest

from healing.faults import FAULTS, HOT, read_hot_partition, read_hot_rows
from healing.incidents import World
from integrity.conftest import chain

# Nothing in order, so that a row which moves does not change it.
_MULTISET = ("SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) "
             "FROM docs t")
_PARTITIONS = ("SELECT routing_key, count(*), "
               "sum(hashtextextended(t::text, 0)::numeric) FROM docs t "
               "GROUP BY 1 ORDER BY 1")
# The routing key is a column, and the one that a move may change.
_WITHOUT_KEY = ("SELECT count(*), sum(hashtextextended((id, embedding, "
                "metadata, created_at)::text, 0)::numeric) FROM docs")


@pytest.fixture
def world(new_cluster):
    made = World(new_cluster("recovery"))
    made.cleanups = []
    made.managed(rows=12000)
    # Only reads: whatever changes a row is healing's doing.
    made.healthy(["rebalance_partitions"], seconds=5, background=False)
    yield made
    made.close()


def rates_of(world):
    return dict(world.sql(
        "SELECT relid::regclass::text, coalesce(idx_tup_fetch, 0) "
        "+ seq_tup_read FROM pg_stat_user_tables WHERE relname LIKE 'docs_%'"))


def test_a_hot_partition_is_rebalanced_and_verified(world):
    rows = world.sql(_WITHOUT_KEY)
    at = read_hot_rows(world)
    action = world.acted("rebalance_partitions", at, timeout=60)
    outcome = world.outcome(at, action)
    assert action["state"] == "done", action["reason"]
    assert action["cause"] == FAULTS["hot_reads"].cause
    assert action["target_metric"] == "load_ratio"
    assert action["after"] < 0.9 * action["before"]
    assert outcome.verified <= 60
    assert 0 < outcome.started <= outcome.completed <= outcome.verified
    # Every row is there once, and those of the hot partition are elsewhere.
    assert world.sql(_WITHOUT_KEY) == rows
    left = world.value("SELECT count(*) FROM docs WHERE routing_key = %s",
                       [HOT])
    moved = world.value("SELECT sum(rows) FROM ruvector.healing_acts "
                        "WHERE action_id = %s", [action["id"]])
    assert left == 2000 - moved < 1000
    # The load went with the rows: an oracle apart from ours, PostgreSQL's own.
    before = rates_of(world)
    world.sql("SELECT pg_sleep(3)")
    read = {name: count - before[name]
            for name, count in rates_of(world).items()}
    assert read[f"docs_{HOT}"] < 0.5 * sum(read.values()), read
    assert outcome.events[-1] == "healing.done"
    assert (outcome.events.index("healing.intent")
            < outcome.events.index("healing.executing"))
    assert chain(world.server)[0] is True


def test_what_does_not_help_is_rolled_back(world):
    rows, partitions = world.sql(_MULTISET), world.sql(_PARTITIONS)
    at = read_hot_partition(world)
    action = world.acted("rebalance_partitions", at, timeout=60)
    outcome = world.outcome(at, action)
    assert action["state"] == "rolled_back", action["reason"]
    assert "load_ratio" in action["reason"]
    assert action["verified_at"] is None
    moved = world.value("SELECT sum(rows) FROM ruvector.healing_acts "
                        "WHERE action_id = %s", [action["id"]])
    assert moved > 1000  # it was tried
    # And all of it is undone: each row is where it was.
    assert world.sql(_MULTISET) == rows
    assert world.sql(_PARTITIONS) == partitions
    assert action["undos_left"] == 0
    assert outcome.events[-1] == "healing.rolled_back"
    assert chain(world.server)[0] is True
