#!/usr/bin/env python3
"""Rules of the house that can be read off the tree: sizes, headers, READMEs, machine traces."""
import pathlib
import re

import modules
import tree

LINES_MAX = 400
README_LINES_MAX = 30
README_FOLDERS = (*modules.MODULES, "ingest", "ingest/kafka", "ingest/postgres", "daemon", "systemd",
                  "bench", "tests", "monitoring")
# Data that others made; it is never edited.
CAPTURED = ("tests/data/", "bench/load/templates/")
# In two pieces each, so that this file does not find itself.
MACHINE_TRACES = [re.compile(pattern) for pattern in (
    r"(?<![\w./-])/wo" r"rk/", r"(?<![\w./-])/ro" r"ot/", r"(?<![\w./-])/ho" r"me/\w", r"/tmp/w" r"/",
    r"deb\.deb" r"ian\.org", r"repo1?\.maven" r"\.", r"pypi\.or" r"g/simple", r"files\.python" r"hosted",
    r"registry\.npm" r"js")]
UNFINISHED = re.compile(r"\b((TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|GTEST_" r"SKIP)\b|DIS" r"ABLED_)")
SLEEPS = re.compile(r"\b(sleep_" r"for|sleep_" r"until|u" r"sleep|nano" r"sleep)\s*\(")
LISTED_FILE = re.compile(r"`([\w./-]+\.(?:h|cc|py|sql|sh))`")


def is_captured(path: pathlib.Path) -> bool:
    return path.as_posix().startswith(CAPTURED)


def check_sizes(root):
    for path in tree.files(root):
        if path.suffix in (".cc", ".h", ".py", ".cmake") and not is_captured(path):
            count = len(tree.lines(root, path))
            if count > LINES_MAX:
                yield f"{path}: {count} lines, at most {LINES_MAX}: a reader must hold it in the head"


def check_headers(root):
    for path in tree.sources(root):
        if path.suffix != ".h":
            continue
        head = tree.lines(root, path)[:2]
        if head[:1] != ["#pragma once"]:
            yield f"{path}:1: begins with #pragma once"
        elif len(head) < 2 or not head[1].startswith("// "):
            yield f"{path}:2: says in a comment what it is"


def check_traces(root):
    for path in tree.files(root):
        if is_captured(path):
            continue
        for number, line in enumerate(tree.lines(root, path), 1):
            for pattern in MACHINE_TRACES:
                if pattern.search(line):
                    yield f"{path}:{number}: a path or host of one machine: {line.strip()[:100]}"
            if path.suffix in tree.SOURCE and UNFINISHED.search(line):
                yield f"{path}:{number}: unfinished or skipped: {line.strip()[:100]}"
            if path.suffix in tree.SOURCE and path.parts[0] == "tests" and SLEEPS.search(line):
                yield f"{path}:{number}: a test does not sleep: tests/support/wait.h"


def check_readmes(root):
    for folder in map(pathlib.Path, README_FOLDERS):
        readme = folder / "README.md"
        if not (root / readme).is_file():
            yield f"{readme}: is missing: purpose, main types, what may not be done, first file to open"
    for readme in tree.files(root):
        if readme.name != "README.md" or is_captured(readme) or readme.parent == pathlib.Path("."):
            continue
        text = tree.lines(root, readme)
        if readme.parent.as_posix() in README_FOLDERS and len(text) > README_LINES_MAX:
            yield f"{readme}: {len(text)} lines, at most {README_LINES_MAX}"
        for number, line in enumerate(text, 1):
            for name in LISTED_FILE.findall(line):
                if not (root / readme.parent / name).exists() and not (root / name).exists():
                    yield f"{readme}:{number}: names {name}, which is not there"


if __name__ == "__main__":
    tree.main(check_sizes, check_headers, check_traces, check_readmes)
