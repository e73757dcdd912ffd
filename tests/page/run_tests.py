#!/usr/bin/env python3
"""Runs the tests of this folder; run calls it. USAGE_INGEST_PAGE tests another page than daemon/http/page/index.html.

The last line is "N passed, N failed".
"""
import sys
import unittest
from pathlib import Path


def main() -> int:
    program = unittest.main(module=None, exit=False,
                            argv=[sys.argv[0], "discover", "-s", str(Path(__file__).parent), "-p", "*_test.py", *sys.argv[1:]])
    result = program.result
    broken = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - broken} passed, {broken} failed")
    return 0 if result.testsRun and not broken else 1


if __name__ == "__main__":
    sys.exit(main())
