"""Metrics: the text, the exporters' files and what Prometheus makes of them."""

import contextlib
import json
import os
import re
import socket
import subprocess
import urllib.parse
import urllib.request

import pytest
import yaml

from harness.installation import workspace
from harness.waiting import wait_for
from integrity.conftest import enrol, force, release
from metrics import dashboard, exporter_files

DOCS = (workspace() / "docs/index.md").resolve().parent
DEPLOY = workspace() / "deploy/prometheus"
NASTY = 'a "quoted"\\ name\nof two lines'


@pytest.fixture(scope="module")
def server(cluster):
    enrol(cluster)
    cluster.execute("CREATE ROLE monitor LOGIN IN ROLE ruvector_reader")
    cluster.execute("CREATE TABLE plain (embedding vector(3))")
    cluster.execute("SELECT ruvector_register_collection(%s, 'plain', "
                    "'embedding')", (NASTY,))
    cluster.execute("SELECT ruvector_integrity_sample(%s)", (NASTY,))
    cluster.wait_for("SELECT unsealed = 0 FROM ruvector_verify_chain()")
    return cluster


def text_of(server):
    with server.connect(user="monitor") as session:
        return session.execute("SELECT ruvector_prometheus_metrics()"
                               ).fetchone()[0]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


@contextlib.contextmanager
def running(*command, port, env=None, log):
    with open(log, "wb") as output:
        process = subprocess.Popen(command, env=env, stdout=output,
                                   stderr=subprocess.STDOUT)
    try:
        def answers():
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                return get(f"http://127.0.0.1:{port}/metrics")
        wait_for(answers, 60, what=f"{command[0]} answers")
        yield
    finally:
        process.kill()
        process.wait()


class Prometheus:
    def __init__(self, port):
        self._url = f"http://127.0.0.1:{port}/api/v1/"

    def __call__(self, query):
        """The series that a query gives now."""
        return self._get("query?" + urllib.parse.urlencode(
            {"query": query}))["result"]

    def rules(self):
        return self._get("rules")

    def _get(self, path):
        answer = json.loads(get(self._url + path))
        assert answer["status"] == "success", answer
        return answer["data"]


@pytest.fixture(scope="module")
def prometheus(server, tmp_path_factory):
    """A Prometheus that scrapes the exporter that scrapes the server."""
    directory = tmp_path_factory.mktemp("prometheus")
    ports = [free_port(), free_port()]
    (directory / "prometheus.yml").write_text(yaml.dump({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "alerts.yml")],
        "scrape_configs": [{
            "job_name": "ruvector",
            "static_configs": [{"targets": [f"127.0.0.1:{ports[0]}"]}]}]}))

    source = (f"host={server.socket} user=monitor "
              "dbname=postgres sslmode=disable")
    exporter = running(
        "prometheus-postgres-exporter", "--disable-default-metrics",
        "--disable-settings-metrics",
        f"--extend.query-path={DEPLOY / 'postgres_exporter.yml'}",
        f"--web.listen-address=127.0.0.1:{ports[0]}", port=ports[0],
        env={**os.environ, "DATA_SOURCE_NAME": source},
        log=directory / "exporter.log")
    scraper = running(
        "prometheus", f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{ports[1]}", port=ports[1],
        log=directory / "prometheus.log")
    ask = Prometheus(ports[1])
    with exporter, scraper:
        def scraped():
            with contextlib.suppress(OSError):  # 503 until it is ready
                return ask("ruvector_integrity_state")
        wait_for(scraped, 60, what="the first scrape")
        yield ask


def test_promtool_accepts_the_text(server):
    outcome = subprocess.run(["promtool", "check", "metrics"], text=True,
                             input=text_of(server), capture_output=True)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")


def test_samples_are_as_they_are_defined(server):
    defined = {m.name: m for m in exporter_files.definitions(server)}
    samples = server.execute("SELECT family || suffix, ARRAY(SELECT "
                             "jsonb_object_keys(labels)) FROM ruvector.metrics")
    for name, labels in samples:
        if "quantile" in labels:
            assert labels.pop(labels.index("quantile"))
            assert "quantile" in defined[name].labels
            labels = labels + ["quantile"]
        assert sorted(labels) == sorted(defined[name].labels), name
    assert {name for name, _ in samples} <= set(defined)


def test_labels_are_escaped(server):
    (line,) = [line for line in text_of(server).split("\n")
               if line.startswith("ruvector_integrity_state{")
               and "quoted" in line]
    assert line == ('ruvector_integrity_state{collection="a \\"quoted\\"\\\\ '
                    'name\\nof two lines"} 0')


def test_an_unknown_value_is_no_sample(server):
    server.execute("UPDATE ruvector.integrity_state SET lambda2 = NULL")
    assert "ruvector_integrity_lambda2{" not in text_of(server)


def test_a_damaged_log_shows(new_cluster):
    server = new_cluster("damaged")
    enrol(server)
    server.wait_for("SELECT unsealed = 0 FROM ruvector_verify_chain()")
    chain = "SELECT value FROM ruvector.metrics WHERE family = " \
            "'ruvector_audit_chain_ok'"
    assert server.value(chain) == 1
    server.execute("ALTER TABLE ruvector.integrity_events DISABLE TRIGGER ALL")
    server.execute("UPDATE ruvector.integrity_events SET metadata = '{}' "
                   "WHERE event_type = 'sample'")
    assert server.value(chain) == 0


