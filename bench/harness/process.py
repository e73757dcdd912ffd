"""Child processes: started, measured through /proc, always stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import pwd
import resource
import shutil
import signal
import subprocess
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """The benchmark cannot go on; the message says why."""


@dataclasses.dataclass(frozen=True)
class Cpu:
    """CPU seconds in user space and in the kernel."""

    user: float
    system: float

    @property
    def total(self) -> float:
        return self.user + self.system

    def __sub__(self, other: Cpu) -> Cpu:
        return Cpu(self.user - other.user, self.system - other.system)


def _stat(pid: int) -> list[str]:
    # After the command, which stands in brackets and may hold anything (proc(5)).
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_of(pid: int) -> Cpu:
    """All threads of a process: fields utime and stime of /proc/PID/stat."""
    fields = _stat(pid)
    return Cpu(int(fields[11]) / TICKS_PER_SECOND, int(fields[12]) / TICKS_PER_SECOND)


def cpu_with_children(pid: int) -> Cpu:
    """A process, its ended children that it waited for, and its living ones."""
    fields = _stat(pid)
    user = int(fields[11]) + int(fields[13])
    system = int(fields[12]) + int(fields[14])
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    living = []
    for child in children:
        # A child that has just ended is in the parent's fields at the next look.
        with contextlib.suppress(FileNotFoundError):
            living.append(cpu_of(int(child)))
    return Cpu(
        user / TICKS_PER_SECOND + sum(cpu.user for cpu in living),
        system / TICKS_PER_SECOND + sum(cpu.system for cpu in living),
    )


def children_cpu() -> Cpu:
    """Of all our children that have ended and were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cpu(usage.ru_utime, usage.ru_stime)


def cpu_by_thread(pid: int) -> dict[str, float]:
    """CPU seconds by thread name; threads of one name are added up."""
    seconds: dict[str, float] = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        spent = (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
        seconds[name] = seconds.get(name, 0.0) + spent
    return seconds


def resident_bytes_max(pid: int) -> int:
    """The most memory that a process ever had resident: VmHWM."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise Failure(f"/proc/{pid}/status has no VmHWM")


class Child:
    """A process that is ended when its `with` block is."""

    def __init__(self, command: list[str], log: pathlib.Path, **options) -> None:
        self.name = pathlib.Path(command[0]).name
        self.log = log
        self.started = time.monotonic()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, **options)
        self.pid = self.process.pid

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)

    def check(self) -> None:
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with {self.process.returncode}\n{self.last_words()}")

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM, timeout: float = 30) -> int:
        self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{self.name} did not end within {timeout} s") from None


def run(command: list[str], **options) -> str:
    """Runs a command to its end; its standard output, or Failure with what it said."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if result.returncode != 0:
        raise Failure(f"{' '.join(command[:3])}: status {result.returncode}\n"
                      f"{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


def need(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise Failure(f"{program} is not installed: run tools/setup")
    return path


def postgres_user() -> dict:
    """Popen options of a process that must not be root (PostgreSQL refuses it)."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}
