"""Managed collections: made, enrolled, and rows drawn by weight."""

import psycopg
import pytest


def test_rows_follow_the_weights(cluster):
    cluster.execute("SELECT ruvector_create_collection('memories', 3, 4)")
    cluster.execute("UPDATE ruvector.routing_weights SET weight = "
                    "CASE routing_key WHEN 0 THEN 0 WHEN 1 THEN 3 ELSE 1 END "
                    "WHERE collection_id = (SELECT id FROM "
                    "ruvector.collections WHERE name = 'memories')")
    cluster.execute("INSERT INTO memories (embedding) SELECT '[1,2,3]' "
                    "FROM generate_series(1, 4000)")
    counts = dict(cluster.execute("SELECT routing_key, count(*) FROM memories "
                                  "GROUP BY 1"))
    assert 0 not in counts
    # Binomial with p = 3/5, 1/5, 1/5: six standard deviations.
    assert abs(counts[1] - 2400) < 6 * 31
    assert abs(counts[2] - 800) < 6 * 26
    assert abs(counts[3] - 800) < 6 * 26
    cluster.execute("SELECT ruvector_integrity_sample('memories')")
    assert cluster.value("SELECT count(*) FROM ruvector.contracted_graph "
                         "WHERE node_type = 'partition'") == 4
    assert cluster.value("SELECT managed FROM ruvector_list_collections() "
                         "WHERE name = 'memories'") is True


def test_anyone_who_may_insert_may_route(cluster):
    cluster.execute("CREATE ROLE writer LOGIN")
    cluster.execute("GRANT INSERT ON memories TO writer")
    cluster.execute("INSERT INTO memories (embedding) VALUES ('[1,2,3]')",
                    user="writer")


@pytest.mark.parametrize("call,sqlstate", [
    ("('bad name', 3)", "42602"), ("(NULL, 3)", "42602"), ("('x', 0)", "22023"),
    ("('x', NULL)", "22023"), ("('x', 3, 0)", "22023"),
    ("('memories', 3)", "42P07"),
])
def test_bad_input(cluster, call, sqlstate):
    with pytest.raises(psycopg.Error) as error:
        cluster.execute(f"SELECT ruvector_create_collection{call}")
    assert error.value.diag.sqlstate == sqlstate


def test_the_weights_are_the_table_owners(cluster):
    """Not those of a superuser who has put on another role."""
    cluster.execute("CREATE ROLE passer_by")
    with cluster.connect() as session:
        session.execute("SET ROLE passer_by")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT ruvector.set_managed('memories', 2)")


def test_dropping_the_table_leaves_nothing(cluster):
    cluster.execute("DROP TABLE memories")
    assert cluster.value("SELECT count(*) FROM ruvector.routing_weights") == 0
    assert cluster.value("SELECT count(*) FROM ruvector.collections") == 0


def test_the_weights_follow_the_table_not_the_name(cluster):
    cluster.execute("SELECT ruvector_create_collection('mine', 2, 3)")
    cluster.execute("SELECT ruvector_unregister_collection('mine')")
    cluster.execute("INSERT INTO mine (embedding) VALUES ('[1,2]')")
    cluster.execute("CREATE SCHEMA elsewhere")
    cluster.execute("SELECT ruvector_create_collection('mine', 2, 9, "
                    "p_schema => 'elsewhere')")
    cluster.execute("INSERT INTO public.mine (embedding) SELECT '[1,2]' "
                    "FROM generate_series(1, 100)")
    cluster.execute("DROP SCHEMA elsewhere CASCADE")
    cluster.execute("INSERT INTO mine (embedding) VALUES ('[1,2]')")
    assert cluster.value("SELECT count(*) FROM mine") == 102
    cluster.execute("DROP TABLE mine")


def test_a_graph_that_is_too_big_says_what_it_merged(new_cluster):
    server = new_cluster("many", **{"ruvector.max_graph_nodes": "16"})
    server.execute("SELECT ruvector_create_collection('wide', 2, 60)")
    server.execute("INSERT INTO wide (embedding) SELECT '[1,2]' "
                   "FROM generate_series(1, 600)")
    built = server.value("SELECT ruvector_rebuild_contracted_graph('wide')")
    assert built["node_count"] <= 16 < built["original_nodes"]
    assert built["merged_nodes"] > 0
    assert sum(m["members"] for m in built["merges"]) == built["merged_nodes"]
    assert server.value("SELECT count(*) FROM ruvector.contracted_graph"
                        ) == built["node_count"]
