"""What the figures were measured on."""

from __future__ import annotations

import contextlib
import os
import pathlib
import platform
import subprocess
import sys
from collections.abc import Iterator

from .process import Failure


def _cpu_model() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def memory_available() -> int:
    """Bytes that processes can get: free memory, and pages of files that the kernel can drop."""
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise Failure("/proc/meminfo has no MemAvailable")


@contextlib.contextmanager
def memory_reserved(size: int) -> Iterator[None]:
    """A process holds `size` bytes, so that others have less."""
    program = ("import mmap, sys; held = mmap.mmap(-1, int(sys.argv[1]), flags=mmap.MAP_PRIVATE"
               " | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE); print(len(held), flush=True); sys.stdin.read()")
    with subprocess.Popen([sys.executable, "-c", program, str(size)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin and holder.stdout
        if holder.stdout.readline().strip() != str(size):
            raise Failure(f"{size:,} bytes of memory could not be reserved")
        try:
            yield
        finally:
            holder.stdin.close()


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
