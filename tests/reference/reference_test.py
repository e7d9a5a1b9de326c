"""docs/reference against a real server, both ways: all that exists is on the
pages, and all that is on the pages exists."""

import re

import psycopg
import pytest
from psycopg import errors

from harness.installation import workspace

_ROOT = workspace()
# Bazel links the files one by one; a link leads to the whole checkout.
_DOCS = (_ROOT / "docs/index.md").resolve().parent
_ADMISSION = _DOCS.parent / "pgext/integrity/admission.h"

_MEMBERS = """
    SELECT d.objid FROM pg_depend d
    JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'ruvector'
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
      AND d.classid = '{}'::regclass"""

_FUNCTIONS = f"""
    SELECT p.oid, CASE WHEN n.nspname IN ('ruvector', 'caliber')
                       THEN n.nspname || '.' ELSE '' END
           || p.proname,
           coalesce(p.proargmodes::text[], '{{}}'), coalesce(p.proargnames, '{{}}'),
           ARRAY(SELECT format_type(t, NULL) FROM
                 unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]))
                 WITH ORDINALITY u (t, i) ORDER BY i),
           pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
           ARRAY(SELECT a.grantee::regrole::text FROM aclexplode(p.proacl) a
                 WHERE a.grantee <> p.proowner AND a.grantee <> 0
                 ORDER BY 1),
           EXISTS (SELECT FROM aclexplode(coalesce(p.proacl,
                       acldefault('f', p.proowner))) a WHERE a.grantee = 0)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid IN ({_MEMBERS.format('pg_proc')})"""

_RELATIONS = f"""
    SELECT c.oid, c.oid::regclass::text, c.relkind::text FROM pg_class c
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND c.oid IN ({_MEMBERS.format('pg_class')})"""


def _page(name):
    return (_ROOT / "docs/reference" / name).read_text(encoding="utf-8")


def _sections(text, level="###"):
    """(heading, body) of each section of a level; no heading twice."""
    parts = re.split(rf"^{level} (.+)$", text, flags=re.M)
    headings = parts[1::2]
    assert len(headings) == len(set(headings)), "a heading occurs twice"
    return {heading: re.split(r"^#{2,3} ", body, flags=re.M)[0]
            for heading, body in zip(headings, parts[2::2])}


def _table(text):
    """Cells of the rows that begin with a code span, in order."""
    lines = re.findall(r"^\| (`.*) \|$", text, flags=re.M)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
            for line in lines]


def _short(type_name):
    return type_name.replace("timestamp with time zone", "timestamptz")


def _signature(name, modes, names, types):
    modes = modes or ["i"] * len(types)
    names = names or [""] * len(types)
    quoted = {"table": '"table"', "column": '"column"'}
    return name + "(" + ", ".join(
        f"{quoted.get(n, n)} {_short(t)}".strip()
        for m, n, t in zip(modes, names, types) if m in "iv") + ")"


def _result(result, modes, names, types):
    if result == "record":
        columns = ", ".join(f"{n} {t}" for m, n, t in zip(modes, names, types)
                            if m == "o")
        result = f"record({columns})"
    return _short(result)


def _defaults(arguments):
    """name -> default of each argument that has one, without casts."""
    found = re.findall(r'"?(\w+)"? [\w \[\]]+ DEFAULT (.+?)'
                       r'(?=, "?\w+"? [a-z]|$)', arguments)
    return {name: re.sub(r"::[a-z ]+(\[\])?", "", value)
            for name, value in found}


@pytest.fixture(scope="module")
def functions(cluster):
    found = {}
    for (oid, name, modes, names, types, arguments, result, roles,
         public) in cluster.execute(_FUNCTIONS):
        found[_signature(name, modes, names, types)] = {
            "oid": oid, "returns": _result(result, modes, names, types),
            "defaults": _defaults(arguments), "roles": roles,
            "public": public}
    return found


@pytest.fixture(scope="module")
def relations(cluster):
    return {name: (oid, kind)
            for oid, name, kind in cluster.execute(_RELATIONS)}


def _row(body, key):
    found = re.findall(rf"^\| {key} \| (.+) \|$", body, flags=re.M)
    assert len(found) <= 1
    return found[0] if found else None


def test_the_functions_are_those_of_the_extension(functions):
    assert len(functions) > 30
    assert set(_sections(_page("functions.md"))) == set(functions)


def test_results_roles_and_defaults_are_the_catalogs(functions):
    wrong = []
    for heading, body in _sections(_page("functions.md")).items():
        real = functions[heading]
        if _row(body, "returns") != f"`{real['returns']}`":
            wrong.append(f"{heading} returns {real['returns']}")
        roles = real["roles"] + ["PUBLIC"] * real["public"]
        if _row(body, "role") != (", ".join(roles) or "none"):
            wrong.append(f"{heading} is granted to {roles}")
        if dict(re.findall(r"`(\w+)` = `([^`]+)`",
                           _row(body, "defaults") or "")) != real["defaults"]:
            wrong.append(f"{heading} has defaults {real['defaults']}")
    assert wrong == []