def test_the_exporters_files_are_those_of_the_definitions(server):
    metrics = exporter_files.definitions(server)
    for name, text in (
            ("postgres_exporter.yml", exporter_files.postgres_exporter(metrics)),
            ("ruvector.collector.yml", exporter_files.sql_exporter(metrics))):
        path = DEPLOY / name
        if os.environ.get("RUVECTOR_WRITE"):
            path.resolve().write_text(text)
        assert path.read_text() == text


def test_the_page_has_all_metrics(server):
    rows = "".join(
        f"| `{name}` | {type_} | {', '.join(f'`{label}`' for label in labels)} "
        f"| {help_} |\n".replace("|  |", "| |") for name, type_, labels, help_
        in server.execute("SELECT * FROM ruvector.metric_definitions "
                          'ORDER BY name COLLATE "C"'))
    page = DOCS / "reference/metrics.md"
    head, table = page.read_text().split("|---|---|---|---|\n")
    if os.environ.get("RUVECTOR_WRITE"):
        page.write_text(f"{head}|---|---|---|---|\n{rows}")
        return
    assert table == rows


def test_every_alert_has_its_runbook():
    page = (DOCS / "how-to/respond-to-an-alert.md").read_text()
    headings = re.findall(r"^## (.+)$", page, flags=re.M)
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert [rule["alert"] for rule in alerts] == headings
    for rule in alerts:
        assert rule["annotations"]["runbook_url"] == (
            f"docs/how-to/respond-to-an-alert.md#{rule['alert'].lower()}")


def test_the_collector_reads_what_the_text_tells(server):
    """As sql_exporter does: a value column, the others are labels."""
    collector = yaml.safe_load((DEPLOY / "ruvector.collector.yml").read_text())
    queries = {q["query_name"]: q["query"] for q in collector["queries"]}
    assert len(queries) == len(collector["queries"])
    read = set()
    with server.connect(user="monitor") as session:
        for metric in collector["metrics"]:
            cursor = session.execute(queries[metric["query_ref"]])
            columns = [c.name for c in cursor.description]
            (value,) = metric["values"]
            for row in map(dict, (zip(columns, r) for r in cursor)):
                assert set(metric.get("key_labels", [])) <= set(row)
                if row[value] is not None:
                    read.add(metric["metric_name"])
    assert read == set(re.findall(r"^(\w+)[{ ]", text_of(server), flags=re.M))


def test_prometheus_has_what_the_server_says(server, prometheus):
    names = set(re.findall(r"^(\w+)[{ ]", text_of(server), flags=re.M))
    scraped = {r["metric"]["__name__"]
               for r in prometheus('{__name__=~"ruvector_.*"}')}
    assert names <= scraped
    force(server, "critical")
    wait_for(lambda: prometheus(
        'ruvector_integrity_state{collection="docs"} == 2'), 30,
        what="Prometheus sees the forced state")
    assert prometheus(
        'ruvector_integrity_overridden{collection="docs"}'
    )[0]["value"][1] == "1"
    release(server)
    wait_for(lambda: prometheus(
        'ruvector_integrity_state{collection="docs"} == 0'), 30,
        what="Prometheus sees it released")
    (rows,) = [r["value"][1] for r in prometheus(
        'ruvector_gate_decisions_total{collection="docs",operation="insert",'
        'outcome="allowed"}')]
    assert float(rows) == server.value(
        "SELECT allowed FROM ruvector.gate_stats WHERE collection = 'docs' "
        "AND operation = 'insert'")


def test_the_alert_rules_evaluate_and_are_quiet(prometheus):
    """No alert about a healthy server."""
    def evaluated():
        groups = prometheus.rules()["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert rules
        assert "err" not in {rule["health"] for rule in rules}, rules
        return {rule["health"] for rule in rules} == {"ok"}
    wait_for(evaluated, 30, what="every rule is evaluated")
    assert prometheus('ALERTS{alertstate="firing"}') == []


@pytest.mark.parametrize("check", [["check", "rules", "alerts.yml"],
                                   ["test", "rules", "alerts_test.yml"]])
def test_promtool_on_the_rules(check):
    outcome = subprocess.run(["promtool", *check], cwd=DEPLOY, text=True,
                             capture_output=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_dashboard_is_that_of_the_panels():
    path = workspace() / "deploy/grafana/ruvector.json"
    if os.environ.get("RUVECTOR_WRITE"):
        path.resolve().write_text(dashboard.dashboard())
    assert path.read_text() == dashboard.dashboard()


def test_prometheus_understands_every_panel(server, prometheus):
    """No query fails, and each one names a metric and labels that exist."""
    defined = {m.name: m.labels for m in exporter_files.definitions(server)}
    panels = json.loads(dashboard.dashboard())["panels"]
    queries = [target["expr"] for panel in panels
               for target in panel.get("targets", [])]
    assert len(queries) > 15
    for query in queries:
        for name, labels in re.findall(r"(ruvector_\w+)\{([^}]*)\}", query):
            used = set(re.findall(r"(\w+)[=!]", labels)) - {"instance"}
            assert used <= set(defined[name]), query
        prometheus(query.replace("$__rate_interval", "1m")
                   .replace("$instance", ".*").replace("$collection", ".*"))
