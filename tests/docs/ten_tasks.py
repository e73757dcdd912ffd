#!/usr/bin/env python3
"""What an operator has to do one day, with the package and its documents alone: a fault is made, and the
commands that the documents name find it and mend it. It begins where docs/first-hour.md ends, whose
blocks are run first, and ends with the upgrade and the downgrade.

    ten_tasks.py PAGE DEB       as root of a machine that is thrown away: tools/package-test starts it
The machine has PostgreSQL and java; the jars of Kafka are in /kafka. Each task prints how long it took,
waiting included; the last line is "N passed, N failed".
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from first_hour import WORK, Broker, change_versions, check, results, run, run_page, start_servers, within

PATIENCE_SECONDS = 180  # a broker starts, the group joins again
TOPIC = "litellm.usage.v1"
SERVICES = Path("/etc/usage-ingestd/pg_service.conf")
MANUAL = Path("/usr/share/doc/usage-ingestd")
AS_OWNER = "PGSERVICEFILE=/etc/usage-ingestd/owner_service.conf USAGE_INGEST_POSTGRES_CONNINFO=service=litemaas_owner"
PUBLISH = f"kafka-console-producer.sh --bootstrap-server localhost:9092 --topic {TOPIC}"
READY = "usage-ingestd status | grep --quiet ', ready'"
# As docs/first-hour.md has them.
FUNCTIONS = r"""
owner() { PGSERVICEFILE=/etc/usage-ingestd/owner_service.conf psql --quiet -At service=litemaas_owner "$@"; }
event() {
  printf '{"id": "%s", "status": "success", "startTime": %s, "endTime": %s, "model_group": "demo-model", ' "$1" "$EPOCHSECONDS" "$EPOCHSECONDS"
  printf '"prompt_tokens": 100, "completion_tokens": 20, "response_cost": 0.01, "metadata": {"user_api_key_hash": "%s"}}\n' \
    "$(printf %s "$2" | sha256sum | head --bytes=64)"
}
"""


def does(what: str, command: str, *parts: str, status: int = 0) -> str:
    """Runs `command` once: its exit code and what it prints are as expected."""
    done = run(FUNCTIONS + command)
    output = done.stdout + done.stderr
    missing = [part for part in parts if part not in output]
    check(what, done.returncode == status and not missing, f"{command}: {done.returncode}, missing: {missing}\n{output}")
    return output


def becomes(what: str, command: str) -> None:
    late = within(PATIENCE_SECONDS, FUNCTIONS + command)
    check(what, not late, late)


def owner(statement: str) -> str:
    return run(FUNCTIONS + f'owner -c "{statement}"').stdout.strip()


def publish(name: str, key: str = "sk-key-of-alice") -> None:
    does(f"an event {name} is published", f"event {name} {key} | {PUBLISH}")


def find_unattributed_usage(_: Broker) -> None:
    publish("of-carol", "sk-key-of-carol")
    becomes("the event waits", "usage-ingestd status | grep 'pending: .*1 unattributed'")
    listed = does("its key is shown", "usage-ingestd dead-letters list --reason unattributed --group-by key,model", "demo-model")
    found = re.search(r"[0-9a-f]{64}", listed)
    does("so is the event", "usage-ingestd dead-letters show --id "
         "$(usage-ingestd dead-letters list --reason unattributed | awk 'NR == 2 {print $1}')", "of-carol")
    owner("INSERT INTO api_keys (user_id, key_hash, key_prefix) SELECT id, "
          f"'{found.group() if found else ''}', 'sk-key' FROM users")
    becomes("it is written when the key is there", "usage-ingestd status | grep 'dead letters  0 pending'")


def broker_unavailable(broker: Broker) -> None:
    broker.stop()
    becomes("status says so", "usage-ingestd status | grep 'waiting: the Kafka consumer group is not joined'")
    does("lag is unknown and not 0", "usage-ingestd status | grep '^total'", "unknown")
    does("check-config says what to look at", "usage-ingestd check-config --connect", "DOWN  kafka", "check kafka.brokers", status=69)
    broker.start()
    becomes("the daemon goes on by itself", READY)


def changed_password(_: Broker) -> None:
    run("runuser -u postgres -- psql -c \"ALTER ROLE usage_ingest PASSWORD 'new-secret'\" -c "
        "\"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'usage_ingest'\"")
    becomes("status says so", "usage-ingestd status | grep 'password authentication failed'")
    said = does("and what to do", "usage-ingestd dead-letters list", str(SERVICES), "systemctl restart usage-ingestd", status=77)
    check("once, although libpq tries with and without TLS", said.count("FATAL") == 1, said)
    SERVICES.write_text(SERVICES.read_text().replace("daemon-secret", "new-secret"))
    does("check-config accepts the new one", "usage-ingestd check-config --connect", "ok    PostgreSQL")
    does("the daemon is restarted", "systemctl restart usage-ingestd")
    becomes("it goes on", READY)


def stuck_partition(_: Broker) -> None:
    """The broker's disk damages the last batch of a partition before it was read."""
    run("systemctl stop usage-ingestd")
    folder = Path("/var/lib/kafka")
    sizes = {path: path.stat().st_size for path in folder.glob(f"{TOPIC}-*/*.log")}
    publish("damaged")
    segment = next(path for path, size in sizes.items() if path.stat().st_size > size)
    with segment.open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-10, os.SEEK_END)
        file.write(bytes([byte ^ 1]))
    run("systemctl start usage-ingestd")
    becomes("status has the command", "usage-ingestd status | grep 'partitions skip'")
    command = re.search(r"usage-ingestd partitions skip .*--to-offset ", run("usage-ingestd status").stdout)
    dump = does("the dump has the end of the batch", f"kafka-dump-log.sh --files {segment}", "isvalid: false")
    last = re.search(r"lastOffset: (\d+) .*isvalid: false", dump)
    does("the records are given up", f"{command.group() if command else ''}{int(last.group(1)) + 1 if last else ''}", "are given up")
    becomes("the partition is read again", "! usage-ingestd status | grep --quiet 'partitions skip' && " + READY)
    does("what is lost is counted", "usage-ingestd status | grep '^total'", " 1\n")


