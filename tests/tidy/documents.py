#!/usr/bin/env python3
"""The documents name only files that exist, and ARCHITECTURE.md names every module. Usage: documents.py ROOT"""
import pathlib
import re

import modules
import tree

ARCHITECTURE = pathlib.Path("ARCHITECTURE.md")
# A path of the repository, from its top, between backticks.
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:cc|h|html|md|py|service|sql|toml|yaml))`")


def documents(root: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in tree.files(root) if path.suffix == ".md" and path.parent.as_posix() in (".", "docs")]


def check_paths(root):
    for document in documents(root):
        for number, line in enumerate(tree.lines(root, document), 1):
            for name in PATH.findall(line):
                if not (root / name).is_file():
                    yield f"{document}:{number}: names {name}, which is not there"


def check_modules(root):
    text = (root / ARCHITECTURE).read_text() if (root / ARCHITECTURE).is_file() else ""
    for module in modules.MODULES:
        if f"| `{module}/` |" not in text:
            yield f"{ARCHITECTURE}: its table of modules lacks {module}/"
    for module in re.findall(r"^\| `((?:schema|aggregate|ingest|daemon)[\w/]*)/` \|", text, re.MULTILINE):
        if module not in modules.MODULES:
            yield f"{ARCHITECTURE}: its table of modules has {module}/, which tests/tidy/modules.py does not know"


if __name__ == "__main__":
    tree.main(check_paths, check_modules)
