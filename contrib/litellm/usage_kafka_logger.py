"""usage_kafka_logger: publishes every LiteLLM request to Kafka, for usage-ingestd to account.

LiteLLM ships no Kafka logger. This file is a `CustomLogger` that an operator puts next to the
proxy's config.yaml; README.md has the lines of configuration.

Topic   USAGE_KAFKA_TOPIC, one message an attempt that LiteLLM reports (success or failure).
Key     metadata.user_api_key_hash when it is a SHA-256 (64 hex), else none.
Value   LiteLLM's StandardLoggingPayload as one strict JSON object in UTF-8. "lean" by default:
        an allow-list of what accounting needs, about 2 KB of 14, no content and no personal data.
        It is a list of what is kept, because the next LiteLLM may add a field that holds prompts.
        NaN and Infinity are null, but text where money is counted (`spelled_out`).

Never in the way  `produce` appends to librdkafka's memory and returns; a full queue, a broken
        payload or a dead broker costs the request nothing. What is lost is counted and logged.
Never lost quietly  an event that Kafka did not take goes to USAGE_KAFKA_SPILL, one a line, which
        `usage-ingestd import` books later; an event that arrived after all is a duplicate there.
Threads LiteLLM calls the hooks on its event loop; delivery reports come on our poll thread, so
        that no disk or log is waited for on the loop. Counts are under a lock.
Source  librdkafka CONFIGURATION.md; litellm 1.106.2, litellm_logging.py and logging_worker.py.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import json
import logging
import math
import os
import re
import signal
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from litellm.integrations.custom_logger import CustomLogger

log = logging.getLogger("usage_kafka_logger")

PRODUCER_DEFAULTS: dict[str, Any] = {
    "client.id": "litellm-usage",
    "enable.idempotence": True,  # a retry after a lost answer is not a second message
    "acks": "all",
    "linger.ms": 50,
    "compression.type": "lz4",
    # How long an event waits in memory for a broker, and how much memory that may cost.
    "delivery.timeout.ms": 300_000,
    "queue.buffering.max.kbytes": 64 * 1024,
    "queue.buffering.max.messages": 100_000,
}

#: Kept whatever is configured, for Kafka may lose or double events without; and the ways to write it.
GUARANTEES = {"enable.idempotence": ("true", "t", "1"), "acks": ("all", "-1")}
GUARANTEES["request.required.acks"] = GUARANTEES["acks"]  # librdkafka's other name

#: What accounting reads, by the names of LiteLLM's StandardLoggingPayload.
KEEP = frozenset(
    "id litellm_call_id trace_id call_type cache_hit stream status custom_llm_provider startTime"
    " endTime completionStartTime response_time model model_group model_id response_cost"
    " cost_breakdown total_tokens prompt_tokens completion_tokens request_tags end_user"
    " error_str".split()
)
KEEP_METADATA = frozenset(
    "user_api_key_hash user_api_key_alias user_api_key_user_id user_api_key_team_id"
    " user_api_key_team_alias user_api_key_org_id user_api_key_request_route usage_object".split()
)
KEEP_ERROR = frozenset("error_code error_class error_message llm_provider".split())
#: The numbers that usage-ingestd refuses to guess: without one of them there is no bill.
BILLED = ("startTime", "prompt_tokens", "completion_tokens", "response_cost")

#: Words that LiteLLM puts where a key's hash belongs; anything else that is no SHA-256 is
#: the credential itself (seen for keys that do not begin with "sk-").
SENTINELS = frozenset(
    ("litellm_proxy_master_key", "litellm-internal-health-check", "litellm_internal_jobs", "litellm-cli")
)
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
TRACEBACK = "Traceback (most recent call last)"  # in an error's text it brings the answer along
SECRET_CHARS_MIN = 8  # a shorter "credential" is looked for in its own field only: it may be "a"

VALUE_BYTES_MAX = 900_000  # below the 1,000,000 of librdkafka and the 1,048,588 of a broker
TEXT_CHARS_MAX = 4_000  # of one text in a lean event; clients choose tags, users and errors
ITEMS_MAX = 64  # of one list or object in a lean event
SPILL_BYTES_MAX = 1 << 30
LOG_INTERVAL_S = 10.0
CLOSE_TIMEOUT_S = 10.0


def lean(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What accounting needs of a payload, each text and list within bounds; null is left out."""
    event = _pick(payload, KEEP)
    event["metadata"] = _pick(payload.get("metadata") or {}, KEEP_METADATA)
    error = event["error_information"] = _pick(payload.get("error_information") or {}, KEEP_ERROR)
    for where, name in ((event, "error_str"), (error, "error_message")):
        if isinstance(where.get(name), str):
            where[name] = where[name].split(TRACEBACK)[0].rstrip()
    return event


