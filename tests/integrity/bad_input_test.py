"""Bad input: a clear error with SQLSTATE, and nothing half-done."""

import re

import psycopg
import pytest

CASES = [
    # statement, SQLSTATE, part of the message
    ("SELECT ruvector_integrity_status('nope')", "42704", '"nope" does not'),
    ("SELECT ruvector_integrity_gate('nope', 'insert')", "42704", "nope"),
    ("SELECT ruvector_integrity_gate('docs', 'dance')", "22023", "dance"),
    ("SELECT ruvector_integrity_gate(NULL, 'insert')", "22004",
     '"p_collection_name" must not be null'),
    ("SELECT ruvector_integrity_gate('docs', NULL)", "22004", "p_operation"),
    ("SELECT ruvector_integrity_sample('nope')", "42704", "nope"),
    ("SELECT ruvector_register_collection('', 'docs', 'embedding')", "42602",
     "1 to 255"),
    ("SELECT ruvector_register_collection(NULL, 'docs', 'embedding')", "22004",
     "name"),
    ("SELECT ruvector_register_collection('docs', 'docs', 'embedding')",
     "42710", "already exists"),
    ("SELECT ruvector_register_collection('again', 'docs', 'embedding')",
     "42710", "already enrolled"),
    ("SELECT ruvector_register_collection('x', 'docs', 'id')", "42804",
     "not a vector column"),
    ("SELECT ruvector_register_collection('x', 'docs', 'missing')", "42703",
     "missing"),
    ("SELECT ruvector_register_collection('x', 'a_view', 'embedding')",
     "42809", "not a table"),
    ("SELECT ruvector_register_collection('x', 'spare', 'embedding', "
     "dimensions => 5)", "42804", "4 dimensions, not 5"),
    ("SELECT ruvector_register_collection('x', 'spare', 'embedding', "
     "dimensions => 0)", "22023", "between 1 and 1000000000"),
    ("SELECT ruvector_register_collection('x', 'spare', 'embedding', "
     "mode => 'loud')", "22023", "mode"),
    ("SELECT ruvector_register_collection('x', 'spare', 'embedding', "
     "metric => 'nan')", "22023", 'invalid metric "nan"'),
    ("SELECT ruvector_register_collection('x', 'spare', 'embedding', "
     "config => '[]')", "22023", '"config" must be a JSON object'),
    ("SELECT ruvector_register_collection('x', 'mother', 'embedding')",
     "0A000", "other tables inherit"),
    ("SELECT ruvector.set_managed('docs', 0)", "22023", "1 and 1000"),
    ("SELECT ruvector_integrity_policy_set('docs', 'p', "
     "'{\"treshold_high\": 0.9}')", "22023", "treshold_high"),
    ("SELECT ruvector_integrity_policy_set('docs', 'p', "
     "'{\"threshold_high\": 0.2, \"threshold_low\": 0.3}')", "22023",
     "threshold_low"),
    ("SELECT ruvector_integrity_policy_set('docs', 'p', "
     "'{\"threshold_high\": \"high\"}')", "22023", "threshold_high"),
    ("SELECT ruvector_integrity_policy_set('docs', 'p', "
     "'{\"stress_actions\": {\"throttle_inserts_pct\": 101}}')", "22023",
     "stress_actions.throttle_inserts_pct"),
    ("SELECT ruvector_integrity_policy_set('docs', 'p', '[]')", "22023",
     "object"),
    ("SELECT ruvector_integrity_policy_enable('docs', 'nope')", "42704",
     "nope"),
    ("SELECT ruvector_integrity_override('docs', 'fine', 'why', 1)", "22023",
     "fine"),
    ("SELECT ruvector_integrity_override('docs', 'normal', '', 1)", "22023",
     "reason"),
    ("SELECT ruvector_integrity_override('docs', 'normal', repeat('r', 1001), "
     "1)", "22023", '"p_reason" has 1001 bytes'),
    ("SELECT ruvector_revoke_signing_key(repeat('0', 64), repeat('ü', 501))",
     "22023", '"p_reason" has 1002 bytes'),
    ("SELECT ruvector_integrity_override('docs', 'normal', 'why', 0)", "22023",
     "duration_secs"),
    ("SELECT ruvector_integrity_history(NULL)", "22004", "p_collection_name"),
    ("SELECT ruvector_integrity_history('nope')", "42704", "nope"),
    ("SELECT ruvector_integrity_history('docs', 'bogus')", "22023", "bogus"),
    ("SELECT ruvector_integrity_history('docs', p_since => NULL)", "22004",
     "p_since"),
    ("SELECT ruvector_audit_inclusion_proof(1000000)", "22023", "1000000"),
    ("SELECT ruvector_audit_consistency_proof(0)", "22023", "no proof of 0"),
    ("SELECT * FROM ruvector_verify_chain('nope')", "42704", "nope"),
    ("SELECT ruvector_revoke_signing_key('nope', 'why')", "42704", "nope"),
    ("SELECT ruvector_audit_prune('infinity')", "22023", "past"),
    ("DELETE FROM ruvector.integrity_events", "42501", "append-only"),
    ("UPDATE ruvector.integrity_events SET metadata = '{}'", "42501",
     "append-only"),
    ("TRUNCATE ruvector.integrity_events", "42501", "append-only"),
    ("INSERT INTO ruvector.contracted_edges (collection_id, source_type, "
     "source_id, target_type, target_id, edge_type, capacity) SELECT "
     "collection_id, source_type, source_id, target_type, target_id, "
     "'partition_link', -1 FROM ruvector.contracted_edges LIMIT 1", "23514",
     "capacity"),
]

