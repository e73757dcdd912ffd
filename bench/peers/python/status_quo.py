#!/usr/bin/env python3
"""The status quo that bench/run compares with: a Python consumer that INSERTs a row an event.

What a team has that wired LiteLLM to LiteMaaS with a script: confluent-kafka, psycopg2, one
INSERT a row in a transaction of its own, and the seed's row trigger for the sums. It loads keys and
subscriptions once, which a real one could not, and removes no duplicates.

    status_quo.py --brokers 127.0.0.1:9092 --topic t --conninfo "host=..." --events 10000

It ends when that number of events is in, and prints how long that took. With --events 0 it goes on.
"""

from __future__ import annotations

import argparse
import datetime
import decimal
import hashlib
import json
import time

import confluent_kafka
import psycopg2
import psycopg2.extras

INSERT = """\
INSERT INTO usage_logs (subscription_id, api_key_id, team_id, model_id, request_tokens,
  response_tokens, input_cost, output_cost, latency_ms, status_code, error_message,
  litellm_request_id, metadata, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
MICRO = decimal.Decimal("0.000001")


class Owners:
    """Whose an event is, from memory."""

    def __init__(self, connection) -> None:
        self._keys, self._subscriptions = {}, {}
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, user_id, team_id, key_hash, lite_llm_key_value FROM api_keys")
            for key, user, team, key_hash, secret in cursor:
                self._keys[key_hash] = key, user, team
                if secret:
                    self._keys[hashlib.sha256(secret.encode()).hexdigest()] = key, user, team
            cursor.execute("SELECT id, user_id, model_id FROM subscriptions")
            for subscription, user, model in cursor:
                self._subscriptions[user, model] = subscription

    def of(self, key_hash: str, model: str) -> tuple:
        key, user, team = self._keys[key_hash]
        return self._subscriptions[user, model], key, team


def status_of(event: dict) -> int:
    code = (event.get("error_information") or {}).get("error_code") or ""
    if code.isdigit() and int(code) >= 400:
        return int(code)
    return 500 if event["status"] == "failure" else 200


def row_of(event: dict, owners: Owners) -> tuple:
    model = event["model_group"]
    total = decimal.Decimal(str(event.get("response_cost") or 0))
    breakdown = event.get("cost_breakdown") or {}
    output = decimal.Decimal(str(breakdown.get("output_cost") or 0)).quantize(MICRO)
    if event.get("cache_hit"):
        total = output = decimal.Decimal(0)
    metadata = {name: event[name] for name in ("call_type", "trace_id", "model", "request_tags")
                if event.get(name)}
    return (*owners.of(event["metadata"]["user_api_key_hash"], model), model,
            event["prompt_tokens"], event["completion_tokens"], total.quantize(MICRO) - output, output,
            round((event["endTime"] - event["startTime"]) * 1000), status_of(event),
            event.get("error_str"), event["id"], psycopg2.extras.Json(metadata),
            datetime.datetime.fromtimestamp(event["startTime"], datetime.UTC))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name in ("brokers", "topic", "conninfo"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--group", default=f"status-quo-{time.monotonic_ns()}")
    options = parser.parse_args()
    began = time.monotonic()
    connection = psycopg2.connect(options.conninfo)
    connection.autocommit = True
    owners = Owners(connection)
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": options.brokers, "group.id": options.group,
        # The lower bound of brokers: how long the partitions of a process that was killed wait.
        "session.timeout.ms": 6000, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([options.topic])
    done = 0
    with connection.cursor() as cursor:
        while not options.events or done < options.events:
            most = min(500, options.events - done) if options.events else 500
            messages = consumer.consume(most, timeout=1.0)
            for message in messages:
                if message.error():
                    raise RuntimeError(message.error().str())
                cursor.execute(INSERT, row_of(json.loads(message.value()), owners))
                done += 1
            if messages:
                # Not asynchronous: that takes the offsets of the next consume() too, and a crash loses its events.
                consumer.commit(asynchronous=False)
    print(json.dumps({"records": done, "seconds": time.monotonic() - began}))
    consumer.close()


if __name__ == "__main__":
    main()