# The default of a managed table's column: whoever may insert may route.
_FOR_EVERYONE = {"ruvector_route(p_collection_id integer)"}


def test_nothing_else_is_granted_to_public(cluster, functions):
    assert {name for name, f in functions.items()
            if f["public"]} == _FOR_EVERYONE
    assert cluster.execute(f"""
        SELECT c.oid::regclass FROM pg_class c, aclexplode(c.relacl) a
        WHERE a.grantee = 0 AND c.oid IN ({_MEMBERS.format('pg_class')})
    """) == []


def test_the_relations_are_those_of_the_extension(relations):
    text = _page("views-and-tables.md")
    kinds = _sections(text, "##")
    views = set(re.findall(r"^### (.+)$", text.split("## Tables")[0], re.M))
    assert set(kinds) >= {"Views", "Tables"}
    assert set(_sections(text)) == set(relations)
    assert views == {name for name, (_, kind) in relations.items()
                     if kind == "v"}


def test_the_columns_are_the_catalogs(cluster, relations):
    wrong = []
    for heading, body in _sections(_page("views-and-tables.md")).items():
        real = [[f"`{name}`", _short(kind)] for name, kind in cluster.execute(
            "SELECT attname, format_type(atttypid, atttypmod) "
            "FROM pg_attribute WHERE attrelid = %s AND attnum > 0 "
            "AND NOT attisdropped ORDER BY attnum", [relations[heading][0]])]
        rows = _table(body)
        if [row[:2] for row in rows] != real:
            wrong.append(f"{heading}: {real}")
        wrong += [f"{heading}.{row[0]}: says nothing" for row in rows
                  if len(row) != 3 or not row[2]]
    assert wrong == []


def test_functions_and_relations_have_comments(cluster, functions, relations):
    silent = [name for name, f in functions.items() if not cluster.value(
        "SELECT obj_description(%s, 'pg_proc')", [f["oid"]])]
    silent += [name for name, (oid, _) in relations.items()
               if not cluster.value("SELECT obj_description(%s, 'pg_class')",
                                    [oid])]
    assert silent == []


def _range(kind, low, high, values):
    if kind == "bool":
        return "boolean"
    if kind == "enum":
        return ", ".join(values)
    return f"{low} to {high}" if kind in ("integer", "real") else "text"


def test_the_settings_are_those_of_the_server(cluster):
    real = {}
    with cluster.connect() as session:
        session.execute("LOAD 'ruvector'")
        for (name, default, unit, context, kind, low, high, values,
             summary) in session.execute("""
                SELECT name, boot_val, coalesce(unit, ''), context, vartype,
                       min_val, max_val, enumvals, short_desc
                FROM pg_settings WHERE name LIKE ANY
                       ('{ruvector.%,caliber.%}')"""):
            assert summary
            real[f"`{name}`"] = [f"`{default}`" if default else "empty",
                                 _range(kind, low, high, values), unit,
                                 context]
    rows = _table(_page("settings.md"))
    assert {row[0]: row[1:5] for row in rows} == real
    assert len(rows) == len(real)
    assert all(len(row) == 6 and row[5] for row in rows)


def _documented_states():
    return [row[0].strip("`") for row in _table(_page("errors.md"))]


def test_the_gates_sqlstates_are_those_of_the_code():
    code = _ADMISSION.read_text(encoding="utf-8")
    defined = re.findall(r'kSqlState\w+\[\] = "(\w{5})"', code)
    assert len(defined) >= 4
    gate = _sections(_page("errors.md"), "##")["The gate"]
    assert [row[0].strip("`") for row in _table(gate)] == sorted(defined)


def test_sqlstates_are_postgresqls_or_the_gates():
    documented = _documented_states()
    assert len(documented) == len(set(documented))
    known = {getattr(e, "sqlstate", None) for e in vars(errors).values()}
    assert {state for state in documented
            if state not in known and not state.startswith("53RV")} == set()


def test_functions_name_documented_sqlstates_only():
    documented = set(_documented_states())
    for heading, body in _sections(_page("functions.md")).items():
        named = re.findall(r"`([0-9A-Z]{5})`", _row(body, "errors") or "")
        assert set(named) <= documented, heading


