"""Runs every *_test.py of this folder and ends with the line that tools/test adds up."""

import sys
import unittest
from pathlib import Path


def main() -> int:
    loader = unittest.TestLoader()
    if sys.argv[1:2] == ["-k"]:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in sys.argv[2:]]
    suite = loader.discover(str(Path(__file__).parent), "*_test.py")
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    passed = result.testsRun - failed if result.testsRun > failed else 0
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