HINTS = [
    # statement, beginning of the HINT
    ("SELECT ruvector_integrity_policy_set('docs', 'p', "
     "'{\"threshold_high\": \"high\"}')", "ruvector_integrity_policy_get() "),
    ("SELECT ruvector_integrity_policy_set('docs', 'p', "
     "'{\"stress_actions\": {\"throttle_inserts_pct\": 101}}')",
     "ruvector_integrity_policy_get() shows every key"),
    ("SELECT ruvector_register_collection('docs', 'docs', 'embedding')",
     "Choose another name, or "),
    ("SELECT ruvector_register_collection('x', 'docs', 'embedding')",
     "A column can be in one collection"),
    ("SELECT ruvector_register_collection('x', 'docs', 'missing')",
     "Name its column of a pgvector type"),
    ("SELECT ruvector_integrity_override('docs', 'stress', 'why', 0)",
     "An override can be renewed"),
    ("BEGIN READ ONLY; SELECT ruvector_integrity_policy_drop('docs', 'p')",
     "Run it in a transaction that may write"),
    ("SELECT ruvector_integrity_gate('docs', 'dance')",
     "Known are search (read), insert (point_insert), "),
    ("SELECT ruvector_integrity_policy_set('docs', 'p', "
     "'{\"treshold_high\": 0.9}')", "Known keys are description, priority, "),
    ("SELECT ruvector_integrity_policy_set('docs', 'p', "
     "'{\"critical_actions\": {\"allow_deletes\": false}}')",
     'Known keys in "critical_actions" are allow_reads, '),
    ("SELECT ruvector_integrity_policy_set('docs', 'p', "
     "'{\"threshold_high\": 0.2}')",
     "A key that is not given keeps its value: set threshold_low and "),
    ("SELECT ruvector_integrity_policy_set('docs', 'p', '{\"health\": "
     "{\"recent_seconds\": 1}}')", 'Known keys in "health" are '),
    ("SELECT ruvector_healing_configure('{\"breaker\": {\"x\": 1}}')",
     'Known keys in "breaker" are ineffective_attempts, close_after_seconds'),
    ("SELECT ruvector_register_collection('x', 'spare', 'embedding', "
     "dimensions => 5)", 'Leave "dimensions" out to take those of the '),
    ("SELECT ruvector_create_collection('x', 0)", "Give the length of the "),
    ("SELECT ruvector_integrity_status(NULL)",
     "SELECT * FROM ruvector_list_collections()"),
]

# Of any type that our functions take: what passes for a value.
VALUES = {"text": "'docs'", "name": "'embedding'", "jsonb": "'{}'",
          "regclass": "'docs'", "integer": "1", "bigint": "1",
          "double precision": "0.5", "boolean": "true",
          "timestamp with time zone": "now()", "real": "0.5",
          "real[]": "'{1}'::real[]", "integer[]": "'{1}'::integer[]",
          "double precision[]": "'{1}'::double precision[]",
          "boolean[]": "'{t}'::boolean[]", "text[]": "'{docs}'::text[]",
          "vector": "'[1]'::vector", "vector[]": "'{[1]}'::vector[]",
          "uuid": "gen_random_uuid()", "uuid[]": "'{}'"}
