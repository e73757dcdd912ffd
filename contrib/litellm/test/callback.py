"""What the unit tests of usage_kafka_logger share: the captured events, and a logger without a broker."""

import asyncio
import atexit
import json
import logging
import os
import sys
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # LiteLLM downloads its price list otherwise
import usage_kafka_logger as module  # noqa: E402

EVENTS = [json.loads(line) for line in (HERE.parents[2] / "tests/data/litellm/events.ndjson").open()]
HASH = "ab" * 32
module.log.propagate = False  # librdkafka complains of the closed port
module.log.addHandler(logging.NullHandler())


def payload(**fields):
    return {"id": "chatcmpl-1", "status": "success", "startTime": 1.5, "prompt_tokens": 3,
            "metadata": {"user_api_key_hash": HASH}, **fields}


def strict(value: bytes):
    def refuse(token):
        raise AssertionError(f"{token} is not JSON")
    return json.loads(value, parse_constant=refuse)


class StandIn:
    """Takes the place of confluent_kafka.Producer in a logger."""

    def __init__(self, error=None):
        self.error, self.sent, self.reports = error, [], []

    def produce(self, topic, value, key, on_delivery):
        if self.error:
            raise self.error
        self.sent.append((topic, key, value))
        self.reports.append(lambda error: on_delivery(error, mock.Mock(**{"value.return_value": value})))

    def flush(self, timeout):
        return 0


def logger(standin=None, extra=None, **options):
    made = module._PROXY_UsageKafkaLogger({"bootstrap.servers": "127.0.0.1:1", **(extra or {})}, "t", **options)
    atexit.unregister(made.close)
    if standin:
        made._producer = standin
    return made


def report(made, event):
    hook = made.async_log_failure_event if event.get("status") == "failure" else made.async_log_success_event
    asyncio.run(hook({"standard_logging_object": event}, None, None, None))


def report_any(made, slp, model="gpt-4o", **more):
    kwargs = {"standard_logging_object": slp, "model": model, **more}
    asyncio.run(made.async_log_success_event(kwargs, None, None, None))


def report_failed(made, request):
    """As LiteLLM calls the hook: by name, when the whole request has failed."""
    asyncio.run(made.async_post_call_failure_hook(
        request_data=request, user_api_key_dict=None, original_exception=ValueError(), traceback_str=None))
