"""Produces events at a rate until SIGTERM: event_load.py BROKERS TOPIC RATE KEY_HASH MODEL."""

import json
import signal
import sys
import time
import uuid

from confluent_kafka import Producer

TICK_S = 0.02


def event(key_hash: str, model: str) -> tuple[str, bytes]:
    now = time.time()
    name = uuid.uuid4().hex
    one = {"id": name, "status": "success", "startTime": now - 0.1, "endTime": now, "prompt_tokens": 10,
           "completion_tokens": 5, "total_tokens": 15, "response_cost": 0.0001, "model": model, "model_group": model,
           "metadata": {"user_api_key_hash": key_hash}}
    return name, json.dumps(one).encode()


def main() -> None:
    brokers, topic, rate, key_hash, model = sys.argv[1:]
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 5})
    running = True

    def stop(*_) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    began, sent = time.monotonic(), 0
    while running:
        for _ in range(int((time.monotonic() - began) * int(rate)) - sent):
            key, value = event(key_hash, model)
            producer.produce(topic, value, key)  # ids as keys: all partitions get the same
            sent += 1
        producer.poll(TICK_S)
    producer.flush(10)


if __name__ == "__main__":
    main()
