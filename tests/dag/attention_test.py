"""Attention in SQL on a real server: results against plain arithmetic, every
mistake named, and mechanisms that come and go while the server runs."""

import math
import random
import shutil
import subprocess

import psycopg
import pytest

from harness.installation import workspace

Q, A = "ARRAY[0.5,-1.0]::real[]", "ARRAY[[1,2],[-3,0.5],[0,1]]::real[]"
QV, AV = "'[0.5,-1]'::vector", "ARRAY['[1,2]','[-3,0.5]','[0,1]']::vector[]"

BUILT_IN = ["causal_cone", "critical_path", "hierarchical_lorentz",
            "mincut_gated", "parallel_branch", "temporal_btsp", "topological"]


def _similarity(query, keys):
    return [sum(q * k for q, k in zip(query, key)) / math.sqrt(len(query))
            for key in keys]


def _normalise(numbers):
    total = sum(numbers)
    return [n / total for n in numbers]


def _softmax(scores):
    return _normalise([math.exp(s) for s in scores])


def _causal_cone(query, keys, hops, decay, horizon):
    scores = _similarity(query, keys)
    weights = [math.exp(s - decay * h) if h <= horizon else 0
               for s, h in zip(scores, hops)]
    return _normalise(weights if any(weights) else [1] * len(keys))


def _critical_path(query, keys, critical, boost):
    return _softmax([s + boost * c for s, c in
                     zip(_similarity(query, keys), critical)])


def _mincut_gated(query, keys, criticalities, threshold):
    weights = [w * min(1, c / threshold) for w, c in
               zip(_softmax(_similarity(query, keys)), criticalities)]
    return _normalise(weights if sum(weights) > 1e-8 else [1] * len(keys))


def _lorentz(query, keys, depths, curvature, temperature):
    radius = 1 / math.sqrt(-curvature)
    length = math.hypot(*query)
    scores = []
    for key, depth in zip(keys, depths):
        p, norm = math.log(depth + 1), math.hypot(*key)
        cosine = sum(q * k for q, k in zip(query, key)) / length / norm
        busemann = radius * math.log(math.cosh(p) - math.sinh(p) * cosine)
        scores.append(-busemann / temperature)
    return _softmax(scores)


def _parallel(query, ancestors, parallel, common, cross, boost):
    return _normalise(
        [math.exp(s + boost * c)
         for s, c in zip(_similarity(query, ancestors), common)]
        + [cross * math.exp(s) for s in _similarity(query, parallel)])


def _temporal(query, keys, times, window, boost):
    now = max(times)
    return _softmax([s + boost * (abs(t - now) < window) for s, t in
                     zip(_similarity(query, keys), times)])


def _case(seed):
    chance = random.Random(seed)

    def vector(dim):
        return [chance.randrange(-200, 200) / 64 or 1.0 for _ in range(dim)]

    n, dim = chance.randrange(1, 20), chance.randrange(1, 9)
    return {
        "q": vector(dim), "k": [vector(dim) for _ in range(n)],
        "p": [vector(dim) for _ in range(chance.randrange(0, 5))],
        "hops": [chance.randrange(6) for _ in range(n)],
        "crit": [chance.randrange(9) / 8 for _ in range(n)],
        "flag": [chance.random() < 0.5 for _ in range(n)],
        "t": [1000.0 + chance.randrange(200) for _ in range(n)],
    }


def _calls(c):
    """(function, further arguments as SQL, their values, expected weights)"""
    q, k = c["q"], c["k"]
    return [
        ("topological", "", [], _softmax(_similarity(q, k))),
        ("causal_cone", "%s::int[], 0.25, 3", [c["hops"]],
         _causal_cone(q, k, c["hops"], 0.25, 3)),
        ("critical_path", "%s::bool[], 1.25", [c["flag"]],
         _critical_path(q, k, c["flag"], 1.25)),
        ("mincut_gated", "%s::real[], 0.5", [c["crit"]],
         _mincut_gated(q, k, c["crit"], 0.5)),
        ("hierarchical_lorentz", "%s::int[], -0.5, 2", [c["hops"]],
         _lorentz(q, k, c["hops"], -0.5, 2)),
        ("temporal_btsp", "%s::float8[], 50, 1.5", [c["t"]],
         _temporal(q, k, c["t"], 50, 1.5)),
    ]


