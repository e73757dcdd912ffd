"""usage_kafka_logger: publishes every LiteLLM request to Kafka, for usage-ingestd to account.

A `CustomLogger` that an operator puts beside the proxy's config.yaml. README.md has the configuration
and the form of the events.

Topic  USAGE_KAFKA_TOPIC: one message for each attempt that LiteLLM reports or bills.
Key    metadata.user_api_key_hash when it is a SHA-256 (64 hex), else none.
Value  LiteLLM's StandardLoggingPayload as strict JSON. "lean" by default, 2 KB of 14: a list of what is
       kept, because the next LiteLLM may add a field that holds prompts.

A request never waits: `produce` appends to librdkafka's memory. What Kafka did not take goes to the
file USAGE_KAFKA_SPILL; what is lost is counted and logged. LiteLLM calls the hooks on its event loop;
delivery reports come on our own thread, so that the loop waits for no disk. Counts are under a lock.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import logging
import math
import multiprocessing.util
import os
import re
import signal
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from litellm.integrations.custom_logger import CustomLogger
from litellm.litellm_core_utils.llm_cost_calc.guardrail_cost import guardrail_information_cost

log = logging.getLogger("usage_kafka_logger")
PRODUCER_DEFAULTS: dict[str, Any] = {
    "client.id": "litellm-usage",
    "enable.idempotence": True, "acks": "all",  # a retry after a lost answer is not a second message
    "linger.ms": 50, "compression.type": "lz4",
    # How long an event waits in memory for a broker, and how much memory that may cost.
    "delivery.timeout.ms": 300_000,
    "queue.buffering.max.kbytes": 64 * 1024, "queue.buffering.max.messages": 100_000,
}
#: Not configurable, because Kafka may lose or double events without; and how each may be written.
GUARANTEES = {"enable.idempotence": ("true", "t", "1"), "acks": ("all", "-1"), "request.required.acks": ("all", "-1")}

#: What accounting reads, by the names of LiteLLM's StandardLoggingPayload.
KEEP = frozenset(
    "id litellm_call_id trace_id call_type cache_hit stream status custom_llm_provider startTime endTime completionStartTime"
    " response_time model model_group model_id response_cost cost_breakdown total_tokens prompt_tokens completion_tokens"
    " request_tags end_user error_str".split()
)
KEEP_METADATA = frozenset(
    "user_api_key_hash user_api_key_alias user_api_key_user_id user_api_key_team_id user_api_key_team_alias user_api_key_org_id"
    " user_api_key_request_route usage_object applied_guardrails is_silent_experiment internal_call_origin billed_retry_attempt"
    " parent_request_id request_start".split()
)
KEEP_ERROR = frozenset("error_code error_class error_message llm_provider".split())
MARKS = ("is_silent_experiment", "internal_call_origin")  # in the payload, or only in the request's metadata
#: The numbers that usage-ingestd refuses to guess: without one of them there is no bill.
BILLED = ("startTime", "prompt_tokens", "completion_tokens", "response_cost")
#: Calls without a payload: downloads, and sessions (each call in a session has one).
NO_PAYLOAD = "video_content avideo_content file_content afile_content _arealtime _aresponses_websocket".split()
#: Words that LiteLLM puts where a key's hash belongs; other text that is no SHA-256 is the credential itself.
SENTINELS = frozenset("litellm_proxy_master_key litellm-internal-health-check litellm_internal_jobs litellm-cli".split())
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
TRACEBACK = "Traceback (most recent call last)"  # in an error's text it brings the answer along
SECRET_CHARS_MIN = 8  # a shorter "credential" is looked for in its own field only: it may be "a"
VALUE_BYTES_MAX = 900_000  # below the 1,000,000 of librdkafka and the 1,048,588 of a broker
TEXT_CHARS_MAX = 4_000  # of one text in a lean event; clients choose tags, users and errors
ITEMS_MAX = 64  # of one list or object in a lean event
SPILL_BYTES_MAX = 1 << 30
LOG_INTERVAL_S = CLOSE_TIMEOUT_S = 10.0


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
    """A copy cut to size, without NaN and Infinity: clients may send both, JSON has neither."""
    if isinstance(value, str):
        return value[:TEXT_CHARS_MAX]
    if value is None or isinstance(value, (int, float)):
        return finite(value)
    if depth == 0:
        return None
    if isinstance(value, Mapping):
        items = list(value.items())[:ITEMS_MAX]
        return {str(name)[:TEXT_CHARS_MAX]: bounded(item, depth - 1) for name, item in items}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [bounded(item, depth - 1) for item in list(value)[:ITEMS_MAX]]
    return str(value)[:TEXT_CHARS_MAX]


def finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """A copy with `change` applied to every text, number and so on in it."""
    if isinstance(value, Mapping):
        return {name: mapped(item, change) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mapped(item, change) for item in value]
    return change(value)


def spelled_out(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """With "NaN" as text where a number is billed: a dead letter. Null would be booked as a free call."""
    odd = [name for name in BILLED if finite(payload.get(name)) is not payload.get(name)]
    return {**payload, **{name: json.dumps(payload[name]) for name in odd}}


def dumps(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, skipkeys=True, separators=(",", ":"), default=str)
    return text.encode("utf-8", "replace")  # a lone surrogate becomes "?"


def key_and_secret(payload: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The Kafka key, and what stands where the hash belongs but is a credential."""
    found = (payload.get("metadata") or {}).get("user_api_key_hash")
    if not isinstance(found, str) or not found or found in SENTINELS:
        return None, None
    return (found, None) if SHA256.fullmatch(found) else (None, found)