def missing_month(_: Broker) -> None:
    month = time.strftime("%Y_%m", time.gmtime())
    rows = owner("SELECT count(*) FROM usage_logs")
    owner(f"DROP TABLE usage_logs_{month}")
    becomes("status names the entry of the manual", f"usage-ingestd status | grep 'UsageIngestRowsMissing in {MANUAL}/operations.md'")
    does("the partition is made again", "usage-ingestd partitions ensure", month.replace("_", "-"))
    does("a replay brings the rows back, and says what it could not read",
         f"usage-ingestd replay --topic {TOPIC} --from-time 1d --to-time \"$(date --utc +'%F %T')\" --no-history --no-quota", "is damaged")
    check("all of them", owner("SELECT count(*) FROM usage_logs") == rows, rows)
    does("the sums are right", "usage-ingestd summaries verify || usage-ingestd summaries rebuild")
    becomes("the daemon sees it", "! usage-ingestd status | grep --quiet UsageIngestRowsMissing")


def lift_a_quota(_: Broker) -> None:
    owner("UPDATE subscriptions SET quota_requests = used_requests")
    publish("above-the-quota")
    becomes("the subscription is suspended", "owner -c 'SELECT status FROM subscriptions' | grep suspended")
    said = does("the daemon's role may not lift", "usage-ingestd quotas lift", "run it as the owner of the tables", status=77)
    check("and the message has the owner's way", AS_OWNER in said, said)
    owner("UPDATE subscriptions SET quota_requests = quota_requests + 1000")
    does("the owner may", f"{AS_OWNER} usage-ingestd quotas lift", "1 suspension by a quota", "lifted")
    becomes("the subscription is active", "owner -c 'SELECT status FROM subscriptions' | grep active")