def _vector(numbers):
    return "[" + ",".join(map(str, numbers)) + "]"


@pytest.fixture(scope="module")
def session(cluster):
    with cluster.connect() as connection:
        yield connection


def _value(session, statement, values=None):
    return session.execute(statement, values).fetchone()[0]


@pytest.mark.parametrize("seed", range(12))
def test_every_function_is_its_formula_in_both_forms(session, seed):
    c = _case(seed)
    vectors = (_vector(c["q"]), [_vector(key) for key in c["k"]])
    for name, more, values, expected in _calls(c):
        tail = f", {more}" if more else ""
        real = _value(session, f"SELECT ruvector_attention_{name}(%s::real[], "
                      f"%s::real[]{tail})", [c["q"], c["k"], *values])
        assert real == pytest.approx(expected, abs=2e-6), name
        assert sum(real) == pytest.approx(1, abs=1e-6)
        assert real == _value(
            session, f"SELECT ruvector_attention_{name}(%s::vector, "
            f"%s::vector[]{tail})", [*vectors, *values]), name


@pytest.mark.parametrize("seed", range(12))
def test_parallel_branch_returns_ancestors_then_parallel_nodes(session, seed):
    c = _case(seed)
    expected = _parallel(c["q"], c["k"], c["p"], c["flag"], 0.5, 2)
    more = [c["flag"]]
    real = _value(session, "SELECT ruvector_attention_parallel_branch("
                  "%s::real[], %s::real[], %s::real[], %s::bool[], 0.5, 2)",
                  [c["q"], c["k"], c["p"], *more])
    assert real == pytest.approx(expected, abs=2e-6)
    assert real == _value(
        session, "SELECT ruvector_attention_parallel_branch("
        "%s::vector, %s::vector[], %s::vector[], %s::bool[], 0.5, 2)",
        [_vector(c["q"]), [_vector(key) for key in c["k"]],
         [_vector(key) for key in c["p"]], *more])


def test_the_examples_of_the_specification_run(session):
    """As a user writes them: numeric arrays, no casts, no defaults."""
    for call in [
            "topological(ARRAY[0.1,0.2], ARRAY[[0.1,0.2],[0.3,0.4]], '{}')",
            "causal_cone(ARRAY[0.1,0.2], ARRAY[[0.1,0.2],[0.3,0.4]], "
            "ARRAY[1,2], 0.9, 10)",
            "critical_path(ARRAY[0.1,0.2], ARRAY[[0.1,0.2],[0.3,0.4]], "
            "ARRAY[true,false], 1.5)",
            "mincut_gated(ARRAY[0.1,0.2], ARRAY[[0.1,0.2],[0.3,0.4]], "
            "ARRAY[0.9,0.1], 0.5)",
            "hierarchical_lorentz(ARRAY[0.1,0.2], ARRAY[[0.1,0.2],[0.3,0.4]], "
            "ARRAY[0,1], -1.0, 1.0)",
            "temporal_btsp(ARRAY[0.1,0.2], ARRAY[[0.1,0.2],[0.3,0.4]], "
            "ARRAY[1000.0,1010.0], 50.0, 1.5)",
            "ensemble(ARRAY[0.1,0.2], ARRAY[[0.1,0.2],[0.3,0.4]], "
            "ARRAY['topological','causal_cone'], ARRAY[0.6,0.4])",
            "ensemble(ARRAY[0.1,0.2], ARRAY[[0.1,0.2],[0.3,0.4]], "
            "ARRAY['topological','critical_path'], NULL)"]:
        weights = _value(session, f"SELECT ruvector_attention_{call}")
        assert len(weights) == 2 and sum(weights) == pytest.approx(1)
    three = _value(session, "SELECT ruvector_attention_parallel_branch("
                   "ARRAY[0.1,0.2], ARRAY[[0.1,0.2],[0.3,0.4]], "
                   "ARRAY[[0.5,0.6]], ARRAY[true,false], 0.5, 2.0)")
    assert len(three) == 3 and sum(three) == pytest.approx(1)


