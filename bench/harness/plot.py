"""results.svg: events a second by way, as bars. No library: a bar is a rectangle."""

from __future__ import annotations

import html

from .results import Results

WIDTH, BAR, GAP, LABEL, VALUE = 860, 22, 10, 330, 150

TITLES = {
    "ceiling": "ceiling: COPY from files, bare table",
    "default": "usage-ingestd, 3 KB events",
    "lean": "usage-ingestd, 2 KB events",
    "full": "usage-ingestd, 14 KB events",
    "hot": "usage-ingestd, one hot subscription",
    "duplicates": "usage-ingestd, all duplicates",
    "copy-statement-trigger-2": "COPY, statement trigger, 2 connections",
    "copy-statement-trigger-1": "COPY, statement trigger",
    "go-statement-trigger": "Go, COPY, no duplicates, statement trigger",
    "debezium": "Kafka Connect, Debezium's JDBC sink",
    "telegraf": "Telegraf, statement triggers",
    "copy-row-trigger": "COPY of 5,000, seed trigger",
    "go-row-trigger": "Go, COPY of 5,000, seed trigger",
    "insert-per-row": "INSERT per row, seed trigger",
    "status-quo": "Python, INSERT per row, seed trigger",
}


def svg(results: Results, subtitle: str) -> str:
    shown = [(case, title) for case, title in TITLES.items() if results.has(case)]
    height = 60 + len(shown) * (BAR + GAP)
    longest = max((results.median(case) for case, _ in shown), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="12" y="22" font-size="16" font-weight="bold">events a second</text>',
        f'<text x="12" y="40" fill="#666666">{html.escape(subtitle)}</text>',
    ]
    for place, (case, title) in enumerate(shown):
        top = 54 + place * (BAR + GAP)
        rate = results.median(case)
        low, high = results.spread(case)
        scale = (WIDTH - LABEL - VALUE) / longest
        ours = case in ("default", "lean", "full", "hot", "duplicates")
        colour = "#2f6fb3" if ours else "#9aa5b1"
        middle = top + BAR / 2
        parts += [
            f'<text x="{LABEL - 10}" y="{middle + 5}" text-anchor="end">{html.escape(title)}</text>',
            f'<rect x="{LABEL}" y="{top}" width="{max(rate * scale, 1):.1f}" height="{BAR}" '
            f'fill="{colour}"/>',
            f'<line x1="{LABEL + low * scale:.1f}" x2="{LABEL + high * scale:.1f}" '
            f'y1="{middle}" y2="{middle}" stroke="#222222"/>',
            f'<text x="{LABEL + high * scale + 8:.1f}" y="{middle + 5}">{rate:,.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"
