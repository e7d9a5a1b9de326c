"""Waiting for something real instead of sleeping."""

import time


def wait_for(probe, timeout=30.0, interval=0.05, what=None):
    """Calls `probe` until it returns something true, and returns that.

    Fails after `timeout` seconds with `what` (or the probe's name) and the last
    value seen. Exceptions of the probe are not swallowed.
    """
    deadline = time.monotonic() + timeout
    while True:
        seen = probe()
        if seen:
            return seen
        if time.monotonic() > deadline:
            label = what or getattr(probe, "__name__", "condition")
            raise AssertionError(
                f"not within {timeout} s: {label}; last seen: {seen!r}")
        time.sleep(interval)
