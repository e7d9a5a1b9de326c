"""A line plot with logarithmic axes, as SVG text; no library."""

import math
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 760, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 30, 50, 60
_INSET = 24  # between the frame and the first and last decade
_COLOURS = ["#1f5fa8", "#c05a14", "#2c7a3d"]


class Plot:
    """Add lines and levels, then ask for svg()."""

    def __init__(self, title, x_label, y_label):
        self._title, self._x_label, self._y_label = title, x_label, y_label
        self._lines, self._levels = [], []

    def line(self, name, points):
        """`points`: (x, y), both positive, in the order of x."""
        self._lines.append((name, points))

    def level(self, name, y):
        self._levels.append((name, y))

    def svg(self):
        xs = [x for _, points in self._lines for x, _ in points]
        ys = [y for _, points in self._lines for _, y in points]
        ys += [y for _, y in self._levels]
        self._x_range, self._y_range = _decades(xs), _decades(ys)
        return "\n".join([
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" '
            f'height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            'font-family="Helvetica, Arial, sans-serif" font-size="13">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            _text(_WIDTH / 2, 26, self._title, size=16, anchor="middle"),
            *self._axes(), *self._level_marks(), *self._curves(),
            *self._legend(), "</svg>", ""])

    def _x(self, value):
        return _position(value, self._x_range, _LEFT + _INSET,
                         _WIDTH - _RIGHT - _INSET)

    def _y(self, value):
        return _position(value, self._y_range, _HEIGHT - _BOTTOM - _INSET,
                         _TOP + _INSET)

    def _axes(self):
        left, right = _LEFT, _WIDTH - _RIGHT
        top, bottom = _TOP, _HEIGHT - _BOTTOM
        for value, major in _grid(self._x_range):
            x = self._x(value)
            yield _rule(x, top, x, bottom, "#bbb" if major else "#eee")
            if major:
                yield _text(x, bottom + 18, f"{value:,g}", anchor="middle")
        for value, major in _grid(self._y_range):
            y = self._y(value)
            yield _rule(left, y, right, y, "#bbb" if major else "#eee")
            if major:
                yield _text(left - 8, y + 4, f"{value:,g}", anchor="end")
        yield (f'<rect x="{left}" y="{top}" width="{right - left}" '
               f'height="{bottom - top}" fill="none" stroke="#333"/>')
        yield _text((left + right) / 2, _HEIGHT - 16, self._x_label,
                    anchor="middle")
        yield (f'<g transform="translate(20 {(top + bottom) / 2}) '
               'rotate(-90)">' + _text(0, 0, self._y_label, anchor="middle")
               + "</g>")

    def _level_marks(self):
        for name, value in self._levels:
            y = self._y(value)
            yield _rule(_LEFT, y, _WIDTH - _RIGHT, y, "#a11", dashes="7 4")
            yield _text(_LEFT + 14, y + 16, name, colour="#a11")

    def _curves(self):
        for i, ((_, points), colour) in enumerate(
                zip(self._lines, _COLOURS)):
            above = i == 0  # the figures of the others go below their line
            at = [(self._x(x), self._y(y)) for x, y in points]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
            yield (f'<polyline points="{path}" fill="none" '
                   f'stroke="{colour}" stroke-width="2"/>')
            for (x, y), (_, value) in zip(at, points):
                yield (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" '
                       f'fill="{colour}"/>')
                yield _text(x, y - 9 if above else y + 18, f"{value:,.3g}",
                            size=11, anchor="middle", colour=colour)

    def _legend(self):
        for i, ((name, _), colour) in enumerate(zip(self._lines, _COLOURS)):
            y = _TOP + 20 + 20 * i
            yield _rule(_LEFT + 14, y - 4, _LEFT + 40, y - 4, colour, 2)
            yield _text(_LEFT + 48, y, name)


def _decades(values):
    """Whole decades that hold all values, as exponents."""
    return (math.floor(math.log10(min(values))),
            math.ceil(math.log10(max(values))))


def _position(value, exponents, start, end):
    low, high = exponents
    return start + (end - start) * (math.log10(value) - low) / (high - low)


def _grid(exponents):
    """(value, whether a power of ten) of each line of the grid."""
    low, high = exponents
    for exponent in range(low, high + 1):
        yield 10.0 ** exponent, True
        if exponent < high:
            for digit in range(2, 10):
                yield digit * 10.0 ** exponent, False


def _rule(x1, y1, x2, y2, colour, width=1, dashes=None):
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="{width}"{dash}/>')


def _text(x, y, text, size=13, anchor="start", colour="#222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>')
