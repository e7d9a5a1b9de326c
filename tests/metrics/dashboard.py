"""The Grafana dashboard, made of the list of panels below."""

import json

STATES = {"0": ("normal", "green"), "1": ("stress", "orange"),
          "2": ("critical", "red")}
ON = {"1": ("yes", "green"), "0": ("no", "red")}
OFF = {"0": ("no", "green"), "1": ("yes", "red")}
CHOSEN = '{instance=~"$instance", collection=~"$collection"'

# (title, type, unit, width, value texts, what it tells, [(query, legend)])
ROWS = [
    ("State", [
        ("State", "state-timeline", "none", 16, STATES,
         "State in force, an override included. Critical refuses writes.",
         [(f"ruvector_integrity_state{CHOSEN}}}", "{{collection}}")]),
        ("Log verifies", "stat", "none", 4, ON,
         "The newest 256 events of the signed log.",
         [('ruvector_audit_chain_ok{instance=~"$instance"}',
           "{{instance}}")]),
        ("Healing enabled", "stat", "none", 4, ON,
         "Switched off by the setting or by the configuration: no.",
         [('ruvector_healing_enabled{instance=~"$instance"}',
           "{{instance}}")]),
        ("Cut over its healthy value", "timeseries", "percentunit", 12, {},
         "1 is healthy; the policy's thresholds are 0.8 and 0.3 by default.",
         [(f"ruvector_integrity_norm{CHOSEN}}}", "{{collection}}")]),
        ("Age of the last pass", "timeseries", "s", 12, {},
         "Grows without bound when the worker hangs.",
         [(f"time() - ruvector_integrity_last_sample_timestamp_seconds{CHOSEN}}}",
           "{{collection}}")]),
    ]),
    ("Problems and recall", [
        ("Confirmed problems", "timeseries", "percentunit", 12, {},
         "Severity of each.",
         [(f"ruvector_problem_severity{CHOSEN}}}",
           "{{collection}}: {{cause}}")]),
        ("Recall against its target", "timeseries", "percentunit", 12, {},
         "Last probe of each index, with the ends of its 95 % interval.",
         [(f"ruvector_recall_ratio{CHOSEN}}}", "{{index}}"),
          (f"ruvector_recall_low_ratio{CHOSEN}}}", "{{index}} low"),
          (f"ruvector_recall_high_ratio{CHOSEN}}}", "{{index}} high"),
          (f"ruvector_recall_target_ratio{CHOSEN}}}", "{{index}} target")]),
    ]),
    ("Gate", [
        ("Statements not let in at once", "timeseries", "ops", 12, {},
         "By operation and outcome.",
         [("sum by (operation, outcome) (rate(ruvector_gate_decisions_total"
           f'{CHOSEN}, outcome!="allowed"}}[$__rate_interval]))',
           "{{operation}} {{outcome}}")]),
        ("Statements let in", "timeseries", "ops", 12, {},
         "By operation.",
         [("sum by (operation) (rate(ruvector_gate_decisions_total"
           f'{CHOSEN}, outcome="allowed"}}[$__rate_interval]))',
           "{{operation}}")]),
    ]),
    ("Healing", [
        ("Remediations", "timeseries", "none", 12, {},
         "Begun, verified, and left for a person.",
         [("sum by (collection, strategy) (increase("
           f"ruvector_healing_{what}_total{CHOSEN}}}[$__rate_interval]))",
           "{{collection}} {{strategy}} " + legend)
          for what, legend in (("attempts", "begun"), ("success", "verified"),
                               ("needs_human", "needs a person"))]),
        ("Under way and waiting", "timeseries", "none", 12, {},
         "What acts now, and plans that wait for approval.",
         [(f"ruvector_healing_active{CHOSEN}}}", "{{collection}} acts"),
          (f"ruvector_healing_awaiting_approval{CHOSEN}}}",
           "{{collection}} waits for approval")]),
        ("How long remediations act", "timeseries", "s", 12, {},
         "Median and 99th percentile.",
         [(f"ruvector_healing_duration_seconds{CHOSEN}}}",
           "{{strategy}} {{quantile}}")]),
        ("In quarantine", "stat", "none", 12, OFF,
         "Strategies whose process failed repeatedly.",
         [('ruvector_strategy_quarantined{instance=~"$instance"}',
           "{{strategy}}")]),
    ]),
    ("Log and webhooks", [
        ("Events", "timeseries", "ops", 12, {}, "Signed a second.",
         [('deriv(ruvector_audit_events{instance=~"$instance"}'
           "[$__rate_interval])", "{{instance}}")]),
        ("Oldest event that waits to be signed", "timeseries", "s", 6, {},
         "Should be near 0.",
         [('ruvector_audit_oldest_unsealed_seconds{instance=~"$instance"}',
           "{{instance}}")]),
        ("Webhooks", "timeseries", "ops", 6, {}, "By what became of them.",
         [("sum by (outcome) (rate(ruvector_webhook_messages_total"
           f"{CHOSEN}}}[$__rate_interval]))", "{{outcome}}")]),
    ]),
]


def _panel(id, place, title, kind, unit, texts, tells, queries):
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "id": id, "title": title, "type": kind, "description": tells,
        "datasource": source, "gridPos": place,
        "fieldConfig": {"overrides": [], "defaults": {
            "unit": unit, "mappings": [{"type": "value", "options": {
                value: {"text": text, "color": color, "index": i}
                for i, (value, (text, color)) in enumerate(texts.items())}}]
            if texts else []}},
        "targets": [{"refId": chr(65 + i), "expr": expr,
                     "legendFormat": legend, "datasource": source}
                    for i, (expr, legend) in enumerate(queries)],
        "options": {}}


def _variable(name, label):
    return {"name": name, "label": label, "type": "query", "multi": True,
            "includeAll": True, "refresh": 2,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "query": f"label_values(ruvector_integrity_state, {name})"}


def dashboard():
    panels, y = [], 0
    for title, members in ROWS:
        panels.append({"id": len(panels) + 1, "type": "row", "title": title,
                       "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        x, y = 0, y + 1
        for name, kind, unit, width, texts, tells, queries in members:
            if x + width > 24:
                x, y = 0, y + 8
            panels.append(_panel(
                len(panels) + 1, {"x": x, "y": y, "w": width, "h": 8}, name,
                kind, unit, texts, tells, queries))
            x += width
        y += 8
    return json.dumps({
        "uid": "ruvector", "title": "ruvector", "schemaVersion": 38,
        "tags": ["postgresql", "pgvector"], "timezone": "", "editable": True,
        "refresh": "30s", "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "type": "datasource",
             "query": "prometheus", "label": "Data source"},
            _variable("instance", "Server"),
            _variable("collection", "Collection")]},
        "panels": panels}, indent=2) + "\n"