def replay_an_hour(_: Broker) -> None:
    used = owner("SELECT used_requests FROM subscriptions")
    hour = time.strftime("%FT%H:00", time.gmtime(time.time() - 3600))
    does("nothing is written twice", f"usage-ingestd replay --topic {TOPIC} --from-time {hour} --to-time \"$(date --utc +'%F %T')\" | "
         "grep '^inserted  *0$'")
    check("the quota is as it was", owner("SELECT used_requests FROM subscriptions") == used, used)


def act_on_an_alert(_: Broker) -> None:
    """Prometheus as monitoring.md has it, only faster; then the entry of the alert's name."""
    if shutil.which("prometheus") is None:
        return
    documented = re.search(r"(?ms)^```yaml\n(.*?)^```", (MANUAL / "monitoring.md").read_text())
    (WORK / "prometheus.yml").write_text("global: {scrape_interval: 1s, evaluation_interval: 1s}\n" + (documented.group(1) if documented else ""))
    server = subprocess.Popen(["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus",
                               "--web.listen-address=127.0.0.1:9090", "--log.level=error"], cwd=WORK)

    def alerts() -> list[dict]:
        try:
            with urllib.request.urlopen("http://127.0.0.1:9090/api/v1/alerts", timeout=5) as answer:
                return json.load(answer)["data"]["alerts"]
        except OSError:
            return []

    becomes("Prometheus scrapes the daemon", "curl --silent 127.0.0.1:9090/api/v1/query?query=up | grep 'usage-ingestd.*\"1\"'")
    does("a bad event is published", f"echo no JSON | {PUBLISH}")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (fired := [each for each in alerts() if each["labels"]["alertname"] == "UsageIngestBadEvents"]) and time.monotonic() < deadline:
        time.sleep(0.5)
    if check("the alert fires", bool(fired), f"{alerts()}\n{run('curl --silent 127.0.0.1:19464/metrics | grep dead_letters_total').stdout}"):
        document, _, anchor = fired[0]["annotations"]["runbook"].partition("#")
        headings = [line.lower() for line in Path(document).read_text().splitlines()]
        check("its runbook is in the package", f"### {anchor}" in headings, document)
        listed = does("its command works", fired[0]["annotations"]["description"], "invalid_json")
        does("the event is shown", f"usage-ingestd dead-letters show --id {listed.splitlines()[1].split()[0]}", "no JSON")
        does("the event is discarded", "usage-ingestd dead-letters discard --reason invalid_json", "1 dead letter")
    server.terminate()
    server.wait()


def export_a_bill(_: Broker) -> None:
    month = time.strftime("%Y-%m", time.gmtime())
    bill = does("a bill for a spreadsheet", f"usage-ingestd report --by user --month {month} --format csv", "alice@example.com")
    total = sum(int(line.split(",")[bill.split("\n", 1)[0].split(",").index("requests")]) for line in bill.splitlines()[1:])
    check("it has every request", str(total) == owner("SELECT sum(requests) FROM usage_ingest.usage_daily"), bill)


TASKS: list[Callable[[Broker], None]] = [find_unattributed_usage, broker_unavailable, changed_password, stuck_partition, missing_month,
                                         lift_a_quota, replay_an_hour, act_on_an_alert, export_a_bill]


def timed(name: str, task: Callable[[], None]) -> None:
    begun = time.monotonic()
    task()
    print(f"        {name}: {time.monotonic() - begun:.0f} s", flush=True)


def main(page: str, deb: str) -> None:
    run(f"cp {deb} usage-ingestd_0_test.deb")
    broker = start_servers()
    if run_page(Path(page).read_text()):
        for task in TASKS:
            timed(task.__name__.replace("_", " "), partial(task, broker))
        timed("upgrade and downgrade", partial(change_versions, deb))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
