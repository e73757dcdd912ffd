"""What the tests of documents ask the program: its commands and options, by its own help."""

import os
import re
import subprocess
from functools import lru_cache

PROGRAM = os.environ.get("USAGE_INGESTD", "")


@lru_cache
def output_of(*words: str) -> str:
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(words)}: {done.returncode}\n{done.stderr}")
    return done.stdout


def help_of(*words: str) -> str:
    return output_of(*words, "--help")


def section(text: str, title: str) -> str:
    """The lines under `title:`, up to the next empty line."""
    found = re.search(rf"(?ms)^{title}:\n(.*?)(?:\n\n|\Z)", text)
    return found[1] if found else ""


def subcommands(*words: str) -> list[str]:
    """The commands that the help of `words` lists."""
    return re.findall(r"(?m)^  ([a-z-]+)(?:\s|$)", section(help_of(*words), "Commands"))


def commands() -> list[tuple[str, ...]]:
    """Every command as its words: ("run",), ("dead-letters", "list"), ..."""
    found: list[tuple[str, ...]] = []
    for name in subcommands():
        inner = subcommands(name)
        found += [(name, each) for each in inner] if inner else [(name,)]
    return found


def options(*words: str) -> set[str]:
    """The long names of the options that the help of `words` shows."""
    lines = "\n".join(section(help_of(*words), each) for each in ("Options", "Global options"))
    return set(re.findall(r"(?m)^  (?:-\w, )?(--[a-z-]+)", lines))
