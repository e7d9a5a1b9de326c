"""Random calls, once through the functions and once as plain SQL.

Each operation makes its call and gives the statement that a program without
the functions would send to the twin. Both run in one transaction, so that now()
is the same, and must end alike: same answer, or both an error of the same kind.
"""

import json
import random

import psycopg

from caliber.kit import ENTITIES, nobody

# What the functions refuse as an argument, the tables refuse as a constraint;
# of two mistakes in one call either may be named.
_ARGUMENTS = {"22023", "22004"}
_CONSTRAINTS = {"23502", "23514"}

_STATUSES = ("active", "completed", "failed", "suspended")
_ARTIFACTS = ("fact", "code", "custom", "plan", "error_log")
_NOTES = ("insight", "fact", "meta", "strategy")
_ROLES = ("user", "assistant", "system", "tool")
_TTLS = ("persistent", "session", "long_term", "duration:86400000",
         "duration:0")
_COMPLETED = "CASE WHEN {0} IN ('completed', 'failed') THEN now() END"


class Model:
    def __init__(self, session, seed, schema="twin"):
        self.session = session
        self.random = random.Random(seed)
        self.schema = schema
        self.ids = {entity: [] for entity in ENTITIES}
        self.trace = []
        self.errors = 0

    # Chance

    def maybe(self, value, chance=0.5):
        return value if self.random.random() < chance else None

    def word(self, words):
        """One of them; now and then none of them, or NULL."""
        chance = self.random.random()
        if chance < 0.03:
            return "bogus"
        return None if chance < 0.04 else self.random.choice(words)

    def text(self):
        chance = self.random.random()
        if chance < 0.02:
            return None
        if chance < 0.05:
            # Too long for its page, and hard to compress.
            return "".join(self.random.choices("abcdefghij\u00e9\u4e2d",
                                               k=40000))
        return "".join(self.random.choices("ab c\"'\\\u00e9\u4e2d\n",
                                           k=self.random.randrange(20)))

    def id(self, entity):
        """Of a row, of one that is gone, or of none."""
        known = self.ids[entity]
        if not known or self.random.random() < 0.05:
            return nobody()
        return self.random.choice(known[-30:])

    def document(self):
        return self.random.choice(
            [None, "{}", '{"a": [1, 2.5, null]}', '"x"', "[true]", "17"])

    def updates(self, columns):
        """A JSON object of some columns, and the same as assignments."""
        chosen = self.random.sample(sorted(columns),
                                    self.random.randint(1, 3))
        given, assignments, values = {}, [], []
        for column in chosen:
            kind = columns[column]
            if kind == "text":
                value = self.text()
            elif kind == "json":
                value = self.document()
                given[column] = None if value is None else json.loads(value)
                assignments.append(f"{column} = %s::jsonb")
                values.append(value)
                continue
            elif kind == "int":
                value = self.random.randint(-2, 1000)
            elif kind == "bool":
                value = self.random.random() < 0.5
            elif isinstance(kind, tuple) and kind[0] == "id":
                value = self.maybe(self.id(kind[1]), 0.8)
                given[column] = None if value is None else str(value)
                assignments.append(f"{column} = %s::uuid")
                values.append(value)
                continue
            else:
                value = self.word(kind)
            given[column] = value
            assignments.append(f"{column} = %s")
            values.append(value)
        return json.dumps(given), assignments, values, given

    # Running

    def both(self, function, statement):
        """Runs a call and its statement; the call's value, None on errors.

        `function` and `statement(value)` give (sql, parameters).
        """
        with self.session.transaction():
            kind, value = self._try(*function)
            sql, parameters = statement(value if kind == "ok" else None)
            twin_kind, twin_value = self._try(
                sql.replace("caliber_", self.schema + ".caliber_"),
                parameters)
            self.trace.append((function, kind, value))
            if kind == "error":
                self.errors += 1
                # Of a row that is not there SQL looks at no value.
                if value in _ARGUMENTS and (twin_kind, twin_value) == ("ok",
                                                                       0):
                    return None
                assert twin_kind == "error", (function, value, "twin did")
                wanted = _CONSTRAINTS if value in _ARGUMENTS else {value}
                assert twin_value in wanted, (function, value, twin_value)
                return None
            assert twin_kind == "ok", (function, value, sql, parameters,
                                       twin_value)
            return value, twin_value

    def _try(self, sql, parameters):
        try:
            with self.session.transaction():
                cursor = self.session.execute(sql, parameters)
                if cursor.description is None:
                    return "ok", cursor.rowcount
                rows = cursor.fetchall()
                return "ok", rows[0][0] if len(rows) == 1 else rows
        except psycopg.Error as error:
            if error.sqlstate is None or error.sqlstate.startswith("XX"):
                raise
            return "error", error.sqlstate

    def create(self, entity, arguments, insert):
        """insert: (columns and expressions, parameters) but for the id."""
        places = ", ".join(["%s"] * len(arguments))
        columns, expressions, parameters = insert
        result = self.both(
            (f"SELECT caliber_{entity}_create({places})", arguments),
            lambda value: (f"INSERT INTO caliber_{entity} ({entity}_id, "
                           f"{columns}) VALUES (%s, {expressions})",
                           [value or nobody(), *parameters]))
        if result is not None:
            self.ids[entity].append(result[0])

    def change(self, entity, function, arguments, assignments, values):
        """A function that says whether it changed the row of its first
        argument."""
        places = ", ".join(["%s"] * len(arguments))
        result = self.both(
            (f"SELECT {function}({places})", arguments),
            lambda _: (f"UPDATE caliber_{entity} SET "
                       f"{', '.join(assignments)} WHERE {entity}_id = %s",
                       [*values, arguments[0]]))
        if result is not None:
            assert result[0] == (result[1] == 1), (function, arguments, result)

    def delete(self, entity):
        key = self.id(entity)
        result = self.both(
            (f"SELECT caliber_{entity}_delete(%s)", [key]),
            lambda _: (f"DELETE FROM caliber_{entity} WHERE {entity}_id = %s",
                       [key]))
        if result is not None:
            assert result[0] == (result[1] == 1)

    def rows(self, function, arguments, query, parameters):
        """A list, row by row, in order."""
        places = ", ".join(["%s"] * len(arguments))
        with self.session.transaction():
            real = self.session.execute(
                f"SELECT * FROM {function}({places})", arguments).fetchall()
            twin = self.session.execute(
                query.replace("caliber_", self.schema + ".caliber_"),
                parameters).fetchall()
        assert real == twin, (function, arguments, real, twin)
        self.trace.append((function, arguments, len(real)))

    # Operations

    def trajectory_create(self):
        name, about, agent = self.text(), self.text(), self.maybe(nobody())
        parent, meta = self.maybe(self.id("trajectory"), 0.3), self.document()
        self.create("trajectory", [name, about, agent, parent, meta], (
            "name, description, agent_id, parent_trajectory_id, metadata, "
            "root_trajectory_id",
            "%s, %s, %s::uuid, %s::uuid, %s::jsonb, (SELECT "
            "coalesce(root_trajectory_id, trajectory_id) FROM "
            "caliber_trajectory WHERE trajectory_id = %s)",
            [name, about, agent, parent, meta, parent]))

    def trajectory_set_status(self):
        status = self.word(_STATUSES)
        self.change("trajectory", "caliber_trajectory_set_status",
                    [self.id("trajectory"), status],
                    ["status = %s", "completed_at = " +
                     _COMPLETED.format("%s")], [status, status])

    def trajectory_update(self):
        given, assignments, values, plain = self.updates({
            "name": "text", "description": "text", "status": _STATUSES,
            "parent_trajectory_id": ("id", "trajectory"),
            "outcome": "json", "metadata": "json"})
        if "status" in plain:
            assignments.append("completed_at = " + _COMPLETED.format("%s"))
            values.append(plain["status"])
        self.change("trajectory", "caliber_trajectory_update",
                    [self.id("trajectory"), given], assignments, values)

    def trajectory_delete(self):
        self.delete("trajectory")

    def trajectory_lists(self):
        status = self.random.choice(_STATUSES)
        limit, offset = self.maybe(self.random.randrange(9)), \
            self.random.randrange(4)
        self.rows("caliber_trajectory_rows_by_status",
                  [status, limit, offset],
                  "SELECT * FROM caliber_trajectory WHERE status = %s "
                  "ORDER BY created_at DESC, trajectory_id DESC "
                  "LIMIT %s OFFSET %s", [status, limit, offset])
        parent = self.id("trajectory")
        self.rows("caliber_trajectory_rows_of_children", [parent],
                  "SELECT * FROM caliber_trajectory WHERE "
                  "parent_trajectory_id = %s ORDER BY created_at, "
                  "trajectory_id", [parent])

    def scope_create(self):
        trajectory, name = self.id("trajectory"), self.text()
        purpose, budget = self.text(), self.random.randint(-1, 5000)
        parent = self.maybe(self.id("scope"), 0.2)
        self.create("scope", [trajectory, name, purpose, budget, parent], (
            "trajectory_id, name, purpose, token_budget, parent_scope_id",
            "%s, %s, %s, %s, %s::uuid",
            [trajectory, name, purpose, budget, parent]))

    def scope_close(self):
        self.change("scope", "caliber_scope_close", [self.id("scope")],
                    ["is_active = false", "closed_at = now()"], [])

    def scope_update_tokens(self):
        used = self.random.randint(-1, 9000)
        self.change("scope", "caliber_scope_update_tokens",
                    [self.id("scope"), used], ["tokens_used = %s"], [used])

    def scope_update(self):
        given, assignments, values, _ = self.updates({
            "name": "text", "purpose": "text", "is_active": "bool",
            "token_budget": "int", "parent_scope_id": ("id", "scope"),
            "checkpoint": "json", "metadata": "json"})
        self.change("scope", "caliber_scope_update",
                    [self.id("scope"), given], assignments, values)

    def scope_delete(self):
        self.delete("scope")

    def scope_lists(self):
        trajectory = self.id("trajectory")
        self.rows("caliber_scope_rows_by_trajectory", [trajectory],
                  "SELECT * FROM caliber_scope WHERE trajectory_id = %s "
                  "ORDER BY created_at, scope_id", [trajectory])
        with self.session.transaction():
            real = self.session.execute(
                "SELECT (caliber_scope_row_current(%s)).scope_id",
                [trajectory]).fetchone()[0]
            twin = self.session.execute(
                f"SELECT scope_id FROM {self.schema}.caliber_scope WHERE "
                "trajectory_id = %s AND is_active ORDER BY created_at DESC, "
                "scope_id DESC LIMIT 1", [trajectory]).fetchone()
        assert real == (twin and twin[0])

    def artifact_create(self):
        trajectory, scope = self.id("trajectory"), self.id("scope")
        kind, name, content = self.word(_ARTIFACTS), self.text(), self.text()
        ttl = self.word(_TTLS)
        self.create("artifact",
                    [trajectory, scope, kind, name, content, None, ttl], (
                        "trajectory_id, scope_id, artifact_type, name, "
                        "content, content_hash, ttl",
                        "%s, %s, %s, %s, %s, "
                        "sha256(convert_to(%s, 'UTF8')), "
                        "coalesce(%s, 'persistent')",
                        [trajectory, scope, kind, name, content, content,
                         ttl]))

    def artifact_update(self):
        given, assignments, values, plain = self.updates({
            "name": "text", "content": "text", "artifact_type": _ARTIFACTS,
            "superseded_by": ("id", "artifact"), "metadata": "json"})
        if "content" in plain:
            assignments.append(
                "content_hash = sha256(convert_to(%s, 'UTF8'))")
            values.append(plain["content"])
        self.change("artifact", "caliber_artifact_update",
                    [self.id("artifact"), given], assignments, values)

    def artifact_delete(self):
        self.delete("artifact")

    def artifact_lists(self):
        trajectory, scope = self.id("trajectory"), self.id("scope")
        kind = self.random.choice(_ARTIFACTS)
        alive = ("(ttl NOT LIKE 'duration:%%' OR created_at + "
                 "substr(ttl, 10)::bigint * interval '1 ms' >= "
                 "clock_timestamp())")
        order = "ORDER BY created_at DESC, artifact_id DESC"
        columns = ("artifact_id, trajectory_id, scope_id, artifact_type, "
                   "name, content, content_hash, NULL, provenance, ttl, "
                   "created_at, updated_at, superseded_by, metadata, NULL")
        for function, condition, keys in (
                ("by_type", "trajectory_id = %s AND artifact_type = %s",
                 [trajectory, kind]),
                ("by_scope", "scope_id = %s", [scope]),
                ("by_trajectory", "trajectory_id = %s", [trajectory])):
            self.rows(f"caliber_artifact_rows_{function}", keys,
                      f"SELECT {columns} FROM caliber_artifact WHERE "
                      f"{condition} AND {alive} {order}", keys)

    def note_create(self):
        kind, title, content = self.word(_NOTES), self.text(), self.text()
        source, ttl = self.maybe(self.id("trajectory")), self.word(_TTLS)
        self.create("note", [kind, title, content, source, None, ttl], (
            "note_type, title, content, content_hash, "
            "source_trajectory_ids, ttl",
            "%s, %s, %s, sha256(convert_to(%s, 'UTF8')), "
            "array_remove(ARRAY[%s::uuid], NULL), coalesce(%s, 'persistent')",
            [kind, title, content, content, source, ttl]))

    def note_read(self):
        """Counts, and shows the note as it was."""
        key = self.id("note")
        with self.session.transaction():
            twin = self.session.execute(
                f"SELECT access_count, accessed_at FROM {self.schema}."
                "caliber_note WHERE note_id = %s", [key]).fetchone()
            self.session.execute(
                f"UPDATE {self.schema}.caliber_note SET access_count = "
                "access_count + 1, accessed_at = now() WHERE note_id = %s",
                [key])
            real = self.session.execute(
                "SELECT access_count, accessed_at FROM caliber_note_row(%s)",
                [key]).fetchone()
        assert real == (twin or (None, None))

    def note_query(self):
        key = self.id("trajectory")
        where = ("source_trajectory_ids @> ARRAY[%s::uuid] AND "
                 "(ttl NOT LIKE 'duration:%%' OR created_at + "
                 "substr(ttl, 10)::bigint * interval '1 ms' >= "
                 "clock_timestamp())")
        with self.session.transaction():
            twin = self.session.execute(
                "SELECT note_id, access_count, accessed_at, content FROM "
                f"{self.schema}.caliber_note WHERE {where} ORDER BY "
                "created_at DESC, note_id DESC", [key]).fetchall()
            self.session.execute(
                f"UPDATE {self.schema}.caliber_note SET access_count = "
                f"access_count + 1, accessed_at = now() WHERE {where}", [key])
            real = self.session.execute(
                "SELECT note_id, access_count, accessed_at, content FROM "
                "caliber_note_rows_by_trajectory(%s)", [key]).fetchall()
        assert real == twin

    def note_update(self):
        given, assignments, values, plain = self.updates({
            "title": "text", "content": "text", "note_type": _NOTES,
            "superseded_by": ("id", "note"), "metadata": "json"})
        if "content" in plain:
            assignments.append(
                "content_hash = sha256(convert_to(%s, 'UTF8'))")
            values.append(plain["content"])
        self.change("note", "caliber_note_update", [self.id("note"), given],
                    assignments, values)

    def note_delete(self):
        self.delete("note")

    def turn_create(self):
        scope, sequence = self.id("scope"), self.random.randrange(30)
        role, content = self.word(_ROLES), self.text()
        tokens, calls = self.random.randint(-1, 50), self.document()
        self.create("turn", [scope, sequence, role, content, tokens, calls], (
            "scope_id, sequence, role, content, token_count, tool_calls",
            "%s, %s, %s, %s, %s, %s::jsonb",
            [scope, sequence, role, content, tokens, calls]))

    def turn_delete(self):
        self.delete("turn")

    def turn_lists(self):
        scope = self.id("scope")
        limit = self.maybe(self.random.randrange(5))
        self.rows("caliber_turn_rows_by_scope", [scope, limit],
                  "SELECT * FROM caliber_turn WHERE scope_id = %s "
                  "ORDER BY sequence LIMIT %s", [scope, limit])

    def get_many(self):
        entity = self.random.choice(("trajectory", "scope", "turn"))
        keys = [self.id(entity) for _ in range(self.random.randrange(6))]
        self.rows(f"caliber_{entity}_get_many", [keys],
                  f"SELECT * FROM caliber_{entity} WHERE {entity}_id = "
                  f"ANY (%s) ORDER BY {entity}_id", [keys])

    OPERATIONS = (
        (trajectory_create, 8), (trajectory_set_status, 4),
        (trajectory_update, 4), (trajectory_delete, 1), (trajectory_lists, 2),
        (scope_create, 8), (scope_close, 3), (scope_update_tokens, 3),
        (scope_update, 4), (scope_delete, 1), (scope_lists, 2),
        (artifact_create, 8), (artifact_update, 4), (artifact_delete, 1),
        (artifact_lists, 2), (note_create, 6), (note_read, 5),
        (note_query, 2), (note_update, 4), (note_delete, 1),
        (turn_create, 10), (turn_delete, 2), (turn_lists, 2), (get_many, 2))

    def run(self, steps):
        operations, weights = zip(*self.OPERATIONS)
        for operation in self.random.choices(operations, weights, k=steps):
            operation(self)

    def compare(self):
        """Both worlds, row by row."""
        for entity in ENTITIES:
            difference = self.session.execute(
                f"(SELECT 'real', * FROM caliber.caliber_{entity} EXCEPT "
                f"SELECT 'real', * FROM {self.schema}.caliber_{entity}) UNION "
                f"ALL (SELECT 'twin', * FROM {self.schema}.caliber_{entity} "
                f"EXCEPT SELECT 'twin', * FROM caliber.caliber_{entity})"
            ).fetchall()
            assert difference == [], (entity, difference[:4])