def encode(payload: Mapping[str, Any], full: bool, secret: str | None = None) -> bytes:
    """The message. A full event that cannot be written, or is too large, goes out lean."""
    payload = spelled_out(payload)
    if secret:
        payload = {**payload, "metadata": {**payload["metadata"], "user_api_key_hash": None}}
        if len(secret) >= SECRET_CHARS_MIN:  # blanked wherever a text holds it, such as an error
            payload = mapped(payload, lambda v: v.replace(secret, "[credential]") if isinstance(v, str) else v)
    if full:
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            if len(value := dumps(mapped(payload, finite))) <= VALUE_BYTES_MAX:
                return value
    event = lean(payload)
    value = dumps(event)
    if len(value) > VALUE_BYTES_MAX:  # a client's tags can still be many: usage comes first
        event.pop("request_tags", None)
        event["metadata"].pop("usage_object", None)
        value = dumps(event)
    return value


def marked(payload: Mapping[str, Any], **marks: Any) -> dict[str, Any]:
    return {**payload, "metadata": {**(payload.get("metadata") or {}), **marks}}


def marks_of(kwargs: Mapping[str, Any], payload: Mapping[str, Any]) -> dict[str, Any]:
    """What LiteLLM says of a call outside of its payload; not what the client wrote into its metadata."""
    found, params = dict[str, Any](), kwargs.get("litellm_params") or {}
    for metadata in filter(None, (params.get("metadata"), params.get("litellm_metadata"))):
        clients = metadata.get("requester_metadata") or {}
        found |= {name: metadata[name] for name in MARKS if metadata.get(name) and name not in clients}
    if payload.get("status") == "failure" and isinstance(kwargs.get("start_time"), datetime):
        found["request_start"] = kwargs["start_time"].timestamp()  # as in LiteLLM's own row; startTime differs
    return found


def billed_cost(request: Mapping[str, Any], payload: Mapping[str, Any]) -> float:
    """Of the last attempt of a failed request, as `failure_row_response_cost` of LiteLLM 1.110 calculates it."""
    if payload.get("cost_finalized") is True:
        return payload["response_cost"] or 0.0
    streamed = request.get("response_cost") if hasattr(request.get("combined_usage_object"), "prompt_tokens") else 0.0
    told = {**(request.get("litellm_metadata") or {}), **(request.get("metadata") or {})}
    return max(streamed or 0.0, 0.0) + guardrail_information_cost(told.get("standard_logging_guardrail_information"))


