"""The exporters' files, made of ruvector.metric_definitions.

A query reads all metrics of one set of labels and one subject at once, a
column each. Both exporters need it in that shape; only the frame differs."""

import collections

HEADER = """\
# Made of ruvector.metric_definitions by tests/metrics/exporter_files.py;
# RUVECTOR_WRITE=1 tests/harness/run_pytest.sh tests/metrics/metrics_test.py
# writes it anew. {what}
"""

Metric = collections.namedtuple("Metric", "name type labels help")


def definitions(server):
    """A summary is three metrics to an exporter."""
    found = []
    for name, type_, labels, help_ in server.execute(
            "SELECT name, type, labels, help FROM ruvector.metric_definitions "
            "ORDER BY name"):
        if type_ == "summary":
            found.append(Metric(name, "gauge", labels + ["quantile"], help_))
            found += [Metric(name + suffix, "counter", labels, help_ + what)
                      for suffix, what in (("_count", ": how many"),
                                           ("_sum", ": their sum"))]
        else:
            found.append(Metric(name, type_, labels, help_))
    return found


def groups(metrics):
    """(prefix, labels, metrics): what one query can read.

    Metrics without labels go together, and those of one subject with the same
    labels; where an earlier group has the prefix already, a longer one tells
    them apart.
    """
    used = set()
    waiting = collections.deque([(2, metrics)])
    while waiting:
        depth, some = waiting.popleft()
        found = collections.OrderedDict()
        for metric in some:
            subject = metric.name.split("_")[:depth] if metric.labels else ()
            found.setdefault((*subject, *metric.labels), []).append(metric)
        for members in found.values():
            words = [m.name.split("_")[:-1] for m in members]
            prefix = "_".join(w[0] for w in zip(*words) if len(set(w)) == 1)
            if prefix in used:
                assert depth < 10, f"no prefix of its own: {members}"
                waiting.append((depth + 1, members))
                continue
            used.add(prefix)
            yield prefix, members[0].labels, members


def query(prefix, labels, metrics, indent):
    """SQL whose columns are the labels and, without the prefix, the names."""
    selected = [f"labels ->> '{label}' AS {label}" for label in labels]
    selected += [f"max(value) FILTER (WHERE family || suffix = '{m.name}') AS "
                 f"{m.name[len(prefix) + 1:]}" for m in metrics]
    names = sorted({f"'{m.name}'" for m in metrics})
    lines = ["SELECT " + (",\n" + " " * 7).join(selected),
             "  FROM ruvector.metrics",
             " WHERE family || suffix IN ("
             + (",\n" + " " * 9).join(names) + ")"]
    if labels:
        # A quantile has the name of its family; sums have none.
        lines[-1] += f" AND labels ?& '{{{','.join(labels)}}}'"
        lines.append(" GROUP BY " + ", ".join(
            str(i + 1) for i in range(len(labels))))
    return "\n".join(" " * indent + part
                     for line in lines for part in line.split("\n"))


def postgres_exporter(metrics):
    text = HEADER.format(what="For prometheus-postgres-exporter "
                              "--extend.query-path=THIS_FILE.")
    for prefix, labels, members in groups(metrics):
        text += f"\n{prefix}:\n  query: |\n{query(prefix, labels, members, 4)}\n"
        text += "  metrics:\n"
        for label in labels:
            text += (f"    - {label}:\n        usage: LABEL\n"
                     f"        description: {label}\n")
        for m in members:
            text += (f"    - {m.name[len(prefix) + 1:]}:\n"
                     f"        usage: {m.type.upper()}\n"
                     f"        description: \"{m.help}\"\n")
    return text


def sql_exporter(metrics):
    text = HEADER.format(what="A collector file for "
                              "github.com/burningalchemist/sql_exporter.")
    text += "\ncollector_name: ruvector\n\nmetrics:\n"
    queries = ""
    for prefix, labels, members in groups(metrics):
        for m in members:
            text += (f"  - metric_name: {m.name}\n    type: {m.type}\n"
                     f"    help: \"{m.help}\"\n")
            if labels:
                text += f"    key_labels: [{', '.join(labels)}]\n"
            text += (f"    values: [{m.name[len(prefix) + 1:]}]\n"
                     f"    query_ref: {prefix}\n")
        queries += (f"  - query_name: {prefix}\n    query: |\n"
                    f"{query(prefix, labels, members, 6)}\n")
    return text + "\nqueries:\n" + queries