@pytest.mark.parametrize("none,query", [("'{}'::real[]", Q),
                                        ("'{}'::vector[]", QV)])
def test_no_ancestors_give_an_empty_array(session, none, query):
    for call in [f"topological({query}, {none})",
                 f"causal_cone({query}, {none}, '{{}}')",
                 f"critical_path({query}, {none}, '{{}}')",
                 f"mincut_gated({query}, {none}, '{{}}')",
                 f"hierarchical_lorentz({query}, {none}, '{{}}')",
                 f"parallel_branch({query}, {none}, {none}, '{{}}')",
                 f"temporal_btsp({query}, {none}, '{{}}')",
                 f"ensemble({query}, {none}, ARRAY['mincut_gated'])"]:
        assert _value(session, "SELECT ruvector_attention_" + call
                      + "::text") == "{}", call
    for name in BUILT_IN:
        assert _value(session, "SELECT ruvector_attention(%s, "
                      f"{query}, {none})::text", [name]) == "{}"
    assert _value(session, "SELECT ruvector_attention_parallel_branch("
                  f"{Q}, '{{}}'::real[], {A}, '{{}}')") == pytest.approx(
                      _softmax(_similarity([0.5, -1],
                                           [[1, 2], [-3, 0.5], [0, 1]])))


def test_a_sign_of_the_curvature_may_be_left_out(session):
    both = [_value(session, "SELECT ruvector_attention_hierarchical_lorentz("
                   f"{Q}, {A}, ARRAY[1,2,3], {curvature}, 1)")
            for curvature in (-0.25, 0.25)]
    assert both[0] == both[1]


