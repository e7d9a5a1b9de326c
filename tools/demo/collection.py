"""The data of the demonstration, and their enrolment."""

import json
import subprocess

from demo.story import say, step, table

NAME = "documents"
TENANTS = 8
ROWS = 200_000
DIMENSIONS = 32
CLUSTERS = 12  # around as many centres; one IVFFlat list each, per tenant

# Everything happens within seconds here. In production these are minutes: see
# docs/reference for the defaults.
POLICY = {
    "mode": "enforce",
    "sample_interval_secs": 1,
    "hysteresis": {
        "degrade_samples": 3,
        "critical_samples": 2,
        "restore_hold_seconds": 4,
        "cooldown_after_transition_seconds": 2,
    },
}

_TABLES = f"""
CREATE TABLE documents (
    id bigint GENERATED ALWAYS AS IDENTITY,
    tenant int NOT NULL,
    embedding vector({DIMENSIONS}) NOT NULL
) PARTITION BY LIST (tenant);
CREATE UNLOGGED TABLE centres AS
    SELECT c AS cluster, d AS dimension, random() AS at
    FROM generate_series(1, {CLUSTERS}) c, generate_series(1, {DIMENSIONS}) d;
"""

# Rows around the centres: uniform noise, plus a push away from each centre for
# those that the index was not built for.
_VECTORS = """
    SELECT n / %(clusters)s %% %(tenants)s AS tenant,
           array_agg(at + (random() - 0.5) * 0.3
                     + %(push)s * CASE WHEN (dimension + cluster) %% 3 = 0
                                       THEN 1 ELSE 0 END
                     ORDER BY dimension)::real[]::vector AS embedding
    FROM generate_series(1, %(rows)s) n
    JOIN centres ON cluster = 1 + n %% %(clusters)s
    GROUP BY n
"""


def parameters(rows, push=0.0):
    return {"tenants": TENANTS, "rows": rows, "push": push,
            "clusters": CLUSTERS}


def create(session):
    """The partitioned table, its rows and its index."""
    session.execute("SELECT setseed(0.42)")
    session.execute(_TABLES)
    for tenant in range(TENANTS):
        session.execute(f"CREATE TABLE documents_{tenant} PARTITION OF "
                        f"documents FOR VALUES IN ({tenant})")
    with step(f"inserting {ROWS:,} vectors of {DIMENSIONS} dimensions in "
              f"{CLUSTERS} clusters, {TENANTS} partitions"):
        session.execute("INSERT INTO documents (tenant, embedding)" + _VECTORS,
                        parameters(ROWS))
    with step(f"building an IVFFlat index with {CLUSTERS} lists a partition"):
        session.execute("CREATE INDEX documents_embedding ON documents USING "
                        "ivfflat (embedding vector_l2_ops) "
                        f"WITH (lists = {CLUSTERS})")
        session.execute("ANALYZE documents")


def insert_strangers(session, rows):
    """Vectors that the lists of the index were not built for."""
    session.execute("INSERT INTO documents (tenant, embedding)" + _VECTORS,
                    parameters(rows, push=0.6))


def enrol(session):
    """Registers the collection and sets a policy with short intervals."""
    session.execute(
        "SELECT ruvector_register_collection(%s, 'documents'::regclass, "
        "'embedding')", [NAME])
    session.execute("SELECT ruvector_integrity_policy_set(%s, 'quickstart', "
                    "%s::jsonb)", [NAME, json.dumps(POLICY)])
    say("   policy 'quickstart' sets short intervals so that this takes "
        "minutes, not hours:")
    hysteresis = POLICY["hysteresis"]
    say(f"   a sample every {POLICY['sample_interval_secs']} s, stress after "
        f"{hysteresis['degrade_samples']} samples, restored after "
        f"{hysteresis['restore_hold_seconds']} s, cooldown "
        f"{hysteresis['cooldown_after_transition_seconds']} s")


def show_graph(session):
    """What was sensed: kinds of nodes, how many, how healthy."""
    table(("node type", "nodes", "lowest health", "an example"),
          session.execute(
              "SELECT node_type, count(*), "
              "coalesce(min(health_score)::numeric(3,2)::text, 'unknown'), "
              "min(node_name) "
              "FROM ruvector.contracted_graph g "
              "JOIN ruvector.collections c ON c.id = g.collection_id "
              "WHERE c.name = %s GROUP BY 1 ORDER BY 2 DESC", [NAME]).fetchall())
    table(("edge type", "edges", "capacity", "in the minimum cut"),
          session.execute(
              "SELECT edge_type, count(*), sum(capacity)::numeric(10,2), "
              "count(*) FILTER (WHERE in_cut) "
              "FROM ruvector.contracted_edges e "
              "JOIN ruvector.collections c ON c.id = e.collection_id "
              "WHERE c.name = %s GROUP BY 1 ORDER BY 2 DESC", [NAME]).fetchall())


def draw_graph(server, session, name):
    """A picture of the graph as it is: health in colour, the cut dashed."""
    directory = server.base / "graphs"
    directory.mkdir(exist_ok=True)
    text = session.execute("SELECT ruvector_contracted_graph_dot(%s)",
                           [NAME]).fetchone()[0]
    (directory / f"{name}.dot").write_text(text)
    picture = directory / f"{name}.svg"
    with step("drawing the graph"):
        subprocess.run(["dot", "-Tsvg", "-o", picture], input=text, text=True,
                       check=True)
    say(f"   {picture}")
