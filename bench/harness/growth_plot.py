"""growth.svg: events a second by the rows that are there before, a line for each way."""

from __future__ import annotations

from . import growth
from .results import Results

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 860, 380, 80, 60, 50, 230
COLOURS = {"ceiling": "#9aa5b1", "month": "#b3452f", "day": "#c98a1b", "deferred": "#2f6fb3"}
TITLES = {"ceiling": "ceiling: COPY, month", "month": "a partition a month", "day": "a partition a day",
          "deferred": "a day, indexes deferred"}


def svg(results: Results, subtitle: str) -> str:
    """An empty text: growth was not measured."""
    measured = growth.measured(results)
    if not measured:
        return ""
    rows = sorted({step.rows for step in measured})
    rates = {(way, step): results.median(case, "running_rate") for way in TITLES for step in measured
             if results.has(case := growth.case_name(way, step.name))}
    highest = max(rates.values())

    def place(step: growth.Step, rate: float) -> tuple[float, float]:
        across = rows.index(step.rows) / max(len(rows) - 1, 1)
        return (LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - rate / highest * (HEIGHT - TOP - BOTTOM))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        '<text x="12" y="22" font-size="16" font-weight="bold">events a second, by rows in the month</text>',
        f'<text x="12" y="40" fill="#666666">{subtitle}</text>',
    ]
    for count in rows:
        x = place(growth.Step(count, False), 0)[0]
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT - 24}" text-anchor="middle">{count // growth.MILLION} M</text>')
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = place(growth.Step(rows[0], False), highest * share)[1]
        parts += [f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e6e9"/>',
                  f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{highest * share:,.0f}</text>']
    for number, (way, title) in enumerate(TITLES.items()):
        for is_limited in (False, True):
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (
                place(step, rates[way, step]) for step in measured
                if step.is_limited == is_limited and (way, step) in rates))
            dash = ' stroke-dasharray="6 4"' if is_limited else ""
            parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[way]}" stroke-width="2"{dash}/>')
        y = TOP + 24 * number
        parts += [f'<rect x="{WIDTH - RIGHT + 20}" y="{y}" width="14" height="14" fill="{COLOURS[way]}"/>',
                  f'<text x="{WIDTH - RIGHT + 40}" y="{y + 12}">{title}</text>']
    for line, words in enumerate(("dashed: memory for a", "quarter of the indexes")):
        parts.append(f'<text x="{WIDTH - RIGHT + 20}" y="{TOP + 24 * len(TITLES) + 12 + 18 * line}">{words}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