NAN = "ARRAY[1,'NaN']::real[]"
MISTAKES = [
    # call, SQLSTATE, part of the message
    (f"topological(NULL::real[], {A})", "22004", '"query" must not be null'),
    (f"topological({Q}, NULL::real[])", "22004", '"ancestors" must not be'),
    (f"topological(ARRAY[1,NULL]::real[], {A})", "22004", '"query" must not '
     "contain null"),
    (f"topological({Q}, ARRAY[[1,NULL]]::real[])", "22004", '"ancestors" must '
     "not contain null"),
    (f"topological({QV}, ARRAY['[1,2]',NULL]::vector[])", "22004",
     '"ancestors" must not contain null'),
    (f"topological('{{}}'::real[], {A})", "22023", '"query" has 0 numbers'),
    (f"topological(ARRAY[[1,2]]::real[], {A})", "22023",
     '"query" has 2 array dimensions'),
    (f"topological({Q}, ARRAY[1,2]::real[])", "22023",
     '"ancestors" has 1 array dimension, expected 2'),
    (f"topological({Q}, ARRAY[[1,2,3]]::real[])", "22023",
     '"ancestors" has entries of 3 numbers, "query" has 2'),
    (f"topological({QV}, ARRAY['[1,2]','[1,2,3]']::vector[])", "22023",
     '"ancestors" has entries of 3 numbers, "query" has 2'),
    (f"topological({NAN}, {A})", "22023", '"query"[2] is nan'),
    (f"topological({Q}, ARRAY[[1,2],[1,'-Infinity']]::real[])", "22023",
     '"ancestors"[2][2] is -inf'),
    (f"topological({Q}, {A}, '{{\"temprature\": 1}}')", "22023",
     "unknown parameter 'temprature' of 'topological', known are: temperature"),
    (f"topological({Q}, {A}, '{{\"temperature\": 0}}')", "22023",
     "'temperature' is 0"),
    (f"topological({Q}, {A}, '{{\"depth_decay\": 0.5}}')", "22023", "depths"),
    (f"topological({Q}, {A}, '{{\"depths\": [1]}}')", "22023",
     "depths has 1 elements, expected 3"),
    (f"topological({Q}, {A}, '[]')", "22023", "config is array"),
    (f"causal_cone({Q}, {A}, ARRAY[1,2])", "22023",
     '"depths" has 2 elements, expected 3'),
    (f"causal_cone({Q}, {A}, ARRAY[1,-2,3])", "22023", '"depths"[2] is -2'),
    (f"causal_cone({Q}, {A}, ARRAY[1,NULL,3])", "22004", '"depths" must not'),
    (f"causal_cone({Q}, {A}, ARRAY[[1,2,3]])", "22023", '"depths" has 2 array'),
    (f"causal_cone({Q}, {A}, NULL)", "22004", '"depths" must not be null'),
    (f"causal_cone({Q}, {A}, ARRAY[1,2,3], -0.1)", "22023",
     '"decay_rate" is -0.1'),
    (f"causal_cone({Q}, {A}, ARRAY[1,2,3], 'NaN')", "22023",
     '"decay_rate" is nan'),
    (f"causal_cone({Q}, {A}, ARRAY[1,2,3], 0.1, -1)", "22023",
     '"max_depth" is -1'),
    (f"causal_cone({Q}, {A}, ARRAY[1,2,3], NULL, 1)", "22004", '"decay_rate"'),
    (f"critical_path({Q}, {A}, ARRAY[true])", "22023",
     '"is_critical" has 1 element, expected 3'),
    (f"critical_path({Q}, {A}, ARRAY[true,false,true], 'Infinity')", "22023",
     '"boost" is inf'),
    (f"mincut_gated({Q}, {A}, ARRAY[0.1,1.5,0])", "22023",
     '"criticalities"[2] is 1.5, expected 0 to 1'),
    (f"mincut_gated({Q}, {A}, ARRAY[0.1,'NaN',0]::real[])", "22023",
     '"criticalities"[2] is nan'),
    (f"mincut_gated({Q}, {A}, ARRAY[0.1,1,0], 1.1)", "22023",
     '"threshold" is 1.1'),
    (f"hierarchical_lorentz({Q}, {A}, ARRAY[0,1,2], 0)", "22023",
     '"curvature" is'),
    (f"hierarchical_lorentz({Q}, {A}, ARRAY[0,1,2], -1, 0)", "22023",
     '"temperature" is 0'),
    (f"parallel_branch({Q}, {A}, ARRAY[[1,2,3]]::real[], "
     "ARRAY[true,true,true])", "22023", '"parallel_nodes" has entries of 3'),
    (f"parallel_branch({Q}, {A}, {A}, ARRAY[true])", "22023",
     '"common_ancestor_mask" has 1 element, expected 3'),
    (f"parallel_branch({Q}, {A}, NULL::real[], ARRAY[true,true,true])",
     "22004", '"parallel_nodes" must not be null'),
    (f"parallel_branch({Q}, {A}, {A}, ARRAY[true,true,true], -1)", "22023",
     '"cross_weight" is -1'),
    (f"temporal_btsp({Q}, {A}, ARRAY[1,2,'Infinity']::float8[])", "22023",
     '"timestamps"[3] is inf'),
    (f"temporal_btsp({Q}, {A}, ARRAY[1,2,3]::float8[], -1)", "22023",
     '"window_ms" is -1'),
    (f"ensemble({Q}, {A}, '{{}}')", "22023", '"attention_types" names no'),
    (f"ensemble({Q}, {A}, ARRAY['topologic'])", "42704",
     'unknown attention mechanism "topologic"'),
    (f"ensemble({Q}, {A}, ARRAY['topological',NULL])", "22004",
     '"attention_types" must not contain null'),
    (f"ensemble({Q}, {A}, ARRAY['auto'])", "42704", '"auto"'),
    (f"ensemble({Q}, {A}, ARRAY['topological'], ARRAY[1,2])", "22023",
     '"weights" has 2 elements, expected 1'),
    (f"ensemble({Q}, {A}, ARRAY['topological'], ARRAY[-1])", "22023",
     '"weights"[1] is -1'),
    (f"ensemble({Q}, {A}, ARRAY['topological'], ARRAY[0])", "22023",
     "weights has the sum 0"),
    (f"ensemble({Q}, {A}, ARRAY['topological'], NULL, "
     "'{\"weights\": [1]}')", "22023", "are arguments here"),
    (f"auto({Q}, {A}, '{{\"exploration\": 2}}')", "22023", "exploration"),
    (f"auto({Q}, {A}, '{{\"seed\": 1.5}}')", "22023", "seed"),
    ("reward('topological', 1.5)", "22023", '"reward" is 1.5'),
    ("reward('topological', 'NaN')", "22023", '"reward" is nan'),
    ("reward('nope', 1)", "42704", '"nope"'),
    ("reward(NULL, 1)", "22004", '"mechanism" must not be null'),
]


