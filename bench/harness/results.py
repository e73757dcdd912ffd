"""Figures by case and name, one a run; medians of them."""

from __future__ import annotations

import collections
import json
import pathlib
import statistics


class Results:
    def __init__(self) -> None:
        self.figures: dict[str, dict[str, list[float]]] = collections.defaultdict(
            lambda: collections.defaultdict(list))
        self.notes: dict[str, dict] = collections.defaultdict(dict)
        self.events: dict[str, int] = {}

    def add(self, case: str, **figures: float) -> None:
        for name, value in figures.items():
            self.figures[case][name].append(value)
        shown = "  ".join(f"{name} {value:,.3g}" if value < 100 else f"{name} {value:,.0f}"
                          for name, value in figures.items())
        print(f"    {case}: {shown}", flush=True)

    def note(self, case: str, **notes) -> None:
        self.notes[case].update(notes)

    def has(self, case: str) -> bool:
        return case in self.figures

    def median(self, case: str, name: str = "rate") -> float:
        return statistics.median(self.figures[case][name])

    def spread(self, case: str, name: str = "rate") -> tuple[float, float]:
        return min(self.figures[case][name]), max(self.figures[case][name])

    def ratio(self, case: str, over: str, name: str = "rate") -> float:
        return self.median(case, name) / self.median(over, name)

    def write_json(self, path: pathlib.Path) -> None:
        path.write_text(json.dumps({"figures": self.figures, "notes": self.notes,
                                    "events": self.events}, indent=1) + "\n")
