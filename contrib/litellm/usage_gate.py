"""usage_gate: refuses the calls of suspended subscriptions with status 429, before they reach a model.

An optional pre-call hook of LiteLLM's proxy, beside config.yaml and usage_kafka_logger.py. README.md has
the configuration. usage-ingestd counts and the database suspends; this file follows what they decide.

It learns by LISTEN. A notification is part of the transaction that suspends or resumes a subscription,
so it comes as soon as the change is committed, and never without it. Everything is read again after each
connection and every RELOAD_S, so a notification that was lost has no lasting effect.

Whose call it is, usage_ingest.suspended_calls() says: the rule of docs/events.md, "Whose usage it is".
A call is looked up in memory. It waits for the database only if its user is suspended and its key is not
among that user's keys: the key may be another user's.

Owner   the event loop of one proxy process; each has one session.
Limits  memory: some 500 bytes for each suspended subscription and each key of its user.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import aiohttp
from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

log = logging.getLogger("usage_gate")

#: The payload of the first two is the id of a subscription; of the third it is the name of a table.
CHANNELS = SUSPENDED, RESUMED, REFERENCES = (
    "usage_ingest_suspended", "usage_ingest_resumed", "usage_ingest_references")
QUERY = ("SELECT subscription_id::text, model_id, user_id::text, key_hashes, reason, resumes_at"
         " FROM usage_ingest.suspended_calls(%s::uuid[])")
#: What the operator's connection string does not say. A dead network is noticed within seconds.
CONNECTION = {"application_name": "usage_gate", "connect_timeout": 5, "tcp_user_timeout": 5000,
              "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2}
HEARTBEAT_S = 1.0  # the state is confirmed this often
RELOAD_S = 30.0  # everything is read again this often
GATHER_S = 0.05  # the changes of this time are read together
ANSWER_S = 5.0  # for one statement
RETRY_S = 0.5  # between two connections
FIRST_READING_S = 2.0  # calls wait for the first reading until then
STEP_ROWS = 100  # rows that are taken over before other calls get their turn
LOG_INTERVAL_S = 10.0

SHA256 = re.compile(r"[0-9a-f]{64}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: LiteLLM's own calls, and the administrator's: words that it puts where a key's hash belongs.
EXEMPT_KEYS = frozenset("litellm_proxy_master_key litellm-internal-health-check litellm_internal_jobs litellm-cli".split())
#: Calls that read, list, stop or delete what an earlier call made. They cost nothing.
EXEMPT_CALLS = ("aget_", "alist_", "aretrieve_", "acancel_", "adelete_", "avideo_status", "avideo_content", "avideo_list")
#: In the event of a refused call. usage-ingestd and LiteLLM then count it as no request.
REFUSED = "suspended_subscription"


class Suspension(NamedTuple):
    subscription_id: str
    model: str
    reason: str | None
    resumes_at: datetime | None

    def refusal(self) -> HTTPException:
        text = f"Subscription {self.subscription_id} (model {self.model}) is suspended"
        text += f": {self.reason}." if self.reason else "."
        headers = {"x-should-retry": "false"}  # the clients of OpenAI and Anthropic repeat a 429 otherwise
        now = datetime.now(UTC)
        if self.resumes_at is not None and self.resumes_at > now:
            text += f" It resumes at {self.resumes_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, when its next quota period begins."
            headers["retry-after"] = str(math.ceil((self.resumes_at - now).total_seconds()))
        return HTTPException(429, text, headers)


class Suspensions:
    """What the database says of suspended subscriptions, followed by one session."""

    def __init__(self, conninfo: str, reload_s: float = RELOAD_S) -> None:
        given = conninfo_to_dict(conninfo)
        self._conninfo = make_conninfo(conninfo, **{name: value for name, value in CONNECTION.items() if name not in given})
        self._reload_s = reload_s
        self.confirmed_at = -math.inf
        self.has_read = asyncio.Event()
        self._suspended: dict[str, Suspension] = {}  # by the id of the subscription
        self._calls: dict[tuple[str, str], str] = {}  # key hash or user, and model: the subscription
        self._known_keys: dict[str, bool] = {}  # answers of is_known_key()
        self._asking = asyncio.Lock()

    def find(self, who: str, model: str) -> Suspension | None:
        return self._suspended.get(self._calls.get((who, model), ""))

    async def knows_key(self, key_hash: str) -> bool:
        async with self._asking:
            if key_hash not in self._known_keys:
                async with await self._connect() as connection:
                    cursor = await connection.execute("SELECT usage_ingest.is_known_key(%s)", (key_hash,))
                    self._known_keys[key_hash] = (await cursor.fetchone() or (False,))[0]
            return self._known_keys[key_hash]

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                async with await self._connect() as connection:
                    await self._listen(connection)
            except Exception as error:  # whatever it is: without this task nothing is refused
                log.warning("the state of subscriptions is not known, next attempt in %s s: %s: %s",
                            RETRY_S, type(error).__name__, str(error).strip())
            await asyncio.sleep(RETRY_S)

    async def _connect(self) -> AsyncConnection:
        # Nothing is prepared: a pooler may give each statement another session.
        return await AsyncConnection.connect(self._conninfo, autocommit=True, prepare_threshold=None)

    async def _listen(self, connection: AsyncConnection) -> None:
        for channel in CHANNELS:
            await asyncio.wait_for(connection.execute(f"LISTEN {channel}"), ANSWER_S)
        read_at, pause_s = -math.inf, GATHER_S
        while True:
            began = time.monotonic()
            if began - read_at >= self._reload_s:
                await self._read(connection, None)
                read_at = time.monotonic()
                # Changes that follow each other closely do not keep the database busy all the time.
                pause_s = min(0.5, max(GATHER_S, 3 * (read_at - began)))
            news = [one async for one in connection.notifies(timeout=HEARTBEAT_S, stop_after=1)]
            if news:
                await asyncio.sleep(pause_s)
                news += [one async for one in connection.notifies(timeout=0)]
            changed = [one.payload for one in news if one.channel != REFERENCES and UUID.fullmatch(one.payload)]
            if len(changed) < len(news):
                read_at = -math.inf
            elif changed:
                await self._read(connection, changed)
            else:
                await asyncio.wait_for(connection.execute("SELECT 1"), ANSWER_S)
                self.confirmed_at = time.monotonic()

    async def _read(self, connection: AsyncConnection, changed: list[str] | None) -> None:
        """Everything, or what concerns these subscriptions."""
        suspended, calls = dict[str, Suspension](), dict[tuple[str, str], str]()
        asked_at = time.monotonic()
        cursor = await asyncio.wait_for(connection.execute(QUERY, (changed,)), ANSWER_S)
        while rows := await cursor.fetchmany(STEP_ROWS):
            for subscription_id, model, user_id, key_hashes, reason, resumes_at in rows:
                suspended[subscription_id] = Suspension(subscription_id, model, reason, resumes_at)
                for who in (*key_hashes, *filter(None, (user_id,))):
                    calls[who, model] = subscription_id
            await asyncio.sleep(0)
        if changed is None:
            self._suspended, self._calls, self._known_keys = suspended, calls, {}
        else:
            for subscription_id in changed:
                self._suspended.pop(subscription_id, None)
            self._suspended.update(suspended)
            self._calls.update(calls)
        self.confirmed_at = asked_at
        self.has_read.set()


class Daemons:
    """Whether one of the daemons counts usage, by its /readyz."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = urls
        self.ready_at = time.monotonic() if urls else math.inf

    async def follow(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session:
            while self._urls:
                for url in self._urls:
                    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                        async with session.get(url) as answer:
                            if answer.status == 200:
                                self.ready_at = time.monotonic()
                                break
                await asyncio.sleep(HEARTBEAT_S)


class UsageGate(CustomLogger):
    def __init__(self, conninfo: str, *, fail_closed: bool = False, stale_s: float = 10.0, readyz: list[str] | None = None,
                 reload_s: float = RELOAD_S) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self._make = lambda: (Suspensions(conninfo, reload_s), Daemons(readyz or []))
        self._fail_closed, self._stale_s = fail_closed, stale_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last_log = -math.inf
        with contextlib.suppress(RuntimeError):  # without a loop it starts with the first call
            self.start()

    def start(self) -> None:
        """On the running loop: that of a worker, also if its parent had one."""
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        self._loop, self._started_at = loop, time.monotonic()
        self.suspensions, self._daemons = self._make()
        self._tasks = [loop.create_task(one.follow()) for one in (self.suspensions, self._daemons)]

    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type) -> None:
        self.start()
        if str(call_type).startswith(EXEMPT_CALLS) or user_api_key_dict.api_key in EXEMPT_KEYS:
            return
        for model in dict.fromkeys(asked_models(data)):
            refusal = await self._refusal(user_api_key_dict.api_key, user_api_key_dict.user_id, public_name(model))
            if refusal is not None:
                mark_refused(data)
                raise refusal

    async def _refusal(self, api_key: str | None, user_id: str | None, model: str) -> HTTPException | None:
        if not self.suspensions.has_read.is_set():
            await self._first_reading()
        if self._is_stale(self.suspensions.confirmed_at):
            return self._undecided("the database does not answer")
        key_hash = (api_key or "").lower()
        if not SHA256.fullmatch(key_hash):
            key_hash = ""  # LiteLLM has put the key itself there, or a word
        suspension = self.suspensions.find(key_hash, model)
        if suspension is None and user_id:
            suspension = self.suspensions.find(user_id.lower(), model)
            if suspension is not None and key_hash:
                try:
                    if await asyncio.wait_for(self.suspensions.knows_key(key_hash), ANSWER_S):
                        suspension = None  # the key's own user decides
                except Exception as error:
                    return self._undecided(f"whose key it is: {type(error).__name__}")
        if suspension is not None:
            self._count("refused", f"subscription {suspension.subscription_id} is suspended")
            return suspension.refusal()
        if self._is_stale(self._daemons.ready_at):
            return self._undecided("no daemon is ready")
        return None

    async def _first_reading(self) -> None:
        seconds = self._started_at + FIRST_READING_S - time.monotonic()
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.suspensions.has_read.wait(), seconds)

    def _is_stale(self, time_s: float) -> bool:
        return time.monotonic() - time_s > self._stale_s

    def _undecided(self, reason: str) -> HTTPException | None:
        self._count("refused_undecided" if self._fail_closed else "admitted_undecided", reason)
        if not self._fail_closed:
            return None
        text = "It is not known whether this subscription is suspended, so the call is refused. Try again later."
        return HTTPException(503, text, {"retry-after": "5"})

    def _count(self, outcome: str, reason: str) -> None:
        """One line in LOG_INTERVAL_S."""
        self.counts[outcome] += 1
        now = time.monotonic()
        if now - self._last_log >= LOG_INTERVAL_S:
            self._last_log = now
            log.warning("calls %s: %s; since start %s", outcome, reason, dict(self.counts))


