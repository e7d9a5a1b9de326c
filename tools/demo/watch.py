"""Following lambda and the state."""

import time

from demo.collection import NAME
from demo.story import paint, say

_STATE = """
SELECT sample_count, state, lambda_cut, lambda_norm, service_norm, stale
FROM ruvector.integrity WHERE collection = %s
"""


def _figure(value):
    return "   -" if value is None else f"{value:4.2f}"


def look(session):
    """(sample_count, state, lambda_cut, lambda_norm, service_norm, stale)"""
    return session.execute(_STATE, [NAME]).fetchone()


def until(session, states, what, timeout=90):
    """Prints each sample that differs from the last until the state is one of
    `states`; fails after `timeout` seconds."""
    say(f"-> waiting until {what}")
    started, last_said, last = time.monotonic(), 0.0, None
    while True:
        seen = look(session)
        now = time.monotonic() - started
        if seen is not None and seen[0] > 0:
            _, state, cut, norm, service, stale = seen
            shown = (state, _figure(norm), _figure(service), stale)
            if shown != last or now - last_said > 5:
                say(f"   {now:4.0f} s   lambda {_figure(cut)}   normalised "
                    f"{shown[1]}   service {shown[2]}   "
                    + paint(state, state) + ("   (stale)" if stale else ""))
                last, last_said = shown, now
            if state in states:
                return state
        elif now - last_said > 5:
            say(f"   {now:4.0f} s   no sample yet")
            last_said = now
        if now > timeout:
            raise SystemExit(
                f"error: not within {timeout} s: {what}; last seen: {seen}")
        time.sleep(0.25)


def witnesses(session):
    """The weakest edges of the cut that decides, as people read them."""
    lines = [row[0] for row in session.execute(
        "SELECT format('%%s %%s -- %%s   at %%s %%%% of its healthy capacity', "
        "edge_type, source_name, target_name, "
        "round((100 * capacity / nullif(baseline, 0))::numeric)) "
        "FROM ruvector.witness_edges WHERE collection = %s ORDER BY rank",
        [NAME])]
    shown = lines[:5]
    if len(lines) > len(shown):
        shown.append(f"... and {len(lines) - len(shown)} more")
    return shown