def _pick(source: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: bounded(source[name]) for name in source if name in names and source[name] is not None}


def bounded(value: Any, depth: int = 4) -> Any:
    """A copy without NaN and Infinity (clients may send both; JSON has neither), cut to size."""
    if isinstance(value, str):
        return value[:TEXT_CHARS_MAX]
    if isinstance(value, float):
        return finite(value)
    if value is None or isinstance(value, int):
        return value
    if depth == 0:
        return None
    if isinstance(value, Mapping):
        items = list(value.items())[:ITEMS_MAX]
        return {str(name)[:TEXT_CHARS_MAX]: bounded(item, depth - 1) for name, item in items}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [bounded(item, depth - 1) for item in list(value)[:ITEMS_MAX]]
    return str(value)[:TEXT_CHARS_MAX]


def spelled_out(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """With "NaN", "Infinity" or "-Infinity" as text where a number to bill is none.

    Strict JSON has no such number, and null would be booked as 0: a free call. Of a text that is
    no number usage-ingestd makes a dead letter, for a person to look at.
    """
    found = {name: payload.get(name) for name in BILLED}
    odd = {n: json.dumps(v) for n, v in found.items() if isinstance(v, float) and not math.isfinite(v)}
    return {**payload, **odd} if odd else payload


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """A copy with `change` applied to every text, number, and so on in it."""
    if isinstance(value, Mapping):
        return {name: mapped(item, change) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mapped(item, change) for item in value]
    return change(value)


def finite(number: Any) -> Any:
    return None if isinstance(number, float) and not math.isfinite(number) else number


def dumps(value: Any) -> bytes:
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, skipkeys=True, separators=(",", ":"), default=str
    )
    return text.encode("utf-8", "replace")  # a lone surrogate becomes "?"


