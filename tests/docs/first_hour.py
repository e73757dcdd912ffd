"""Runs the blocks of docs/first-hour.md as they are; an upgrade and a downgrade of the package. For ten_tasks.py."""

import re
import subprocess
import time
from pathlib import Path

WORK = Path("/srv")
BLOCK = re.compile(r"(?ms)^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?")
ANSWER_SECONDS = 60
KAFKA = "java -Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp '/kafka/*'"
SHIMS = {"kafka-topics.sh": "org.apache.kafka.tools.TopicCommand", "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
         "kafka-dump-log.sh": "kafka.tools.DumpLogSegments"}
BROKER = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:9093
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
auto.create.topics.enable=false
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
log.dirs=/var/lib/kafka
"""
results: list[bool] = []


def check(what: str, passed: bool, output: str = "") -> bool:
    results.append(passed)
    print(f"ok      {what}" if passed else f"FAILED  {what}\n{output}", flush=True)
    return passed


def run(command: str) -> subprocess.CompletedProcess:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=WORK)


def within(seconds: float, command: str) -> str:
    """Empty when `command` succeeds in time; else its last output."""
    deadline = time.monotonic() + seconds
    while True:
        done = run(command)
        if done.returncode == 0:
            return ""
        if time.monotonic() > deadline:
            return f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        time.sleep(0.5)


class Broker:
    def start(self) -> None:
        self.process = subprocess.Popen(["bash", "-c", f"exec {KAFKA} kafka.Kafka server.properties >>kafka.log 2>&1"], cwd=WORK)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def start_servers() -> Broker:
    for name, main_class in SHIMS.items():
        shim = Path("/usr/local/bin") / name
        shim.write_text(f'#!/bin/sh\nexec {KAFKA} {main_class} "$@"\n')
        shim.chmod(0o755)
    (WORK / "server.properties").write_text(BROKER)
    format_log = f"{KAFKA} kafka.tools.StorageTool format -t dXNhZ2UtaW5nZXN0LXRlcw -c server.properties"
    check("Kafka has a log", within(0, format_log) == "", run(format_log).stderr)
    broker = Broker()
    broker.start()
    version = "$(ls /usr/lib/postgresql | sort --version-sort | tail --lines=1)"
    run(f"pg_dropcluster --stop {version} main")
    created = run(f"pg_createcluster {version} main --port 5432 --start")
    check("PostgreSQL runs", created.returncode == 0, created.stdout + created.stderr)
    late = within(ANSWER_SECONDS, "kafka-topics.sh --bootstrap-server localhost:9092 --list")
    check("Kafka runs", not late, late)
    return broker


class Shell:
    """One bash for all blocks, as a reader has: functions and variables stay."""

    def __init__(self) -> None:
        # In a folder that user postgres may enter, too.
        self.bash = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True, cwd=WORK)

    def run(self, block: str) -> tuple[bool, str]:
        """Whether it succeeded, and what it printed. After a failure the shell is gone."""
        (WORK / "block.sh").write_text(block)
        assert self.bash.stdin and self.bash.stdout
        self.bash.stdin.write("set -e; source ./block.sh; echo '-- end of block'\n")
        self.bash.stdin.flush()
        output = ""
        for line in self.bash.stdout:
            if line == "-- end of block\n":
                return True, output
            output += line
        return False, output


def run_page(page: str) -> bool:
    shell = Shell()
    for block, answer in BLOCK.findall(page):
        name = block.splitlines()[0]
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            succeeded, output = shell.run(block)
            missing = [line for line in answer.splitlines() if line not in output]
            if not succeeded or not missing or time.monotonic() > deadline:
                break
            time.sleep(1)  # "a moment later"
        if not check(name, succeeded and not missing, output + f"missing: {missing}"):
            return False
    return True


def repack(deb: str, version: str) -> str:
    """The same package with another version."""
    new = WORK / f"{version}.deb"
    done = run(f"dpkg-deb --raw-extract {deb} tree && sed --in-place 's/^Version: .*/Version: {version}/' tree/DEBIAN/control && "
               f"dpkg-deb --build tree {new} && rm --recursive tree")
    check(f"there is a package {version}", done.returncode == 0, done.stdout + done.stderr)
    return str(new)


def installs(what: str, deb: str, version: str) -> None:
    """Over the running daemon, which goes on with its configuration, its offsets and its rows."""
    owner = "PGSERVICEFILE=/etc/usage-ingestd/owner_service.conf psql -At service=litemaas_owner"
    before = run(f"{owner} -c 'SELECT topic, partition, next_offset FROM usage_ingest.kafka_offsets ORDER BY 2'").stdout
    done = run(f"dpkg --install --force-confold --force-downgrade {deb}")
    check(what, done.returncode == 0, done.stdout + done.stderr)
    installed = run("dpkg-query --show --showformat '${Version}' usage-ingestd").stdout
    check(f"{what}: the version is {version}", installed == version, installed)
    late = within(ANSWER_SECONDS, "usage-ingestd status | grep --quiet ', ready'")
    check(f"{what}: the daemon is ready again", not late, late)
    after = run(f"{owner} -c 'SELECT topic, partition, next_offset FROM usage_ingest.kafka_offsets ORDER BY 2'").stdout
    check(f"{what}: the offsets stay", before == after and before != "", before + after)


def change_versions(deb: str) -> None:
    version = run(f"dpkg-deb --field {deb} Version").stdout.strip()
    installs("upgrade", repack(deb, "9.9.9-1"), "9.9.9-1")
    installs("downgrade", deb, version)
    # A newer version has migrated: the old one says so and does nothing.
    run("""PGSERVICEFILE=/etc/usage-ingestd/owner_service.conf psql service=litemaas_owner -c "INSERT INTO usage_ingest.migrations
           (number, name, checksum) SELECT max(number) + 1, 'of_a_newer_version', '' FROM usage_ingest.migrations" """)
    run("systemctl restart usage-ingestd")
    late = within(30, "systemctl show usage-ingestd --property ExecMainStatus --value | grep --quiet '^78$'")
    check("an older version refuses a newer schema with 78", not late, late)
    said = run("journalctl --unit usage-ingestd --no-pager | grep 'this binary knows'")
    check("and says so", said.returncode == 0, run("journalctl --unit usage-ingestd --no-pager | tail --lines=20").stdout)
