"""A model provider on 127.0.0.1 that speaks as much of OpenAI's API as the test needs.

The last user message may hold directives: [[sleep=2]] waits, [[fail=500 times=1 key=x]] fails the
first calls with that key, [[status=400]] always fails, [[words=20]] is the length of the answer,
[[break=4]] ends a stream after that number of words, and [[hold]] waits for POST /release.
GET /seen tells how many chats came and how many wait, so that the test need not guess by time.
Every answer costs 10 prompt tokens and one completion token a word, so the test can add up.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import uuid
from collections import Counter

from aiohttp import web

failed: Counter[str] = Counter()
seen: Counter[str] = Counter(calls=0, waiting=0)
released = asyncio.Event()


def directive(text: str, name: str, default: str) -> str:
    found = re.search(rf"\[\[[^\]]*\b{name}=([^\s\]]+)", text)
    return found.group(1) if found else default


def error(status: int) -> web.Response:
    body = {"error": {"message": f"upstream says {status}", "type": "server_error", "param": None, "code": None}}
    return web.json_response(body, status=status)


async def trouble(text: str) -> web.Response | None:
    seen["calls"] += 1
    seen["waiting"] += 1
    await (released.wait() if "[[hold]]" in text else asyncio.sleep(float(directive(text, "sleep", "0"))))
    seen["waiting"] -= 1
    key = directive(text, "key", "")
    if failed[key] < int(directive(text, "times", "0")):
        failed[key] += 1
        return error(int(directive(text, "fail", "500")))
    status = int(directive(text, "status", "200"))
    return error(status) if status != 200 else None


async def chat(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    text = str(body["messages"][-1]["content"])
    bad = await trouble(text)
    if bad is not None:
        return bad
    words = int(directive(text, "words", "5"))
    usage = {"prompt_tokens": 10, "completion_tokens": words, "total_tokens": 10 + words}
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": 1, "model": body["model"]}
    if not body.get("stream"):
        message = {"role": "assistant", "content": "word " * words}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    return await stream(request, text, {**head, "object": "chat.completion.chunk"}, words, usage)


async def stream(request: web.Request, text: str, head: dict, words: int, usage: dict) -> web.StreamResponse:
    out = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await out.prepare(request)

    async def send(**fields) -> None:
        await out.write(b"data: " + json.dumps({**head, **fields}).encode() + b"\n\n")

    for word in range(words):
        if word == int(directive(text, "break", "-1")):
            request.transport.close()
            return out
        await send(choices=[{"index": 0, "delta": {"role": "assistant", "content": "word "}, "finish_reason": None}])
        await asyncio.sleep(0.02)
    await send(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    await send(choices=[], usage=usage)
    await out.write(b"data: [DONE]\n\n")
    return out


async def embeddings(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    data = [{"object": "embedding", "index": 0, "embedding": [0.5] * 8}]
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    return web.json_response({"object": "list", "data": data, "model": body["model"], "usage": usage})


async def video_content(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"film", content_type="video/mp4")


async def release(request: web.Request) -> web.StreamResponse:
    released.set()
    return web.Response()


async def status(request: web.Request) -> web.StreamResponse:
    return web.json_response(seen)


def main() -> None:
    app = web.Application()
    app.router.add_get("/seen", status)
    app.router.add_post("/release", release)
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_post("/v1/embeddings", embeddings)
    app.router.add_get("/v1/videos/{id}/content", video_content)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