def key_and_secret(payload: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The Kafka key, and what stands where the hash belongs but is a credential."""
    found = (payload.get("metadata") or {}).get("user_api_key_hash")
    if not isinstance(found, str) or not found or found in SENTINELS:
        return None, None
    if SHA256.fullmatch(found):
        return found, None
    return None, found


def encode(payload: Mapping[str, Any], full: bool, secret: str | None = None) -> bytes:
    """The message. A full event that cannot be written, or is too large, goes out lean."""
    payload = spelled_out(payload)
    if secret:
        payload = {**payload, "metadata": {**payload["metadata"], "user_api_key_hash": None}}
        if len(secret) >= SECRET_CHARS_MIN:
            # Wherever a text holds it, such as an error message.
            payload = mapped(payload, lambda v: v.replace(secret, "[credential]") if isinstance(v, str) else v)
    if full:
        try:
            value = dumps(mapped(payload, finite))
            if len(value) <= VALUE_BYTES_MAX:
                return value
        except (ValueError, TypeError, RecursionError):
            pass
    event = lean(payload)
    value = dumps(event)
    if len(value) > VALUE_BYTES_MAX:  # a client's tags can still be many: usage comes first
        event.pop("request_tags", None)
        event["metadata"].pop("usage_object", None)
        value = dumps(event)
    return value


def guaranteed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of an operator's properties those that may replace ours; the proxy starts in any case."""
    weaker = {n: v for n, v in config.items() if n in GUARANTEES and str(v).lower() not in GUARANTEES[n]}
    if weaker:
        log.warning(
            "USAGE_KAFKA_CONFIG: %s ignored, enable.idempotence=true and acks=all stay: no usage that is"
            " billed may be lost or doubled. Remove it from USAGE_KAFKA_CONFIG",
            ", ".join(f"{name}={value!r}" for name, value in weaker.items()),
        )
    return {name: value for name, value in config.items() if name not in GUARANTEES}


def append_line(path: Path, line: bytes, size_max: int) -> None:
    """Appends the whole line, or raises OSError and leaves the file as it was.

    The file is opened each time, so an operator may move it away at any time. Several workers write to
    the same file, so it is locked: a short write (a full disk) is undone before the next one starts.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if found.st_size and os.pread(file, 1, found.st_size - 1) != b"\n":
            line = b"\n" + line  # a process was killed in the middle of its line
        if found.st_size + len(line) > size_max:
            raise OSError(errno.EFBIG, f"more than {size_max} bytes", str(path))
        if os.write(file, line) != len(line):
            os.ftruncate(file, found.st_size)
            raise OSError(errno.ENOSPC, "short write", str(path))
    finally:
        os.close(file)


class _PROXY_UsageKafkaLogger(CustomLogger):
    """Hands each event that LiteLLM reports to a Kafka producer.

    The name: LiteLLM lets a client switch callbacks off with `"no-log": true`, except those whose
    class name contains `_PROXY_` (Logging.should_run_callback), which are the proxy's own
    accounting. This one is.

    Only the asynchronous hooks: LiteLLM calls the synchronous ones too for some requests, and who
    has both reports those twice.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        topic: str = "litellm.usage.v1",
        *,
        full: bool = False,
        spill: str | os.PathLike[str] | None = None,
    ) -> None:
        """Raises KafkaException for a property that librdkafka refuses: better than no usage."""
        super().__init__()
        self.counts: Counter[str] = Counter()
        self._config = {**PRODUCER_DEFAULTS, **guaranteed(config)}
        self._topic = topic
        self._full = full
        self._spill = Path(spill) if spill else None
        self._lock = threading.Lock()
        self._last_log = -math.inf
        self._close_deadline: float | None = None  # set once the process ends
        self._forgotten: list[Producer] = []
        self._producer: Producer | None = None
        self._get_producer()
        os.register_at_fork(after_in_child=self._forget_producer)
        atexit.register(self.close)
        self._survive(signal.SIGTERM)

    # -- LiteLLM's hooks: never raise, never wait -------------------------------------------------

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time) -> None:
        self._publish(kwargs)

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time) -> None:
        self._publish(kwargs)

    # -- producing --------------------------------------------------------------------------------

    def _publish(self, kwargs: Mapping[str, Any]) -> None:
        try:
            payload = kwargs.get("standard_logging_object")
            if not payload:  # LiteLLM could not build it: nothing that could be accounted
                self._lost("no standard_logging_object")
                return
            key, secret = key_and_secret(payload)
            self._produce(encode(payload, self._full, secret), key)
        except Exception as error:  # an event must not fail the request that it tells of
            self._lost(f"{type(error).__name__} while encoding")  # its text could hold content

    def _produce(self, value: bytes, key: str | None) -> None:
        try:
            producer = self._get_producer()
            producer.produce(self._topic, value=value, key=key, on_delivery=self._on_delivery)
        except (BufferError, KafkaException) as error:
            self._keep(value, str(error))
            return
        self._count("produced")
        if self._close_deadline is not None:  # LiteLLM drains its own queue after our close()
            self._drain(producer)

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._count("delivered")
        else:
            self._keep(message.value() or b"", error.str())

    def _keep(self, value: bytes, reason: str) -> None:
        """Writes an event that Kafka did not take to the spill file; else it is lost."""
        if self._spill is None:
            self._lost(reason)
            return
        try:
            append_line(self._spill, value + b"\n", SPILL_BYTES_MAX)
        except OSError as failure:
            self._lost(f"{failure}; {reason}")
        else:
            self._count("spilled", reason)

    def _lost(self, reason: str) -> None:
        self._count("lost", reason)

    def _count(self, outcome: str, reason: str | None = None) -> None:
        """`reason` makes it a complaint; complaints are one line in LOG_INTERVAL_S."""
        with self._lock:
            self.counts[outcome] += 1
            now = time.monotonic()
            if reason is None or now - self._last_log < LOG_INTERVAL_S:
                return
            self._last_log = now
            totals = dict(self.counts)
        log.error("usage events %s: %s; since start %s", outcome, reason, totals)

    # -- life of the producer ---------------------------------------------------------------------

    def _get_producer(self) -> Producer:
        with self._lock:
            if self._producer is None:
                self._producer = Producer(self._config, logger=log)
                args = (self._producer,)
                threading.Thread(target=self._serve, args=args, name="usage-kafka", daemon=True).start()
            return self._producer

    def _serve(self, producer: Producer) -> None:
        """Delivery reports, on a thread of their own, until the process forks or ends."""
        while producer is self._producer and self._close_deadline is None:
            producer.poll(0.5)

    def _forget_producer(self) -> None:
        """In a forked child: librdkafka's threads stayed in the parent. Destroying would hang."""
        if self._producer is not None:
            self._forgotten.append(self._producer)
        self._producer = None
        self._lock = threading.Lock()  # another thread may have held it
        self.counts.clear()

    def _survive(self, number: int) -> None:
        """Lets the process end by returning from main, so that atexit runs and events get out.

        uvicorn finishes the requests in flight, then raises the signal again with the default
        action (Server.capture_signals), which ends the process at once: 30 of 30 events of calls
        in flight were lost. Blocked in this thread, that second signal stays pending. The exit
        status becomes 0 instead of 143.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may set handlers; such a server keeps its own
        previous = signal.getsignal(number)
        if not callable(previous):
            return  # no server is listening: the default action stays

        def handler(received: int, frame: Any) -> None:
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})
            previous(received, frame)

        signal.signal(number, handler)

    def _drain(self, producer: Producer) -> None:
        assert self._close_deadline is not None
        if producer.flush(max(0.0, self._close_deadline - time.monotonic())):
            producer.purge()  # each purged message is reported as failed, so it is kept
            producer.flush(1.0)

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Waits for what is queued; what does not get out in time is kept like any failure."""
        if self._close_deadline is None:
            self._close_deadline = time.monotonic() + timeout_s
        if self._producer is not None:
            self._drain(self._producer)
        log.info("usage events: %s", dict(self.counts))


