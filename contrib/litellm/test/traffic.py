"""The calls of the end-to-end test. Each names its scenario in OpenAI's `user` field, which LiteLLM
passes on as end_user, so that an event and a row tell which call they come from."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections import Counter
from typing import Any

import httpx
from litellm.types.videos.utils import encode_video_id_with_provider
from services import Proxy, wait_for

NO_LOG: dict[str, Any] = {"no-log": True}
IN_FLIGHT = 11
ALICE, BOB, PLAIN, UNKNOWN = "sk-test-alice", "sk-test-bob", "plain-credential-of-bob", "sk-nobody"


def call(proxy: Proxy, scenario: str, text: str = "hello", key: str = ALICE, **body) -> int:
    message = [{"role": "user", "content": f"{text} {scenario}"}]
    request = {"model": "gpt-4o", "user": scenario, "messages": message, **body}
    return post(proxy, "/v1/chat/completions", key, request)


def post(proxy: Proxy, path: str, key: str, body: dict | bytes) -> int:
    url = f"http://127.0.0.1:{proxy.port}{path}"
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.post(url, headers=headers, **sent).status_code


def abort_stream(proxy: Proxy) -> int:
    text = "long [[words=100]]"
    body = {"model": "gpt-4o", "user": "abort", "stream": True, "messages": [{"role": "user", "content": text}]}
    url = f"http://127.0.0.1:{proxy.port}/v1/chat/completions"
    headers = {"authorization": f"Bearer {ALICE}"}
    with (httpx.Client(trust_env=False, timeout=60) as client,
          client.stream("POST", url, json=body, headers=headers) as answer):
        for _ in itertools.islice(answer.iter_lines(), 9):
            pass
        return answer.status_code


def ordinary(proxy: Proxy) -> dict[str, int]:
    """Scenario -> HTTP status; after it the proxy has nothing left to do but to publish."""
    nan = b'{"model":"gpt-4o","user":"nan","metadata":{"x":NaN},"messages":[{"role":"user","content":"nan"}]}'
    embedding = {"model": "embed", "user": "embedding", "input": "some text"}
    return {
        "chat": call(proxy, "chat", "[[words=7]]"),
        "bob": call(proxy, "bob", key=BOB),
        "stream": call(proxy, "stream", "[[words=9]]", stream=True),
        "abort": abort_stream(proxy),
        "embedding": post(proxy, "/v1/embeddings", ALICE, embedding),
        "rejected": call(proxy, "rejected", "[[status=400]]"),
        "retry": call(proxy, "retry", "[[fail=500 times=2 key=retry]]"),
        "miss": call(proxy, "cached", "same text"),
        "hit": cache_hit(proxy),
        "no-log": call(proxy, "no-log", **NO_LOG),
        "nan": post(proxy, "/v1/chat/completions", ALICE, nan),
        "plain": call(proxy, "plain", key=PLAIN),
        "unknown": call(proxy, "unknown", key=UNKNOWN),
        "broken": broken_stream(proxy),
        "timeout": call(proxy, "timeout", "[[sleep=2]]", model="slow", num_retries=1),
        "mirrored": call(proxy, "mirrored", model="mirrored"),
        "forged": call(proxy, "forged", metadata={"is_silent_experiment": True, "billed_retry_attempt": True}),
        "video": download_of_a_video(proxy),
    }


def broken_stream(proxy: Proxy) -> int:
    return call(proxy, "broken", "[[words=9 break=4]]", stream=True)


def download_of_a_video(proxy: Proxy) -> int:
    """By the id that LiteLLM gives to clients: it tells the deployment that made the video."""
    video = encode_video_id_with_provider("video_1", "openai", "video-1")
    url = f"http://127.0.0.1:{proxy.port}/v1/videos/{video}/content"
    return httpx.get(url, headers={"authorization": f"Bearer {ALICE}"}, trust_env=False, timeout=60).status_code


def seen(proxy: Proxy, what: str) -> int:
    return httpx.get(f"http://127.0.0.1:{proxy.upstream}/seen", trust_env=False).json()[what]


def cache_hit(proxy: Proxy) -> int:
    """Asks until the upstream is not asked: LiteLLM fills its cache some time after the answer."""
    for _ in range(20):
        before = seen(proxy, "calls")
        status = call(proxy, "cached", "same text")
        if seen(proxy, "calls") == before:
            break
        time.sleep(0.5)
    return status


def in_flight(proxies: list[Proxy]) -> dict[str, tuple[dict[int, int], int]]:
    """SIGTERM while calls are with the upstream: for each proxy the count of each status, and its exit code.

    The proxies are new, so these are the first events of their producers: the worst case.
    """
    calls: dict[str, Counter[int]] = {proxy.name: Counter() for proxy in proxies}

    def one(proxy: Proxy, i: int) -> None:
        calls[proxy.name][call(proxy, f"in-flight-{proxy.name}", f"[[hold]] {i}", **(NO_LOG if i == 0 else {}))] += 1

    threads = [threading.Thread(target=one, args=(proxy, i)) for proxy in proxies for i in range(IN_FLIGHT)]
    for thread in threads:
        thread.start()
    for proxy in proxies:
        wait_for(f"calls in flight of {proxy.name}", 60, lambda: seen(proxy, "waiting") == IN_FLIGHT)  # noqa: B023 - called before the next turn
        proxy.process.send_signal(signal.SIGTERM)
    time.sleep(1)  # each has begun to stop
    for proxy in proxies:
        httpx.post(f"http://127.0.0.1:{proxy.upstream}/release", trust_env=False)
    for thread in threads:
        thread.join()
    return {proxy.name: (dict(calls[proxy.name]), proxy.process.wait(60)) for proxy in proxies}
