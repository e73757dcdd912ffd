#!/usr/bin/env python3
"""Words that a non-native reader has to look up stay out of code, messages, documents and test names.

Each entry is a pattern of whole words and what to write instead; add to it what a reader stumbles over.
"""
import re

import tree

WORDS = {
    r"anew": "again",
    r"meanwhile": "in between, at the same time",
    r"hence|thereby|thereof|whereby|thereupon": "so, therefore",
    r"whoever|whomever": "the process that, anyone who",
    r"somebody|someone else|somebody else's": "another session, another process",
    r"nobody|nobody's": "no one, no process; or name what is missing",
    r"let go|lets go|letting go|let alone": "release, leave",
    r"who cannot": "a caller that, a role that",
    r"so many|as many again": "the same number of",
    r"of ours|of theirs|of its own accord": "our, their",
    r"of old|of late|at once again|once more": "again; earlier",
    r"ere|lest|whilst|amongst|betwixt|forthwith|henceforth": "before, so that not, while, among",
    r"verdict|judge|judges|judged": "decision, decide, check",
    r"books?|ledger": "totals, counts, migrations, rows: name what it holds",
    r"lesson|patience": "name what it is: a learned form, a time-out",
    r"for ever": "forever, or without end",
    r"riddle|weathered|weathers|culprit|mischief": "name what happens",
}
PATTERN = re.compile(r"(?<![\w-])(?!(?<=[\"'])\w+[\"'])(" + "|".join(f"(?:{pattern})" for pattern in WORDS) + r")\b", re.IGNORECASE)
SUFFIXES = ("", *tree.SOURCE, ".py", ".sh", ".sql", ".md", ".cmake", ".html", ".yaml", ".toml", ".txt")
# Data that others made, applied migrations (their checksums are stored), a report, and the words here.
EXEMPT = ("LICENSE", "tests/data/", "bench/load/templates/", "schema/sql/", "bench/RESULTS.md",
          "tests/tidy/plain_words.py", "tests/tidy/planted_test.py")
NAME = re.compile(r"^TEST(?:_[FP])?\(\w+, (\w+)\)|^    def (test_\w+)")


def words_of(line: str) -> str:
    """The line; the name of a test case as words."""
    name = NAME.match(line)
    if name is None:
        return line
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name[1] or name[2]).replace("_", " ")


def check(root):
    for path in tree.files(root):
        if path.suffix not in SUFFIXES or path.as_posix().startswith(EXEMPT):
            continue
        for number, line in enumerate(tree.lines(root, path), 1):
            for match in PATTERN.finditer(words_of(line)):
                yield f"{path}:{number}: \"{match[0]}\""


if __name__ == "__main__":
    tree.main(check)
