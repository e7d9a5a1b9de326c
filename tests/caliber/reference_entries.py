#!/usr/bin/env python3
"""Prints docs/reference entries of CALIBER's functions, from their SQL files.

What needs more than the comment says has it in _MORE. The output belongs under
the heading `## Agent memory` of docs/reference/functions.md, up to the next.
"""

import pathlib
import re

_SQL = pathlib.Path(__file__).resolve().parents[2] / "pgext/sql"
_FUNCTION = re.compile(r"^CREATE FUNCTION ([\w.]+)\(", re.M)
_RETURNS = re.compile(r"\)\s*RETURNS (.+?)\s+(?:AS|LANGUAGE)\b", re.S)
_COMMENT = re.compile(r"COMMENT ON FUNCTION ([\w.]+)\([^)]*\) IS\s+"
                      r"'((?:[^']|'')*)';")
_ADMIN = {"caliber_init", "caliber_upgrade", "caliber.create_tables",
          "caliber.touch_updated_at", "caliber.notify_message"}

_MORE = {
    "caliber_init": """The tables belong to the caller, who needs CREATE on the schema `caliber`; members of `ruvector_admin` have it. Safe to run at the
same time from several sessions. The role `caliber_user` may read and write the tables afterwards.

    SELECT caliber_init();
            caliber_init
    ----------------------------
     CALIBER's tables are made""",
    "caliber_new_id": "The ids that the functions give to rows are made in the same way.",
    "caliber_obstacle": """The answer is for the current user. `row-level security`, `privileges`, `rules`, `triggers` and so on mean that these commands go through SQL:
slower, otherwise the same ([how rows are read and written](../concepts/agent-memory.md#how-rows-are-read-and-written)).""",
    "caliber_trajectory_create": "A child's root is its parent's root, or the parent.",
    "caliber_trajectory_set_status": "Statuses are `active`, `completed`, `failed` and `suspended`; the last two words of a life may be taken back, which clears `completed_at`.",
    "caliber_note_get": "Returns the note as it was before this access. In a read-only transaction use `caliber_note_peek`.",
    "caliber_note_query_by_trajectory": "Found are the notes that have the trajectory among their `source_trajectory_ids`.",
    "caliber_scope_close": "Closing it again moves `closed_at`.",
}


def entries():
    for path in ("functions_caliber_schema.sql", "functions_caliber.sql",
                 "types_caliber.sql",
                 *sorted(p.name for p in
                         _SQL.glob("functions_caliber_*.sql")
                         if p.name != "functions_caliber_schema.sql")):
        text = (_SQL / path).read_text(encoding="utf-8")
        comments = {name: comment.replace("''", "'")
                    for name, comment in _COMMENT.findall(text)}
        for match in _FUNCTION.finditer(text):
            end, depth = match.end(), 1
            while depth:
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            result = _RETURNS.match(text, end - 1)[1]
            yield (match[1], text[match.end():end - 1], result,
                   comments[match[1]])


def errors(name, arguments):
    found = []
    if name in _ADMIN or name in ("caliber_version", "caliber_new_id",
                                  "caliber_schema_exists"):
        return {"caliber_upgrade": "`55000` before `caliber_init()`, or the "
                                   "tables are of a newer version"}.get(name)
    if re.search(r"_(create|create_many|update|set_status)$", name):
        found.append("`22023` a value that its column does not take, or an "
                     "unknown key")
        found.append("`54000` over `caliber.max_content_bytes`")
    elif "page_limit" in arguments:
        found.append("`22023` a negative limit or offset")
    found.append("`55000` before `caliber_init()`")
    if not re.search(r"_(get|row|peek|get_many|get_current|row_current)$|"
                     r"_list_|_rows_|_query_|_obstacle|_get_by_", name) or \
            re.search(r"note_(get|row|query\w*|rows\w*)$", name):
        found.append("`25006` standby or read-only transaction; `40001` "
                     "changed meanwhile, under REPEATABLE READ"
                     if re.search(r"_(update|delete|set_status|close|"
                                  r"update_tokens)$|note_(get$|row|query)",
                                  name)
                     else "`25006` standby or read-only transaction")
    return "; ".join(found)


def main():
    print("""## Agent memory

[CALIBER](../concepts/agent-memory.md): what holds for all of them is there. `42501` also where the role lacks the privilege on the table, or a
policy refuses the row; `23503`, `23505`, `23514` and `23502` where a constraint of the table does. NULL where no row is found, false where
none is changed.
""")
    for name, arguments, result, comment in entries():
        parts = [p.strip() for p in
                 re.split(r",\s*(?![^()]*\))", arguments) if p.strip()]
        plain = [re.sub(r" DEFAULT .*", "", p).replace('"', "")
                 for p in parts]
        defaults = [re.match(r'"?(\w+)"? .* DEFAULT (.+)', p)
                    for p in parts if " DEFAULT " in p]
        print(f"### {name}({', '.join(plain)})\n")
        print(f"| returns | `{result.strip()}` |\n|---|---|")
        print("| role | " + ("ruvector_admin" if name in _ADMIN
                             else "caliber_user") + " |")
        if defaults:
            print("| defaults | " + ", ".join(
                f"`{d[1]}` = `{d[2]}`" for d in defaults) + " |")
        wrong = errors(name, arguments)
        if wrong:
            print(f"| errors | {wrong} |")
        print(f"\n{comment[0].upper()}{comment[1:]}.")
        if name in _MORE:
            print(_MORE[name])
        print()


main()