# By the argument's name, to come past the first checks.
BETTER_VALUES = {"metric": "'l2'", "p_metric": "'l2'", "mode": "'off'",
                 "p_mode": "'off'", "p_new_state": "'stress'",
                 "p_operation": "'insert'", "p_name": "'fresh'",
                 "strategy": "'throttle_ingestion'"}


@pytest.fixture(scope="module")
def server(enrolled):
    enrolled.execute("CREATE TABLE spare (embedding vector(4))")
    enrolled.execute("CREATE TABLE mother (embedding vector(4))")
    enrolled.execute("CREATE TABLE child () INHERITS (mother)")
    enrolled.execute("CREATE VIEW a_view AS SELECT * FROM docs")
    enrolled.wait_for("SELECT unsealed = 0 FROM ruvector_verify_chain()")
    return enrolled


@pytest.mark.parametrize("statement,sqlstate,part", CASES)
def test_bad_input_is_an_error(server, statement, sqlstate, part):
    before = server.execute("SELECT count(*) FROM ruvector.collections UNION "
                            "ALL SELECT count(*) FROM "
                            "ruvector.integrity_policies")
    with pytest.raises(psycopg.Error) as error:
        server.execute(statement)
    assert error.value.diag.sqlstate == sqlstate
    assert part in error.value.diag.message_primary
    assert before == server.execute(
        "SELECT count(*) FROM ruvector.collections UNION ALL "
        "SELECT count(*) FROM ruvector.integrity_policies")


@pytest.mark.parametrize("statement,beginning", HINTS)
def test_bad_input_gets_a_hint(server, statement, beginning):
    with pytest.raises(psycopg.Error) as error:
        server.execute(statement)
    assert (error.value.diag.message_hint or "").startswith(beginning)
    assert "expected one of" not in error.value.diag.message_primary


def functions(server):
    """(name, [(argument, type)]) of all that can be called."""
    rows = server.execute("""
        SELECT p.oid::regproc::text, p.proargnames[1:p.pronargs],
               array(SELECT format_type(t, NULL) FROM unnest(p.proargtypes)
                     WITH ORDINALITY u (t, n) ORDER BY n)
          FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid
               AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
          JOIN pg_extension e ON e.oid = d.refobjid
         WHERE e.extname = 'ruvector' AND p.prokind = 'f' AND p.pronargs > 0
           AND p.prorettype NOT IN ('trigger'::regtype,
                                    'event_trigger'::regtype)
         ORDER BY 1""")
    return [(name, list(zip(arguments, types)))
            for name, arguments, types in rows]


def call(name, arguments, values):
    """The call by name; values[argument], or what passes for its type."""
    return f"SELECT {name}(" + ", ".join(
        f'"{argument}" => ' + values.get(
            argument, VALUES.get(kind, f"NULL::{kind}"))
        for argument, kind in arguments) + ")"


def failure(server, statement, characteristics="READ WRITE"):
    """Its error, None without one; what it did is rolled back."""
    with server.connect(autocommit=False) as session:
        session.execute(f"SET TRANSACTION {characteristics}")
        session.execute("SET LOCAL statement_timeout = '20s'")
        try:
            session.execute(statement)
        except psycopg.Error as error:
            return error.diag
        finally:
            session.rollback()
    return None


def test_a_null_argument_is_named_as_it_was_declared(server):
    named = 0
    for name, arguments in functions(server):
        for argument, _ in arguments:
            error = failure(server, call(name, arguments,
                                         {argument: "NULL"}))
            if error is None or error.sqlstate != "22004":
                continue
            assert (error.message_primary ==
                    f'argument "{argument}" must not be null'), name
            named += 1
    assert named > 40


def test_no_inner_statement_speaks_in_a_read_only_transaction(server):
    refused = set()
    for name, arguments in functions(server):
        if name == "ruvector.require_writable":
            continue  # its argument is the name
        error = failure(server, call(name, arguments, BETTER_VALUES),
                        "READ ONLY")
        if error is None or error.sqlstate != "25006":
            continue
        assert re.fullmatch(r"cannot execute ((ruvector|caliber)[._][a-z_]+)"
                            r"\(\) in a read-only transaction",
                            error.message_primary), (name, error.message_primary)
        refused.add(name)
    assert {"ruvector_create_collection", "ruvector_register_collection",
            "ruvector_collection_set_recall_target"} <= refused


