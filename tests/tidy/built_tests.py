#!/usr/bin/env python3
"""Every test in the tree is built and known to ctest, every file is compiled with all warnings, the
documents name only tests that there are, and ARCHITECTURE.md names one for each invariant and for
each row of its failure table. Usage: built_tests.py ROOT BUILD"""
import json
import pathlib
import re
import subprocess
import sys

import tree

FLAGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wold-style-cast", "-Werror")
# Suite.Case of GoogleTest, with or without the label's folder before it.
CASE = re.compile(r"`(?:(?:unit|sim|fault|integration|golden|fuzz|support|chaos)/)?"
                  r"([A-Z]\w*Test\.[A-Z]\w*)`")
# The same as ctest lists it: "unit/Some/ProbeTest.Finds/Name" and "unit/StoreTest/0.Keeps" are what
# documents call ProbeTest.Finds and StoreTest.Keeps.
LISTED_CASE = re.compile(r"([A-Z]\w*Test)(?:[/<][^.]*)?\.([A-Z]\w*)")
TEST_FILE = re.compile(r"`(tests/[\w/.-]+)`")
FAILURES = "| what breaks | what we do | test |"
INVARIANT = re.compile(r"\bINV-(\d+)\b")


def ctest_cases(build: pathlib.Path) -> list[dict]:
    listing = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"],
                             capture_output=True, check=True, text=True)
    return json.loads(listing.stdout)["tests"]


def check_every_test_runs(root, cases):
    commands = [word for case in cases for word in case.get("command", [])]
    programs = {pathlib.Path(word).name for word in commands}
    for path in tree.files(root):
        if path.parts[0] != "tests" or not path.name.endswith(("_test.cc", "_test.py")):
            continue
        if path.parts[1] == "page":  # needs a browser: tests/page/run runs each test of its folder
            continue
        name = path.name if path.suffix == ".py" else "_" + path.stem
        if not any(program.endswith(name) for program in programs):
            yield f"{path}: not in ctest; list it in its folder's CMakeLists.txt"


def check_every_case_was_discovered(cases):
    for case in cases:
        if case["name"].endswith("_NOT_BUILT") or not case.get("command"):
            yield f"{case['name']}: not built"


def check_flags(root, build):
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if root not in path.parents or build in path.parents:
            continue
        words = entry["command"].split()
        missing = [flag for flag in FLAGS if flag not in words]
        if missing:
            yield f"{path.relative_to(root)}: compiled without {' '.join(missing)}"


def plain_names(cases):
    found = (LISTED_CASE.search(case["name"]) for case in cases)
    return {".".join(match.groups()) for match in found if match}


def check_failure_table(root):
    document = pathlib.Path("ARCHITECTURE.md")
    lines = tree.lines(root, document) if (root / document).is_file() else []
    if FAILURES not in lines:
        yield f"{document}: has no failure table, {FAILURES}"
        return
    for number, line in enumerate(lines[lines.index(FAILURES) + 2:], lines.index(FAILURES) + 3):
        if not line.startswith("|"):
            return
        if not CASE.search(line.rsplit("|", 2)[1]):
            yield f"{document}:{number}: a failure without a test"


def check_documents(root, cases):
    names = plain_names(cases)
    named = set()
    for document in [pathlib.Path("ARCHITECTURE.md"), *sorted(pathlib.Path("docs").glob("*.md"))]:
        if not (root / document).is_file():
            yield f"{document}: is missing"
            continue
        for number, line in enumerate(tree.lines(root, document), 1):
            for name in CASE.findall(line):
                if name not in names:
                    yield f"{document}:{number}: names the test {name}, which is not there"
            for name in TEST_FILE.findall(line):
                if not (root / name).exists():
                    yield f"{document}:{number}: names {name}, which is not there"
            if document.name == "ARCHITECTURE.md" and CASE.search(line):
                named.update(INVARIANT.findall(line))
    for invariant in sorted(set(map(str, range(1, 9))) - named):
        yield f"ARCHITECTURE.md: no line names INV-{invariant} and a test of it"


def main():
    root, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    cases = ctest_cases(build)
    findings = [*check_every_test_runs(root, cases), *check_every_case_was_discovered(cases),
                *check_flags(root, build), *check_documents(root, cases),
                *check_failure_table(root)]
    print("\n".join(findings))
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
