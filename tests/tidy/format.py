#!/usr/bin/env python3
"""Every source is as clang-format-19 leaves it. Another version formats otherwise: it is not used."""
import shutil
import subprocess

import tree


def check(root):
    program = shutil.which("clang-format-19")
    if program is None:
        yield "clang-format-19 is not installed: run tools/setup test"
        return
    paths = [str(path) for path in tree.sources(root)]
    result = subprocess.run([program, "--dry-run", *paths], cwd=root, capture_output=True,
                            check=True, text=True)
    yield from sorted({line.split(":", 1)[0] + ": run clang-format-19 -i"
                       for line in result.stderr.splitlines() if "warning:" in line})


if __name__ == "__main__":
    tree.main(check)
