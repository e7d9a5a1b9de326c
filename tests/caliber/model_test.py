"""Random calls end as the same calls in plain SQL end (model.py)."""

import os

import pytest

from caliber.kit import ENTITIES, init, make_twin
from caliber.model import Model

_LONG = os.environ.get("RUVECTOR_LONG") == "1"
_SEEDS = range(40 if _LONG else 4)
_STEPS = 2000 if _LONG else 400


@pytest.fixture(scope="module")
def server(cluster):
    init(cluster)
    with cluster.connect() as session:
        make_twin(session)
        session.execute("CREATE ROLE app LOGIN")
        session.execute("GRANT caliber_user TO app")
        session.execute("GRANT USAGE ON SCHEMA twin TO app")
        session.execute("GRANT ALL ON ALL TABLES IN SCHEMA twin TO app")
    return cluster


def _run(server, seed, user):
    with server.connect(user=user) as session:
        model = Model(session, seed)
        try:
            model.run(_STEPS)
            model.compare()
        except AssertionError:
            print(f"seed {seed}, last calls:")
            for entry in model.trace[-10:]:
                print(" ", str(entry)[:400])
            raise
        # Otherwise the test looks at nothing.
        assert 0 < model.errors < _STEPS / 3
        assert all(model.ids[e] for e in ("trajectory", "scope", "artifact",
                                          "note", "turn"))


@pytest.mark.parametrize("seed", _SEEDS)
def test_the_direct_way(server, seed):
    for entity in ENTITIES:
        for command in ("select", "insert", "update", "delete"):
            assert server.value("SELECT caliber_obstacle(%s, %s)",
                                [entity, command], user="app") is None
    _run(server, seed, "app")


@pytest.mark.parametrize("seed", _SEEDS)
def test_the_way_through_sql(server, seed):
    """Row-level security that hides nothing sends everything there."""
    for entity in ENTITIES:
        server.execute(f"ALTER TABLE caliber.caliber_{entity} "
                       "ENABLE ROW LEVEL SECURITY")
        server.execute(f"CREATE POLICY everything ON caliber.caliber_{entity} "
                       "USING (true) WITH CHECK (true)")
    try:
        for command in ("select", "insert", "update", "delete"):
            assert server.value("SELECT caliber_obstacle('turn', %s)",
                                [command], user="app") == "row-level security"
        _run(server, 1000 + seed, "app")
    finally:
        for entity in ENTITIES:
            server.execute(f"DROP POLICY everything ON "
                           f"caliber.caliber_{entity}")
            server.execute(f"ALTER TABLE caliber.caliber_{entity} "
                           "DISABLE ROW LEVEL SECURITY")
