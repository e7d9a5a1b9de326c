"""How the demonstration speaks: scenes, timed steps, small tables."""

import contextlib
import sys
import textwrap
import threading
import time

_COLOURS = {"normal": "32", "stress": "33", "critical": "31", "bold": "1",
            "dim": "2"}


def paint(text, style):
    """ANSI colours on a terminal, plain text elsewhere."""
    if not sys.stdout.isatty():
        return text
    return f"\033[{_COLOURS[style]}m{text}\033[0m"


def say(text):
    print(text, flush=True)


def scene(title, explanation):
    """A headline and a paragraph on what is about to happen."""
    say("")
    say(paint(f"== {title}", "bold"))
    say(textwrap.fill(" ".join(explanation.split()), 78,
                      initial_indent="   ", subsequent_indent="   "))


@contextlib.contextmanager
def step(label):
    """Says what goes on, that it still does every 5 s, and how long it took."""
    started = time.monotonic()
    done = threading.Event()

    def beat():
        while not done.wait(5):
            say(f"   ... {time.monotonic() - started:3.0f} s: {label}")

    say(f"-> {label}")
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    elapsed = time.monotonic() - started
    if elapsed > 2:
        say(f"   done in {elapsed:.0f} s")


def table(headers, rows):
    """Columns as wide as they need to be."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [headers, *cells])
              for i in range(len(headers))]
    for row in [list(headers), ["-" * width for width in widths], *cells]:
        say("   " + "  ".join(cell.ljust(width)
                              for cell, width in zip(row, widths)).rstrip())


def quote(text, prefix="   | "):
    """Somebody else's words: a server's message, a program's output."""
    for line in str(text).splitlines():
        say(prefix + line)