def asked_models(data: Mapping[str, Any]) -> Iterator[str]:
    """Each model that the client names: LiteLLM asks both of "a,b", and those of `fallbacks` when the first one fails."""
    for name in ("model", "fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
        yield from names_in(data.get(name))


def names_in(value: Any) -> Iterator[str]:
    """Of a name, a list of names, {"model": name, ...} or {name: [names]}."""
    if isinstance(value, str):
        yield value
        yield from (part for part in map(str.strip, value.split(",")) if part and part != value)
    elif isinstance(value, Mapping):
        yield from names_in(value["model"] if "model" in value else list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from names_in(one)


def public_name(model: str) -> str:
    """Of a deployment that the call names by its id, which LiteLLM tells its clients: docs/events.md, `model_id`."""
    router: Any = getattr(sys.modules.get("litellm.proxy.proxy_server"), "llm_router", None)
    try:
        found = router.registry().deployment if hasattr(router, "registry") else router.get_deployment  # before 1.110
        params = found(model).litellm_params
    except AttributeError:  # no router, no such deployment, or a router of a later LiteLLM
        return model
    provider = params.custom_llm_provider or params.model.partition("/")[0]
    return params.model.removeprefix(f"{provider}/")


def mark_refused(data: Mapping[str, Any]) -> None:
    """In what LiteLLM logs of the call: docs/events.md, "What counts as a request"."""
    logged = getattr(data.get("litellm_logging_obj"), "litellm_params", None) or {}
    for part in (data, logged):
        for name in ("metadata", "litellm_metadata"):
            if isinstance(part.get(name), dict):
                part[name]["internal_call_origin"] = REFUSED


def from_environment(env: Mapping[str, str] = os.environ) -> UsageGate:
    """Refuses to start with a configuration that it cannot keep: a gate that is always open should not look closed."""
    if not (conninfo := env.get("USAGE_GATE_CONNINFO")):
        raise ValueError('usage_gate: set USAGE_GATE_CONNINFO="host=... dbname=litemaas user=usage_gate" in the environment')
    on_failure = env.get("USAGE_GATE_ON_FAILURE", "open")
    if on_failure not in ("open", "closed"):
        raise ValueError(f'usage_gate: USAGE_GATE_ON_FAILURE is "open" or "closed", not {on_failure!r}')
    try:
        stale_s = float(env.get("USAGE_GATE_STALE_S", "10"))
    except ValueError:
        stale_s = math.nan
    if not 2 <= stale_s <= 3600:
        raise ValueError("usage_gate: USAGE_GATE_STALE_S is a number of seconds, 2 to 3600")
    return UsageGate(conninfo, fail_closed=on_failure == "closed", stale_s=stale_s, readyz=env.get("USAGE_GATE_READYZ", "").split())


def __getattr__(name: str) -> UsageGate:
    """`usage_gate`, made when LiteLLM asks for it, so that importing connects to nothing."""
    if name != "usage_gate":
        raise AttributeError(name)
    globals()[name] = from_environment()
    return globals()[name]