def from_environment(env: Mapping[str, str] = os.environ) -> _PROXY_UsageKafkaLogger:
    """Refuses to start without brokers: a proxy that accounts nothing should not look healthy."""
    brokers = env.get("USAGE_KAFKA_BROKERS")
    if not brokers:
        raise ValueError("usage_kafka_logger: set USAGE_KAFKA_BROKERS=host:9092,... in the environment")
    form = env.get("USAGE_KAFKA_PAYLOAD", "lean")
    if form not in ("lean", "full"):
        raise ValueError(f'usage_kafka_logger: USAGE_KAFKA_PAYLOAD is "lean" or "full", not {form!r}')
    properties = env.get("USAGE_KAFKA_CONFIG", "{}")
    if properties.startswith("@"):
        properties = Path(properties[1:]).read_text()
    return _PROXY_UsageKafkaLogger(
        {"bootstrap.servers": brokers, **json.loads(properties)},
        env.get("USAGE_KAFKA_TOPIC", "litellm.usage.v1"),
        full=form == "full",
        spill=env.get("USAGE_KAFKA_SPILL") or None,
    )


def __getattr__(name: str) -> _PROXY_UsageKafkaLogger:
    """`usage_kafka_logger`, made when LiteLLM asks for it, so that importing connects to nothing."""
    if name != "usage_kafka_logger":
        raise AttributeError(name)
    globals()[name] = from_environment()
    return globals()[name]