@pytest.mark.parametrize("call,sqlstate,part", MISTAKES)
def test_a_mistake_is_an_error_that_names_it(session, call, sqlstate, part):
    with pytest.raises(psycopg.Error) as raised:
        session.execute("SELECT ruvector_attention_" + call)
    assert raised.value.sqlstate == sqlstate
    assert part in raised.value.diag.message_primary


GENERIC_MISTAKES = [
    ("'nope', {q}, {a}", "42704", '"nope"'),
    ("'', {q}, {a}", "42704", '""'),
    ("'../topological', {q}, {a}", "42704", '"../topological"'),
    ("'throttle_ingestion', {q}, {a}", "42704", '"throttle_ingestion"'),
    ("NULL, {q}, {a}", "22004", '"mechanism" must not be null'),
    ("'topological', {q}, {a}, NULL", "22004", '"context" must not be null'),
    ("'causal_cone', {q}, {a}", "22023",
     '"causal_cone" needs context that is missing: hops'),
    ("'parallel_branch', {q}, {a}, '{{\"is_parallel\": [true,true,true]}}'",
     "22023", "missing: is_common_ancestor"),
    ("'causal_cone', {q}, {a}, '{{\"hops\": [1]}}'", "22023",
     "hops has 1 elements, expected 3"),
    ("'topological', {q}, {a}, '{{\"depth\": [1]}}'", "22023",
     'unknown key "depth"'),
    ("'topological', {q}, {a}, '{{\"parameters\": {{\"x\": 1}}}}'", "22023",
     "unknown parameter 'x'"),
    ("'topological', {q}, {a}, '{{\"mechanisms\": [\"auto\"]}}'", "22023",
     'option of "ensemble" only'),
    ("'topological', {q}, {a}, '{{\"seed\": 1}}'", "22023",
     'option of "auto" only'),
    ("'ensemble', {q}, {a}", "22023", '"ensemble" needs "mechanisms"'),
]


@pytest.mark.parametrize("arguments,sqlstate,part", GENERIC_MISTAKES)
def test_so_does_the_function_of_any_name(session, arguments, sqlstate, part):
    with pytest.raises(psycopg.Error) as raised:
        session.execute("SELECT ruvector_attention("
                        + arguments.format(q=Q, a=A) + ")")
    assert raised.value.sqlstate == sqlstate
    assert part in raised.value.diag.message_primary


def test_an_unknown_name_is_told_the_known_ones(session):
    with pytest.raises(psycopg.Error) as raised:
        session.execute(f"SELECT ruvector_attention('nope', {Q}, {A})")
    assert raised.value.diag.message_hint == (
        "Known are " + ", ".join(BUILT_IN) + ".")


def test_by_name_is_by_function(session):
    by_name = _value(session, f"SELECT ruvector_attention('causal_cone', {Q}, "
                     f"{A}, '{{\"hops\": [1,2,3], "
                     "\"parameters\": {\"decay_rate\": 0.5}}')")
    assert by_name == _value(session, "SELECT ruvector_attention_causal_cone("
                             f"{Q}, {A}, ARRAY[1,2,3], 0.5)")
    together = _value(session, f"SELECT ruvector_attention('ensemble', {QV}, "
                      f"{AV}, '{{\"mechanisms\": [\"topological\", "
                      "\"causal_cone\"], \"hops\": [1,2,3], \"weights\": [3,1],"
                      "\"parameters\": {\"decay_rate\": 0.5}}')")
    plain = _value(session, f"SELECT ruvector_attention_topological({Q}, {A})")
    assert together == pytest.approx(
        [0.75 * p + 0.25 * c for p, c in zip(plain, by_name)], abs=1e-6)