# One call that fails for each class of mistakes, and what the page says.
_MISTAKES = [
    ("SELECT ruvector_integrity_status('nope')", "42704"),
    ("SELECT ruvector_integrity_status(NULL)", "22004"),
    ("SELECT ruvector_integrity_gate('nope', 'insert')", "42704"),
    ("SELECT ruvector_integrity_gate('c', 'explode')", "22023"),
    ("SELECT ruvector_integrity_gate('c', NULL)", "22004"),
    ("SELECT ruvector_integrity_policy_set('c', 'p', '{\"x\": 1}')", "22023"),
    ("SELECT ruvector_integrity_policy_set('c', '', '{}')", "42602"),
    ("SELECT ruvector_integrity_policy_enable('c', 'nope')", "42704"),
    ("SELECT ruvector_integrity_override('c', 'bad', 'x', 1)", "22023"),
    ("SELECT ruvector_integrity_override('c', 'normal', '', 1)", "22023"),
    ("SELECT ruvector_integrity_override('c', 'normal', 'x', 2592001)",
     "22023"),
    ("SELECT ruvector_register_collection('c', 't', 'v')", "42710"),
    ("SELECT ruvector_register_collection('d', 't', 'v')", "42710"),
    ("SELECT ruvector_register_collection('d', 't', 'nope')", "42703"),
    ("SELECT ruvector_register_collection('d', 't', 'id')", "42804"),
    ("SELECT ruvector_register_collection('d', 'a_view', 'v')", "42809"),
    ("SELECT ruvector_register_collection('d', 'nope', 'v')", "42P01"),
    ("SELECT ruvector_register_collection('', 't', 'v')", "42602"),
    ("SELECT ruvector_register_collection('d', 'u', 'v', dimensions => 0)",
     "22023"),
    ("SELECT ruvector_register_collection('d', 'u', 'v', dimensions => 4)",
     "42804"),
    ("SELECT ruvector_register_collection('d', 'u', 'v', mode => 'x')",
     "22023"),
    ("SELECT ruvector_register_collection('d', 'u', 'v', metric => 'x')",
     "22023"),
    ("SELECT ruvector_register_collection('d', 'u', 'v', config => '[]')",
     "22023"),
    ("SELECT ruvector_register_collection('d', 'ruvector.collections', 'id')",
     "42501"),
    ("SELECT ruvector_audit_inclusion_proof(1000000)", "22023"),
    ("SELECT ruvector_audit_consistency_proof(0)", "22023"),
    ("SELECT * FROM ruvector_verify_chain(NULL, 5, 4)", "22023"),
    ("SELECT ruvector_audit_prune('infinity')", "22023"),
    ("SELECT ruvector_audit_export()", "55000"),
    ("SELECT ruvector_revoke_signing_key('nope', 'x')", "42704"),
    ("SELECT ruvector_revoke_signing_key('nope', '')", "22023"),
    ("SELECT ruvector_revoke_signing_key("
     "(SELECT id FROM ruvector.signing_keys), 'x')", "55000"),
    ("DELETE FROM ruvector.integrity_events", "42501"),
    ("BEGIN READ ONLY; SELECT ruvector_audit_checkpoint()", "25006"),
]


@pytest.fixture(scope="module")
def collection(cluster):
    cluster.execute("CREATE TABLE t (id int, v vector(3))")
    cluster.execute("CREATE TABLE u (v vector(3))")
    cluster.execute("CREATE VIEW a_view AS SELECT * FROM t")
    cluster.execute("SELECT ruvector_register_collection('c', 't', 'v')")
    cluster.wait_for("SELECT count(*) > 0 FROM ruvector.integrity_events")
    return cluster


@pytest.mark.parametrize("statement,sqlstate", _MISTAKES)
def test_a_mistake_has_the_sqlstate_of_the_page(collection, statement,
                                                sqlstate):
    with collection.connect() as session:
        with pytest.raises(psycopg.Error) as raised:
            session.execute(statement)
    assert raised.value.sqlstate == sqlstate
    assert sqlstate in _documented_states()
    function = re.search(r"ruvector_\w+(?=\()", statement)
    if function is None or sqlstate in ("22004", "42704", "42501"):
        return
    section = next(body for heading, body in
                   _sections(_page("functions.md")).items()
                   if heading.startswith(function[0] + "("))
    assert f"`{sqlstate}`" in _row(section, "errors")


def test_a_stranger_may_call_nothing_else(collection, functions):
    collection.execute("CREATE ROLE stranger LOGIN")
    allowed = {name for name, f in functions.items() if collection.value(
        "SELECT has_function_privilege('stranger', %s::oid, 'EXECUTE')",
        [f["oid"]])}
    assert allowed == _FOR_EVERYONE


def test_every_page_is_in_the_table_of_contents():
    docs = _DOCS
    links = re.findall(r"\]\(([^)#]+\.md)\)", (docs / "index.md").read_text())
    pages = {str(page.relative_to(docs)) for page in docs.rglob("*.md")}
    assert len(links) == len(set(links))
    assert set(links) == pages - {"index.md"}


def _anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", ["index.md", "reference/functions.md",
                                  "reference/views-and-tables.md",
                                  "reference/settings.md",
                                  "reference/errors.md",
                                  "how-to/enrol-a-collection.md",
                                  "how-to/receive-notifications.md",
                                  "how-to/respond-to-a-refusal.md",
                                  "formats/webhook.md",
                                  "how-to/verify-the-log.md"])
def test_links_lead_somewhere(name):
    page = _DOCS / name
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)",
                                     page.read_text(encoding="utf-8")):
        there = page.parent / target if target else page
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$",
                                  there.read_text(encoding="utf-8"), re.M)
            assert anchor in map(_anchor, headings), (target, anchor)
