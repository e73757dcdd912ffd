"""SIGKILL three times on the way: which events are lost then, and which are counted twice."""

from __future__ import annotations

import time
from collections.abc import Callable

from .cases import TEMPLATE, Cases
from .load import PARTITIONS
from .peer import Endpoints, Peer
from .postgres import PATIENCE_SECONDS, Session
from .process import Child, Failure

KILLS = 3
# Often, and cheap: the worst moment is when a batch is committed in PostgreSQL and not yet in Kafka.
LOOK_SECONDS = 0.002
STILL_SECONDS = 3.0

DATABASE = "run_kills"
COUNTED = "SELECT coalesce(sum(request_count), 0) FROM usage_summaries WHERE period_type = 'hour'"
# What came in, and what the customer's quota says.
FOUND = """SELECT count(DISTINCT litellm_request_id), count(*),
       (SELECT coalesce(sum(used_requests), 0) FROM subscriptions) FROM usage_logs"""


def measure(cases: Cases, samples: dict[str, int], default: int) -> None:
    """Each program over a topic without duplicates: what it holds twice then, the kills caused.

    A process is killed as soon as a quarter, half and three quarters are seen committed. None lost and
    none twice may be luck with a program that is not made for it; for usage-ingestd it is demanded.
    """
    cases.start_broker()
    _daemon(cases, default)
    for peer in cases.peers.values():
        if not peer.missing():
            _peer(cases, peer, samples.get(peer.name, default))


def _daemon(cases: Cases, events: int) -> None:
    topic = _topic(cases, events)
    config = cases.daemon.write_config(cases.cluster.conninfo(DATABASE), cases.broker.brokers, topic, "kills")
    look = "SELECT coalesce(sum(next_offset), 0) FROM usage_ingest.kafka_offsets WHERE group_id = 'kills'"
    _run(cases, "default", events, lambda: cases.daemon.start(config),
         lambda: int(cases.cluster.execute(DATABASE, look)) == events)
    left = cases.results.notes["default"]["kills"]
    if any(left.values()):
        raise Failure(f"usage-ingestd lost or doubled events: {left}")


def _peer(cases: Cases, peer: Peer, events: int) -> None:
    topic = _topic(cases, events)
    cases.cluster.execute_file(DATABASE, cases.sql / peer.trigger)
    endpoints = Endpoints(cases.broker.brokers, topic, f"kills-{peer.name}", cases.cluster.conninfo(DATABASE))
    _run(cases, peer.name, events, lambda: peer.start(endpoints),
         lambda: cases.broker.lag(peer.group_of(endpoints), PARTITIONS) == 0)


def _topic(cases: Cases, events: int) -> str:
    """And a fresh database."""
    topic = f"kills-{events}"
    sent = cases.backlog(topic, events, "--duplicates", "0")
    if sent["inserted"] != events:
        raise Failure(f"{sent['inserted']} of {events} events of {topic} become a row")
    cases.cluster.create(DATABASE, TEMPLATE)
    return topic


def _run(cases: Cases, name: str, events: int, start: Callable[[], Child], reached: Callable[[], bool]) -> None:
    with Session(cases.cluster.conninfo(DATABASE)) as session:
        for number in range(1, KILLS + 1):
            with start() as process:
                session.wait_for(COUNTED, events * number // (KILLS + 1), process, LOOK_SECONDS)
                process.kill()
        with start() as process:
            _wait_for_end(session, process, reached)
            process.kill()
        distinct, rows, counted = map(int, session.rows(FOUND)[0])
    if counted != rows:
        raise Failure(f"{name}: {rows} rows, but {counted} in the quotas")
    left = {"lost": events - distinct, "twice": counted - distinct}
    cases.results.note(name, kills=left)
    print(f"    {name}: {KILLS} times SIGKILL, {events:,} events: {left['lost']:,} lost, "
          f"{left['twice']:,} counted twice", flush=True)


def _wait_for_end(session: Session, process: Child, reached: Callable[[], bool]) -> None:
    """The group is at the end of the topic, and nothing is added any more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    rows = -1
    while True:
        process.check()
        before, rows = rows, int(session.value(COUNTED))
        if rows == before and reached() and int(session.value(COUNTED)) == rows:
            return
        if time.monotonic() > deadline:
            raise Failure(f"{process.name} does not come to an end at {rows} rows\n{process.last_words()}")
        time.sleep(STILL_SECONDS)