def test_an_event_that_does_not_exist_is_null(server):
    for event in ("NULL", "-1", "123456789"):
        assert server.value("SELECT ruvector_verify_event_signature("
                            f"{event}) IS NULL") is True


@pytest.mark.parametrize("call", [
    "ruvector_unregister_collection('docs')",
    "ruvector_revoke_signing_key('no such key', 'why')",
    "ruvector_routing_weight_set('docs', 0, 1)",
    "ruvector_forget_replica('nobody')",
    "ruvector_create_collection('fresh', 3)",
    "ruvector_collection_set_recall_target('docs', 0.9)",
])
def test_a_read_only_transaction_says_so(server, call):
    with server.connect(autocommit=False) as session:
        session.execute("SET TRANSACTION READ ONLY")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as error:
            session.execute(f"SELECT {call}")
    assert error.value.diag.message_primary == (
        f"cannot execute {call.split('(')[0]}() in a read-only transaction")


def test_a_rolled_back_enrolment_leaves_nothing(server):
    with server.connect(autocommit=False) as session:
        session.execute("SELECT ruvector_register_collection('spare', 'spare',"
                        " 'embedding')")
        session.rollback()
    assert server.value("SELECT count(*) FROM ruvector.collections") == 1
    assert server.value("SELECT count(*) FROM ruvector.audit_outbox") == 0