def billed_attempts(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An event for each attempt of a failed request that LiteLLM bills; README.md has its form.

    LiteLLM estimates the bill of a call that timed out, and adds guardrails, when the whole request has failed. Only what
    is billed beyond the payload of the failure makes an event. The types tell LiteLLM's objects from a client's JSON.
    """
    payload, usage = request.get("standard_logging_object") or {}, request.get("combined_usage_object")
    parent, begin = payload.get("id") or request.get("litellm_call_id"), request.get("start_time")
    bills = [("billed", usage, billed_cost(request, payload), payload, None)]
    earlier = request.get("billed_failed_attempts")
    for number, one in enumerate(earlier if isinstance(earlier, tuple) else ()):
        bills.append((f"attempt-{number}", one.usage, one.response_cost, {}, one.deployment_id))
    events = []
    for suffix, usage, cost, published, deployment in bills:
        event = marked(payload, billed_retry_attempt=True, parent_request_id=parent, usage_object=None)
        event |= {"id": f"{parent}-{suffix}", "cost_breakdown": None, "model_id": deployment or payload.get("model_id")}
        event["startTime"] = begin.timestamp() if isinstance(begin, datetime) else payload.get("startTime")
        event["response_cost"] = (cost or 0.0) - (published.get("response_cost") or 0.0)
        for name in ("prompt_tokens", "completion_tokens"):
            event[name] = max(0, (getattr(usage, name, 0) or 0) - (published.get(name) or 0))
        event["total_tokens"] = event["prompt_tokens"] + event["completion_tokens"]
        events.append(event)
    return [event for event in events if event["response_cost"] > 1e-12]  # less is a rounding error


def append_line(path: Path, line: bytes, size_max: int) -> None:
    """Appends the whole line or raises OSError. Opens the file each time: an operator may move it away."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)  # the workers share it
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is not a regular file")
        if found.st_size and os.pread(file, 1, found.st_size - 1) != b"\n":
            line = b"\n" + line  # a process was killed in the middle of its line
        if found.st_size + len(line) > size_max:
            raise OSError(f"{path} is full")
        if os.write(file, line) != len(line):
            os.ftruncate(file, found.st_size)
            raise OSError(f"{path}: short write, is the disk full?")
    finally:
        os.close(file)


def guaranteed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of an operator's properties those that may replace ours; the proxy starts in any case."""
    weaker = {n: v for n, v in config.items() if n in GUARANTEES and str(v).lower() not in GUARANTEES[n]}
    if weaker:
        text = ", ".join(f"{name}={value!r}" for name, value in weaker.items())
        log.warning("USAGE_KAFKA_CONFIG: %s ignored, enable.idempotence=true and acks=all stay: no usage that"
                    " is billed may be lost or doubled. Remove it from USAGE_KAFKA_CONFIG", text)
    return {name: value for name, value in config.items() if name not in GUARANTEES}


class _PROXY_UsageKafkaLogger(CustomLogger):
    """Hands each event to a Kafka producer.

    The name: LiteLLM lets a client switch callbacks off with `"no-log": true`, except those whose
    class name contains `_PROXY_` (Logging.should_run_callback), which are the proxy's own accounting.
    Only asynchronous hooks: LiteLLM calls the synchronous ones too for some requests.
    """

    def __init__(self, config: Mapping[str, Any], topic: str = "litellm.usage.v1", *, full: bool = False,
                 spill: str | os.PathLike[str] | None = None) -> None:
        """Raises KafkaException for a property that librdkafka refuses: better than no usage."""
        super().__init__()
        self.counts: Counter[str] = Counter()
        self._config = {**PRODUCER_DEFAULTS, **guaranteed(config)}
        self._topic, self._full, self._spill = topic, full, Path(spill) if spill else None
        self._lock, self._last_log = threading.Lock(), -math.inf
        self._close_deadline: float | None = None  # set once the process ends
        self._producer: Producer | None = None
        self._forgotten: list[Producer] = []  # of the parent, in a forked child
        self._get_producer()
        os.register_at_fork(after_in_child=self._forget_producer)
        atexit.register(self.close)
        if multiprocessing.parent_process():  # a worker of Granian, which ends without atexit
            multiprocessing.util.Finalize(None, atexit._run_exitfuncs, exitpriority=0)
        self._survive(signal.SIGTERM)

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time) -> None:
        self._publish_all(self._reported, kwargs)  # the hooks never raise and never wait

    async_log_failure_event = async_log_success_event

    async def async_post_call_failure_hook(self, request_data, *_, **__) -> None:
        self._publish_all(billed_attempts, request_data)

    def _publish_all(self, events_of: Callable[[Mapping[str, Any]], list], told: Mapping[str, Any]) -> None:
        try:
            for event in events_of(told):
                self._publish(event)
        except Exception as error:  # its text could hold content, so only its name is logged
            self._count("lost", f"{type(error).__name__} while encoding")

    def _reported(self, kwargs: Mapping[str, Any]) -> list[dict[str, Any]]:
        payload = kwargs.get("standard_logging_object")
        if payload:
            return [marked(payload, **marks_of(kwargs, payload))]
        if kwargs.get("model") and kwargs.get("call_type") not in NO_PAYLOAD:
            self._count("lost", "no standard_logging_object")  # LiteLLM could not build it
        else:
            self._count("no_usage")  # nothing is owed, as LiteLLM's own spend logs say
        return []

    def _publish(self, payload: Mapping[str, Any]) -> None:
        key, secret = key_and_secret(payload)
        value = encode(payload, self._full, secret)
        producer = self._get_producer()
        try:
            producer.produce(self._topic, value=value, key=key, on_delivery=self._on_delivery)
        except (BufferError, KafkaException) as error:
            return self._keep(value, str(error))
        self._count("produced")
        if self._close_deadline is not None:  # LiteLLM drains its own queue after our close()
            self._drain(producer)

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            return self._count("delivered")
        self._keep(message.value() or b"", error.str())

    def _keep(self, value: bytes, reason: str) -> None:
        """Writes an event that Kafka did not take to the spill file; else it is lost."""
        try:
            if self._spill is not None:
                append_line(self._spill, value + b"\n", SPILL_BYTES_MAX)
            self._count("spilled" if self._spill else "lost", reason)
        except OSError as failure:
            self._count("lost", f"{failure}; {reason}")

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

    def _get_producer(self) -> Producer:
        with self._lock:
            if self._producer is None:
                self._producer = Producer(self._config, logger=log)
                threading.Thread(target=self._serve, args=(self._producer,), daemon=True).start()
            return self._producer

    def _serve(self, producer: Producer) -> None:
        """Delivery reports, on their own thread, until the process forks or ends."""
        while producer is self._producer and self._close_deadline is None:
            producer.poll(0.5)  # type: ignore[union-attr]  # it has the type of self._producer here

    def _forget_producer(self) -> None:
        """In a forked child: librdkafka's threads stayed in the parent. Destroying would hang."""
        if self._producer is not None:
            self._forgotten.append(self._producer)
        self._producer = None
        self._lock = threading.Lock()  # another thread may have held it
        self.counts.clear()

    def _survive(self, number: int) -> None:
        """Makes the process end by returning from main, so that atexit runs and events get out.

        uvicorn finishes the requests in flight, then raises the signal again with the default action
        (Server.capture_signals), which ends the process at once. Blocked, that one stays pending.
        """
        previous = signal.getsignal(number)
        if not callable(previous) or threading.current_thread() is not threading.main_thread():
            return  # no server has a handler, or this thread may not set one

        def handler(received: int, frame: Any) -> None:
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})
            previous(received, frame)

        signal.signal(number, handler)

    def _drain(self, producer: Producer) -> None:
        if producer.flush(max(0.0, (self._close_deadline or 0.0) - time.monotonic())):
            producer.purge()  # each purged message is reported as failed, so it is kept
            producer.flush(1.0)

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Waits for what is queued; what does not get out in time is kept like any failure."""
        self._close_deadline = self._close_deadline or time.monotonic() + timeout_s
        if self._producer is not None:
            self._drain(self._producer)
        log.info("usage events: %s", dict(self.counts))


def from_environment(env: Mapping[str, str] = os.environ) -> _PROXY_UsageKafkaLogger:
    """Refuses to start without brokers: a proxy that accounts nothing should not look healthy."""
    if not (brokers := env.get("USAGE_KAFKA_BROKERS")):
        raise ValueError("usage_kafka_logger: set USAGE_KAFKA_BROKERS=host:9092,... in the environment")
    form, spill = env.get("USAGE_KAFKA_PAYLOAD", "lean"), env.get("USAGE_KAFKA_SPILL") or None
    if form not in ("lean", "full"):
        raise ValueError(f'usage_kafka_logger: USAGE_KAFKA_PAYLOAD is "lean" or "full", not {form!r}')
    properties = env.get("USAGE_KAFKA_CONFIG", "{}")
    if properties.startswith("@"):
        properties = Path(properties[1:]).read_text()
    config = {"bootstrap.servers": brokers, **json.loads(properties)}
    topic = env.get("USAGE_KAFKA_TOPIC", "litellm.usage.v1")
    return _PROXY_UsageKafkaLogger(config, topic, full=form == "full", spill=spill)


def __getattr__(name: str) -> _PROXY_UsageKafkaLogger:
    """`usage_kafka_logger`, made when LiteLLM asks for it, so that importing connects to nothing."""
    if name != "usage_kafka_logger":
        raise AttributeError(name)
    globals()[name] = from_environment()
    return globals()[name]
