#!/usr/bin/env python3
"""The documents name only files and names in them that exist, ARCHITECTURE.md names every module, and
comments cite only documents and titles that exist. Usage: documents.py ROOT"""
import pathlib
import re

import modules
import tree

ARCHITECTURE = pathlib.Path("ARCHITECTURE.md")
# A path of the repository, from its top, between backticks.
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:cc|h|html|md|py|service|sql|toml|yaml))`")

# "`BatchWriter::RunTransaction` in `ingest/pipeline/batch_writer.cc`": a name and the file that has it.
NAME_IN_PATH = re.compile(rf"`([\w:]+)` in {PATH.pattern}")
# In a comment: a document, and perhaps one of its titles or phrases on the same line.
CITATION = re.compile(r"""(?:^|[\s(])([\w./-]*\w\.md)\b(?:,? \(?"([^"]+)")?""")
# librdkafka's and others' own documents.
FOREIGN = ("CONFIGURATION.md",)


def documents(root: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in tree.files(root) if path.suffix == ".md" and path.parent.as_posix() in (".", "docs")]


def check_paths(root):
    for document in documents(root):
        for number, line in enumerate(tree.lines(root, document), 1):
            for name in PATH.findall(line):
                if not (root / name).is_file():
                    yield f"{document}:{number}: names {name}, which is not there"
            for symbol, name in NAME_IN_PATH.findall(line):
                if (root / name).is_file() and symbol.split("::")[-1] not in (root / name).read_text():
                    yield f"{document}:{number}: names {symbol}, which {name} does not have"


def plain_text(root: pathlib.Path, path: pathlib.Path) -> str:
    return " ".join((root / path).read_text(errors="replace").replace("*", "").split()).casefold()


def comment_of(path: pathlib.Path, line: str) -> str:
    mark = "//" if path.suffix in tree.SOURCE else "--" if path.suffix == ".sql" else "#"
    return line.partition(mark)[2]


def check_citations(root):
    known = {path: plain_text(root, path) for path in tree.files(root) if path.suffix == ".md"}
    for path in tree.files(root):
        if path.suffix not in (*tree.SOURCE, ".py", ".sql"):
            continue
        for number, line in enumerate(tree.lines(root, path), 1):
            for name, title in CITATION.findall(comment_of(path, line)):
                texts = [text for document, text in known.items() if f"/{document}".endswith(f"/{name}")]
                if not texts and name not in FOREIGN:
                    yield f"{path}:{number}: cites {name}, which is not in the repository"
                elif texts and not any(title.casefold() in text for text in texts):
                    yield f'{path}:{number}: cites "{title}", which {name} does not have'


def check_modules(root):
    text = (root / ARCHITECTURE).read_text() if (root / ARCHITECTURE).is_file() else ""
    for module in modules.MODULES:
        if f"| `{module}/` |" not in text:
            yield f"{ARCHITECTURE}: its table of modules lacks {module}/"
    for module in re.findall(r"^\| `((?:schema|aggregate|ingest|daemon)[\w/]*)/` \|", text, re.MULTILINE):
        if module not in modules.MODULES:
            yield f"{ARCHITECTURE}: its table of modules has {module}/, which tests/tidy/modules.py does not know"


if __name__ == "__main__":
    tree.main(check_paths, check_modules, check_citations)