def test_privileges(server):
    server.execute("CREATE ROLE stranger LOGIN")
    server.execute("CREATE ROLE watcher LOGIN IN ROLE ruvector_reader")
    server.execute("CREATE ROLE worker LOGIN IN ROLE ruvector_operator")
    for statement in ("SELECT ruvector_integrity_status('docs')",
                      "SELECT * FROM ruvector.integrity",
                      "SELECT ruvector_audit_prune(now())"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.execute(statement, user="stranger")
    assert server.value("SELECT ruvector_integrity_status('docs') ->> 'state'",
                        user="watcher") == "normal"
    assert server.value("SELECT ok FROM ruvector_verify_chain()",
                        user="watcher") is True
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        server.execute("SELECT ruvector_integrity_policy_set('docs', 'p', "
                       "'{}')", user="watcher")
    # An operator enrols tables of its own, not others'.
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        server.execute("SELECT ruvector_register_collection('s', 'spare', "
                       "'embedding')", user="worker")
    server.execute("ALTER TABLE spare OWNER TO worker")
    server.execute("SELECT ruvector_register_collection('s', 'spare', "
                   "'embedding')", user="worker")
    assert server.value("SELECT ruvector_unregister_collection('s')",
                        user="worker") is True
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        server.execute("SELECT ruvector_rotate_signing_key()", user="worker")


def test_names_are_followed(server):
    server.execute('CREATE SCHEMA "odd one"')
    server.execute('CREATE TABLE "odd one"."my ""table" ("The Vec" vector(3))')
    server.execute("""SELECT ruvector_register_collection('odd',
        '"odd one"."my ""table"', 'The Vec')""")
    server.execute("SELECT ruvector_integrity_sample('odd')")
    server.execute('ALTER TABLE "odd one"."my ""table" RENAME TO plain')
    server.execute('ALTER TABLE "odd one".plain RENAME COLUMN "The Vec" TO v')
    row = server.execute("SELECT table_schema, table_name, column_name FROM "
                         "ruvector_list_collections() WHERE name = 'odd'")
    assert row == [("odd one", "plain", "v")]
    server.execute("SELECT ruvector_integrity_sample('odd')")
    server.execute('DROP SCHEMA "odd one" CASCADE')
    assert server.value("SELECT count(*) FROM ruvector_list_collections() "
                        "WHERE name = 'odd'") == 0
    server.wait_for("SELECT count(*) = 1 FROM ruvector.integrity_events WHERE "
                    "collection_name = 'odd' AND metadata ->> 'action' = "
                    "'unregister'")


def test_a_changed_column_type_is_followed(server):
    server.execute("CREATE TABLE changing (v vector(3))")
    server.execute("SELECT ruvector_register_collection('changing', "
                   "'changing', 'v')")
    server.execute("CREATE INDEX changing_v ON changing USING ivfflat "
                   "(v vector_l2_ops) WITH (lists = 2)")
    server.execute("SELECT ruvector_integrity_sample('changing')")
    assert server.value("SELECT count(*) FROM ruvector.index_baselines "
                        "WHERE index_oid = 'changing_v'::regclass") > 0
    server.execute("DROP INDEX changing_v")
    server.execute("ALTER TABLE changing ALTER v TYPE vector(5)")
    assert server.value("SELECT dimensions FROM ruvector_list_collections() "
                        "WHERE name = 'changing'") == 5
    status = server.value("SELECT ruvector_integrity_sample('changing')")
    assert status["stale"] is False
    assert server.value("SELECT count(*) FROM ruvector.index_baselines "
                        "WHERE index_oid NOT IN (SELECT oid FROM pg_class)"
                        ) == 0
    server.execute("ALTER TABLE changing ALTER v TYPE text")
    status = server.value("SELECT ruvector_integrity_sample('changing')")
    assert status["stale"] is True
    assert any("its type is text" in one for one in status["sample_failures"])
    server.execute("DROP TABLE changing")


def test_a_full_slot_array_says_what_to_do(new_cluster):
    small = new_cluster("small", **{"ruvector.max_collections": "1"})
    small.execute("CREATE TABLE a (v vector(2))")
    small.execute("CREATE TABLE b (v vector(2))")
    small.execute("SELECT ruvector_register_collection('a', 'a', 'v')")
    small.execute("SELECT ruvector_integrity_sample('a')")
    with pytest.raises(psycopg.Error) as error:
        small.execute("SELECT ruvector_register_collection('b', 'b', 'v')")
    assert error.value.diag.sqlstate == "53400"
    assert "ruvector.max_collections" in error.value.diag.message_hint


def _refused(server, statement, **connect):
    with server.connect(**connect) as session:
        with pytest.raises(psycopg.Error) as error:
            session.execute(statement)
    return error.value.diag


def test_a_collection_without_a_slot_is_enforced_by_the_tables(new_cluster):
    """More enrolled ones than slots: a setting was lowered, a dump restored."""
    server = new_cluster("fewer")
    for name in ("a", "b"):
        server.execute(f"CREATE TABLE {name} (v vector(2))")
        server.execute(f"SELECT ruvector_register_collection('{name}', "
                       f"'{name}', 'v')")
    server.execute("SELECT ruvector_integrity_sample('b')")
    for name in ("a", "b"):
        server.execute("SELECT ruvector_integrity_policy_set($1, 'strict', "
                       "'{\"critical_actions\": {\"allow_reads\": false}}')"
                       .replace("$1", f"'{name}'"))
        server.execute(f"SELECT ruvector_integrity_override('{name}', "
                       "'critical', 'test', 600)")
    mark = server.log_mark()
    server.configure(**{"ruvector.max_collections": "1"})
    server.restart()
    server.wait_for("SELECT note LIKE '1 of 2 collections have no gate slot%' "
                    "FROM ruvector.workers WHERE database = "
                    "current_database()")
    assert "Raise ruvector.max_collections" in server.log(mark)
    for name in ("a", "b"):
        for statement in (f"COPY {name} FROM PROGRAM 'echo [1,2]'",
                          f"SELECT FROM {name} ORDER BY v <-> '[1,2]'"):
            assert _refused(server, statement).sqlstate == "53RV1", statement
    assert ("Raise ruvector.max_collections" in
            _refused(server, "INSERT INTO b VALUES ('[1,2]')").message_hint)
    server.execute("SELECT ruvector_unregister_collection('a')")
    server.wait_for("SELECT note IS NULL FROM ruvector.workers WHERE database "
                    "= current_database()")
    assert ("published" not in
            _refused(server, "INSERT INTO b VALUES ('[1,2]')").message_detail)


def test_a_search_is_refused_by_the_tables_until_the_worker_speaks(new_cluster):
    server = new_cluster("mute")
    server.execute("CREATE TABLE a (v vector(2), w vector(2))")
    server.execute("SELECT ruvector_register_collection('a', 'a', 'v')")
    server.execute("SELECT ruvector_integrity_sample('a')")
    server.execute("SELECT ruvector_integrity_policy_set('a', 'strict', "
                   "'{\"critical_actions\": {\"allow_reads\": false}}')")
    server.execute("SELECT ruvector_integrity_override('a', 'critical', "
                   "'test', 600)")
    server.wait_for("SELECT state = 'critical' FROM ruvector.integrity_state")
    server.configure(max_worker_processes="0")  # no worker will come
    server.restart()
    diag = _refused(server, "SELECT FROM a ORDER BY v <-> '[1,2]'")
    assert diag.sqlstate == "53RV1"
    assert "as it was stored" in diag.message_detail
    server.execute("SELECT FROM a ORDER BY w <-> '[1,2]'")


def test_a_vector_of_many_dimensions_can_be_enrolled(server):
    server.execute("CREATE TABLE sparse (v sparsevec(30522))")
    server.execute("SELECT ruvector_register_collection('sparse', 'sparse', "
                   "'v')")
    dimensions = ("SELECT dimensions FROM ruvector_list_collections() "
                  "WHERE name = 'sparse'")
    assert server.value(dimensions) == 30522
    server.execute("ALTER TABLE sparse ALTER v TYPE sparsevec(1000000000)")
    assert server.value(dimensions) == 1000000000
    server.execute("DROP TABLE sparse")


def test_the_schema_of_the_extension_may_be_renamed(new_cluster):
    server = new_cluster("renamed", extension=False)
    server.psql(script="""
        CREATE SCHEMA "My Ext";
        CREATE EXTENSION vector;
        CREATE EXTENSION ruvector SCHEMA "My Ext";
        ALTER SCHEMA "My Ext" RENAME TO ext2;
        SELECT ext2.ruvector_create_collection('made', 4, 2);
        INSERT INTO made (embedding) VALUES ('[1,2,3,4]');""")
    server.wait_for("SELECT status = 'served' FROM ruvector.workers WHERE "
                    "database = current_database()")
    assert server.value("SELECT ext2.ruvector_integrity_sample('made') ->> "
                        "'collection'") == "made"
    server.wait_for("SELECT bool_and(is_verified) FROM "
                    "ext2.ruvector_integrity_history('made')")


@pytest.mark.parametrize("command", [
    "DROP DATABASE {database}",
    "CREATE DATABASE copied TEMPLATE {database}",
    "ALTER DATABASE {database} RENAME TO other",
    "ALTER DATABASE {database} SET TABLESPACE pg_default",
])
def test_who_may_not_take_a_database_moves_no_worker(server, command):
    """Nobody keeps the workers away by a command that is refused."""
    server.execute("CREATE ROLE onlooker LOGIN")
    name = server.value("SELECT current_database()")
    worker = ("SELECT worker_pid FROM ruvector.workers WHERE database = "
              "current_database()")
    server.wait_for(worker.replace("worker_pid", "worker_pid IS NOT NULL"))
    before = server.value(worker)
    diag = _refused(server, command.format(database=name), user="onlooker",
                    dbname="template1")
    assert diag.sqlstate == "42501"
    diag = _refused(server, "BEGIN; DROP DATABASE " + name, dbname="template1")
    assert diag.sqlstate == "25001"
    assert server.value(worker) == before
    server.execute("DROP ROLE onlooker")


def test_without_preloading_the_functions_work(new_cluster):
    plain = new_cluster("plain", shared_preload_libraries=None)
    plain.execute("CREATE TABLE a (v vector(2))")
    with plain.connect() as session:
        told = []
        session.add_notice_handler(
            lambda notice: told.append((notice.severity,
                                        notice.message_primary)))
        session.execute("SELECT ruvector_register_collection('a', 'a', 'v')")
    assert told == [("WARNING", "the collection is enrolled, but nothing "
                                "watches or gates it")]
    answer = plain.value("SELECT ruvector_integrity_gate('a', 'insert')")
    assert answer["allowed"] is True
    with pytest.raises(psycopg.Error) as error:
        plain.execute("SELECT ruvector_integrity_sample('a')")
    assert error.value.diag.sqlstate == "55000"
    assert "shared_preload_libraries" in error.value.diag.message_hint


def test_a_database_of_another_encoding_is_refused(server):
    server.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' "
                   "TEMPLATE template0")
    with server.connect("latin") as session:
        with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
            session.execute("CREATE EXTENSION ruvector CASCADE")
        assert "LATIN1" in refused.value.diag.message_primary
        assert "UTF8" in refused.value.diag.message_hint
        assert session.execute("SELECT count(*) FROM pg_extension WHERE "
                               "extname IN ('ruvector', 'vector')"
                               ).fetchone() == (0,)
