"""Managed collections: made, enrolled, and rows drawn by weight."""

import psycopg
import pytest


def test_rows_follow_the_weights(cluster):
    cluster.execute("SELECT ruvector_create_collection('memories', 3, 4)")
    cluster.execute("CREATE ROLE steersman LOGIN IN ROLE ruvector_operator")
    for key, weight in ((0, 0), (1, 3)):
        assert cluster.execute("SELECT ruvector_routing_weight_set('memories', "
                               "%s, %s)", (key, weight), user="steersman"
                               ) == [(1,)]
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
    ("'memories', 4, 1", "22023"), ("'memories', 0, -1", "22023"),
    ("'memories', 0, 'NaN'", "22023"), ("'memories', 0, 'Infinity'", "22023"),
    ("'memories', NULL, 1", "22004"), ("'memories', 0, NULL", "22004"),
    ("'nowhere', 0, 1", "42704"),
])
def test_bad_weights(cluster, call, sqlstate):
    with pytest.raises(psycopg.Error) as error:
        cluster.execute(f"SELECT ruvector_routing_weight_set({call})")
    assert error.value.diag.sqlstate == sqlstate


def test_some_partition_takes_the_rows(cluster):
    with cluster.connect(autocommit=False) as session:
        for key in (0, 1, 2):
            session.execute("SELECT ruvector_routing_weight_set('memories', %s,"
                            " 0)", (key,))
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            session.execute("SELECT ruvector_routing_weight_set('memories', 3,"
                            " 0)")


@pytest.mark.parametrize("call,sqlstate", [
    ("('bad name', 3)", "42602"), ("(NULL, 3)", "22004"), ("('x', 0)", "22023"),
    ("('x', NULL)", "22004"), ("('x', 3, 0)", "22023"),
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


def test_a_definer_is_the_one_who_asks(cluster):
    """Whose function it is counts, not who calls it: neither a superuser who
    fires an operator's trigger nor a stranger who uses an operator's tool."""
    cluster.execute("CREATE ROLE op LOGIN IN ROLE ruvector_operator")
    cluster.execute("GRANT CREATE ON SCHEMA public TO op")
    cluster.execute("GRANT USAGE ON SCHEMA ruvector TO op")
    cluster.execute("CREATE FUNCTION grab() RETURNS void LANGUAGE sql SECURITY "
                    "DEFINER AS $$SELECT ruvector.set_managed('memories', 1)$$",
                    user="op")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        cluster.execute("SELECT grab()")
    cluster.execute("CREATE FUNCTION make() RETURNS int LANGUAGE sql SECURITY "
                    "DEFINER AS $$SELECT "
                    "ruvector_create_collection('through', 3, 2)$$", user="op")
    cluster.execute("CREATE ROLE stranger LOGIN")
    cluster.execute("SELECT make()", user="stranger")
    assert cluster.value("SELECT tableowner FROM pg_tables WHERE tablename = "
                         "'through'") == "op"
    cluster.execute("DROP TABLE through")


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