def test_volatility_and_parallel_safety(session):
    rows = session.execute(
        "SELECT proname, provolatile, proparallel, count(*) FROM pg_proc "
        "WHERE proname LIKE 'ruvector_attention%' GROUP BY 1, 2, 3").fetchall()
    found = {name: (volatile, parallel, count)
             for name, volatile, parallel, count in rows}
    for name in BUILT_IN + ["ensemble"]:
        assert found["ruvector_attention_" + name] == ("s", "s", 2), name
    for name in ("ruvector_attention", "ruvector_attention_auto"):
        assert found[name] == ("v", "r", 2)


def test_parallel_workers_give_the_same(session):
    session.execute("CREATE TABLE entries AS SELECT i, ARRAY[sin(i), cos(i)]"
                    "::real[] AS q FROM generate_series(1, 20000) i")
    statement = ("SELECT sum((ruvector_attention_topological(q, "
                 f"{A}))[1]::float8) FROM entries")
    alone = _value(session, statement)
    for setting in ("parallel_setup_cost = 0", "parallel_tuple_cost = 0",
                    "min_parallel_table_scan_size = 0",
                    "max_parallel_workers_per_gather = 2"):
        session.execute("SET " + setting)
    plan = "\n".join(row[0] for row in session.execute(
        "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + statement))
    assert "Workers Planned" in plan
    assert _value(session, statement) == pytest.approx(alone)
    session.execute("RESET ALL")


def test_auto_draws_learns_and_is_repeatable(cluster):
    context = '{"hops": [1,2,3]%s}'

    def choose(more=""):
        return cluster.execute("SELECT mechanism, weights FROM "
                               f"ruvector_attention_auto({Q}, {A}, %s::jsonb)",
                               (context % more,))[0]

    assert choose(', "seed": 7') == choose(', "seed": 7')
    drawn = {choose(f', "seed": {seed}')[0] for seed in range(40)}
    assert drawn == {"causal_cone", "topological"}  # what the context allows
    name, weights = choose(', "seed": 3')
    assert weights == pytest.approx(cluster.value(
        f"SELECT ruvector_attention(%s, {Q}, {A}, %s::jsonb)",
        (name, context % "")))
    for _ in range(40):
        cluster.execute("SELECT ruvector_attention_reward('causal_cone', 0.9),"
                        " ruvector_attention_reward('topological', 0.1)")
    drawn = [choose(f', "exploration": 0, "seed": {seed}')[0]
             for seed in range(10)]
    assert drawn == ["causal_cone"] * 10
    assert {choose(f', "exploration": 1, "seed": {seed}')[0]
            for seed in range(40)} == {"causal_cone", "topological"}
    rows = {row[0]: row[1:] for row in cluster.execute(
        "SELECT mechanism, pulls, mean_reward, context_required, parameters "
        "FROM ruvector_attention_mechanisms()")}
    assert sorted(rows) == BUILT_IN
    assert rows["causal_cone"][:3] == (40, pytest.approx(0.9), ["hops"])
    assert rows["temporal_btsp"][:2] == (0, None)
    assert rows["critical_path"][3]["boost"]["default"] == 1.5


def test_a_reader_attends_and_does_not_reward(cluster):
    cluster.execute("CREATE ROLE attending LOGIN IN ROLE ruvector_reader")
    cluster.execute("CREATE ROLE passing LOGIN")
    with cluster.connect() as session:
        session.execute("SET ROLE attending")
        assert _value(session, f"SELECT (ruvector_attention_auto({Q}, {A}))"
                      ".mechanism") == "topological"
        assert _value(session, "SELECT count(*) >= 0 FROM "
                      "ruvector_dag.attention_arms") is True
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT ruvector_attention_reward('topological', 1)")
        session.execute("SET ROLE passing")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"SELECT ruvector_attention_topological({Q}, {A})")


def _install(source, directory, name):
    """In one step, as the README says."""
    shutil.copy(source, directory / f".{name}.new")
    (directory / f".{name}.new").chmod(0o755)
    (directory / f".{name}.new").rename(directory / name)


def _build_example(directory):
    target = directory / "nearest_depth.so"
    subprocess.run(
        ["g++", "-std=c++17", "-O1", "-fPIC", "-shared", "-fvisibility=hidden",
         "-I", workspace(), workspace() / "plugins/example/nearest_depth.cc",
         "-o", target], check=True)
    return target


def test_a_plugin_dropped_in_is_there_at_once(new_cluster, tmp_path):
    server = new_cluster("dropped")
    directory = server.installation.plugins
    built = _build_example(tmp_path)
    context = '{"depths": [1,2,3], "query_depth": 2, "parameters": {}}'
    call = f"SELECT ruvector_attention('nearest_depth', {Q}, {A}, '{context}')"
    with server.connect() as session:
        with pytest.raises(psycopg.errors.UndefinedObject):
            session.execute(call)
        assert _value(session, "SELECT ruvector_attention_topological("
                      f"{Q}, {A})")
        _install(built, directory, "nearest_depth.so")
        try:
            expected = _softmax(
                [s - d for s, d in zip(_similarity(
                    [0.5, -1], [[1, 2], [-3, 0.5], [0, 1]]), [1, 0, 1])])
            assert _value(session, call) == pytest.approx(expected, abs=1e-6)
            # In the ensemble and among the arms of auto, as any other.
            assert _value(
                session, "SELECT ruvector_attention_ensemble("
                f"{Q}, {A}, ARRAY['nearest_depth'], NULL, '{context}')"
            ) == pytest.approx(expected, abs=1e-6)
            drawn = {_value(session, "SELECT mechanism FROM "
                            f"ruvector_attention_auto({Q}, {A}, jsonb_set("
                            f"'{context}', '{{seed}}', to_jsonb({seed})))")
                     for seed in range(60)}
            assert "nearest_depth" in drawn
        finally:
            (directory / "nearest_depth.so").unlink()
        with pytest.raises(psycopg.errors.UndefinedObject):
            session.execute(call)


def test_a_refused_plugin_says_why_and_harms_nobody(new_cluster, tmp_path):
    server = new_cluster("refused")
    directory = server.installation.plugins
    built = _build_example(tmp_path)
    _install(built, directory, "misnamed.so")
    # A mechanism that would answer to a name of ours.
    source = (workspace() / "plugins/example/nearest_depth.cc").read_text()
    (tmp_path / "auto.cc").write_text(source.replace('"nearest_depth"',
                                                     '"auto"'))
    subprocess.run(["g++", "-std=c++17", "-fPIC", "-shared",
                    "-fvisibility=hidden", "-I", workspace(),
                    tmp_path / "auto.cc", "-o", tmp_path / "auto.so"],
                   check=True)
    _install(tmp_path / "auto.so", directory, "auto.so")
    try:
        with server.connect() as session:
            with pytest.raises(psycopg.errors.UndefinedObject) as raised:
                session.execute(f"SELECT ruvector_attention('misnamed', {Q}, "
                                f"{A})")
            assert "expected 'misnamed'" in raised.value.diag.message_detail
            assert _value(session, "SELECT mechanism FROM "
                          f"ruvector_attention_auto({Q}, {A})") == "topological"
            assert "reserved" in _value(
                session, "SELECT reason FROM ruvector.plugins "
                "WHERE file = 'auto.so'")
    finally:
        (directory / "misnamed.so").unlink()
        (directory / "auto.so").unlink()


def test_many_entries_and_wide_vectors(session):
    assert _value(session, """
        SELECT array_length(w, 1) = 5000 AND abs((SELECT sum(x) FROM
               unnest(w) x) - 1) < 1e-4
          FROM (SELECT ruvector_attention_topological(
                    array_fill(0.5::real, ARRAY[300]),
                    array_fill(0.25::real, ARRAY[5000, 300])) AS w) s""")
    with pytest.raises(psycopg.Error) as raised:
        session.execute("SELECT ruvector_attention_topological(array_fill("
                        "0::real, ARRAY[16001]), '{}'::real[])")
    assert raised.value.sqlstate == "22023"
    assert "16001 numbers, expected 1 to 16000" in str(raised.value)
