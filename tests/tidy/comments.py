#!/usr/bin/env python3
"""Comments keep their form, and cite no design document, for there is none (documents.py has the rest).

A header comment's fields are aligned, and a field that continues on the next line keeps its column:

    // Owner         one lane; it is destroyed
    //               after the queue.
"""
import re

import tree

COLUMNS_MAX = 100  # clang-format leaves comments alone, because it would break the fields
DESIGN = re.compile(r"//.*\bdesign(?::| table| document)\s")
FIELD = re.compile(r"^// (?:Owner|Thread-safety|Invariants|Units|Shape|Limit|Errors|Source) ")
ALIGNED = re.compile(r"^//  {3,}\S")
FIELD_INSIDE = re.compile(r"^// .*\S (?:Owner|Invariants|Units|Shape|Limit|Errors|Source) {2,}")


def check_lines(root):
    for path in tree.sources(root):
        for number, line in enumerate(tree.lines(root, path), 1):
            if len(line) > COLUMNS_MAX and "// " in line:
                yield f"{path}:{number}: {len(line)} columns, at most {COLUMNS_MAX}"
            if FIELD_INSIDE.match(line):
                yield f"{path}:{number}: two fields of a header comment on one line"
            if DESIGN.search(line):
                yield f"{path}:{number}: cites a design document; there is none in the repository"


def check_fields(root):
    for path in tree.sources(root):
        in_field = False
        for number, line in enumerate(tree.lines(root, path), 1):
            if FIELD.match(line):
                in_field = True
            elif in_field and line.startswith("// "):
                if not ALIGNED.match(line):
                    yield f"{path}:{number}: the continuation of a field is not aligned with it"
            else:
                in_field = False


if __name__ == "__main__":
    tree.main(check_lines, check_fields)
