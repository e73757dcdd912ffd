"""What the figures were measured on."""

from __future__ import annotations

import os
import pathlib
import platform
import subprocess


def _cpu_model() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def commit(root: pathlib.Path) -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True,
                              check=False).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench")
    return git("rev-parse", "--short=12", "HEAD") + (" with local changes" if changed else "")


def describe() -> str:
    system = pathlib.Path("/etc/os-release").read_text()
    name = next(line.partition("=")[2].strip('"') for line in system.splitlines()
                if line.startswith("PRETTY_NAME="))
    return (f"{len(os.sched_getaffinity(0))} cores of {_cpu_model()}, {_memory_gib()} GiB, {name}, "
            f"Linux {platform.release()}")
