"""Unit tests of usage_kafka_logger: what goes into a message, and what failure costs.

No broker: the producer is librdkafka's own, pointed at a closed port, or a stand-in that fails on
request. The events are LiteLLM's own (tests/data/litellm).
"""

import asyncio
import atexit
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from itertools import product
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # LiteLLM downloads its price list otherwise
sys.path.insert(0, str(HERE.parents[2] / "tests/reference"))
import decode_events  # noqa: E402
import usage_kafka_logger as module  # noqa: E402
from confluent_kafka import KafkaError, KafkaException  # noqa: E402

EVENTS = [json.loads(line) for line in (HERE.parents[2] / "tests/data/litellm/events.ndjson").open()]
HASH = "ab" * 32
module.log.propagate = False  # librdkafka complains of the closed port
module.log.addHandler(logging.NullHandler())
CONTENT = ("messages", "response", "model_map_information", "guardrail_information", "hidden_params")


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


class LeanTest(unittest.TestCase):
    def test_captured_events_keep_their_usage_and_lose_their_content(self):
        sizes = []
        for event in EVENTS:
            value = module.encode(event, full=False)
            sizes.append(len(value))
            made = strict(value)
            for name in CONTENT:
                self.assertNotIn(name, made)
            self.assertNotIn("traceback", made["error_information"])
            for name in module.KEEP - {"error_str"}:
                if isinstance(event.get(name), (int, str)):
                    self.assertEqual(made[name], event[name], name)
        self.assertLess(sorted(sizes)[len(sizes) // 2], 2048)

    def test_nothing_personal_and_no_answer_leaves(self):
        answered = 0
        for event in EVENTS:
            text = module.encode(event, full=False).decode()
            for secret in ("@example.com", '"127.0.0.1"', "x-stainless", "Traceback", "'content':"):
                self.assertNotIn(secret, text)
            answered += "'content':" in json.dumps(event.get("error_str"))
        self.assertGreater(answered, 0, "LiteLLM put an answer into an error's text")

    def test_nan_and_infinity_become_null_where_nothing_is_billed(self):
        odd = payload(response_cost=0.5, endTime=float("inf"), response_time=float("nan"),
                      cost_breakdown={"input_cost": float("-inf"), "output_cost": 2.0, "response_cost": float("nan")})
        for full in (False, True):
            made = strict(module.encode(odd, full))
            self.assertEqual((made["response_cost"], made["endTime"], made["response_time"]), (0.5, None, None))
            self.assertEqual(made["cost_breakdown"], {"input_cost": None, "output_cost": 2.0, "response_cost": None})

    def test_lone_surrogate_is_replaced_and_other_text_is_utf8(self):
        made = strict(module.encode(payload(end_user="a\ud83db é \U0001f984 \0"), full=False))
        self.assertEqual(made["end_user"], "a?b é \U0001f984 \0")

    def test_a_huge_client_text_stays_within_bounds(self):
        big = payload(end_user="x" * 2_000_000, request_tags=["ü" * 100_000] * 5000,
                      metadata={"user_api_key_hash": HASH, "usage_object": {str(i): "y" * 9000 for i in range(200)}})
        value = module.encode(big, full=False)
        self.assertLess(len(value), module.VALUE_BYTES_MAX)
        self.assertEqual(strict(value)["prompt_tokens"], 3)

    def test_usage_survives_when_tags_alone_are_too_much(self):
        nested = [{str(i): "z" * 4000 for i in range(64)}] * 64
        made = strict(module.encode(payload(request_tags=nested), full=False))
        self.assertNotIn("request_tags", made)
        self.assertEqual(made["prompt_tokens"], 3)


class BookedAlikeTest(unittest.TestCase):
    """What the daemon makes of a lean event is what it makes of the whole one."""

    def test_lean_full_and_untouched_events_are_the_same_row(self):
        for event in EVENTS:
            whole = json.dumps(event).encode()
            without_traceback = json.loads(whole)
            for where, name in ((without_traceback, "error_str"), (without_traceback["error_information"], "error_message")):
                if where.get(name):
                    where[name] = where[name].split(module.TRACEBACK)[0].rstrip()
            expected = self.decode(json.dumps(without_traceback).encode())
            secret = module.key_and_secret(event)[1]
            self.assertEqual(self.decode(module.encode(event, False, secret)), expected)
            self.assertEqual(self.decode(module.encode(event, True, secret)), self.decode(whole))

    def test_nan_where_money_is_counted_is_a_dead_letter(self):
        self.assertIn("\trow\t", self.judged(payload(startTime=1795400000.5)))
        billed = ("startTime", "prompt_tokens", "completion_tokens", "response_cost")
        for name, number in product(billed, ("NaN", "Infinity", "-Infinity")):
            odd = payload(**{"startTime": 1795400000.5, name: float(number)})
            for full in (False, True):
                self.assertEqual(strict(module.encode(odd, full))[name], number)
                # As text, startTime may be a date too, so the daemon says "unreadable" of it.
                reason = "invalid_field" if name == "startTime" else "invalid_number"
                self.assertIn(f"\treject\t{reason}\t", self.judged(odd, full), name)

    def judged(self, event, full=False):
        [line] = self.decode(module.encode(event, full))
        return line

    @staticmethod
    def decode(value):
        origin = decode_events.Origin("t", 0, 0, 1795400000 * 10**6, False)
        return [answer.line for answer in decode_events.decode(value, origin)]


class FullTest(unittest.TestCase):
    def test_captured_events_go_out_as_they_are(self):
        for event in EVENTS:
            if module.key_and_secret(event)[1] is None:
                self.assertEqual(strict(module.encode(event, full=True)), module.finite(event))

    def test_too_large_nested_or_circular_goes_out_lean(self):
        deep = current = {}
        for _ in range(100_000):
            current["d"] = current = {}
        circular = {}
        circular["self"] = circular
        for odd in ({"messages": "m" * 2_000_000}, {"messages": deep}, {"messages": circular}):
            made = strict(module.encode(payload(**odd), full=True))
            self.assertNotIn("messages", made)
            self.assertEqual(made["prompt_tokens"], 3)
        while deep:  # taken apart by hand: the interpreter's recursive destruction would not return
            deep = deep.pop("d")

    def test_objects_that_json_does_not_know_become_text(self):
        made = strict(module.encode(payload(messages=Path("/x")), full=True))
        self.assertEqual(made["messages"], "/x")


class CredentialTest(unittest.TestCase):
    def test_only_a_sha256_is_a_key(self):
        for found, key in ((HASH, HASH), (None, None), ("", None), ("litellm_proxy_master_key", None),
                           ("my-own-credential", None), (HASH + "0", None), (7, None)):
            self.assertEqual(module.key_and_secret({"metadata": {"user_api_key_hash": found}})[0], key)
        self.assertEqual(module.key_and_secret({"metadata": None}), (None, None))

    def test_a_raw_credential_is_blanked_wherever_a_text_holds_it(self):
        event = payload(metadata={"user_api_key_hash": "my-own-credential"}, error_str="no key my-own-credential",
                        messages=["my-own-credential"])
        for full in (False, True):
            standin = StandIn()
            report(logger(standin, full=full), event)
            [(_, key, value)] = standin.sent
            self.assertIsNone(key)
            self.assertNotIn(b"my-own", value)
            self.assertEqual(strict(value)["prompt_tokens"], 3)

    def test_a_one_letter_credential_does_not_eat_the_event(self):
        made = strict(module.encode(payload(metadata={"user_api_key_hash": "c"}), full=False, secret="c"))
        self.assertEqual((made["id"], made["metadata"]), ("chatcmpl-1", {}))

    def test_sentinels_stay(self):
        for word in module.SENTINELS:
            made = strict(module.encode(payload(metadata={"user_api_key_hash": word}), full=False))
            self.assertEqual(made["metadata"]["user_api_key_hash"], word)


class FailureTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.spill = Path(self.folder.name) / "spill.ndjson"

    def spilled(self):
        return [strict(line)["id"] for line in self.spill.read_bytes().splitlines()]

    def test_a_hook_never_raises(self):
        class Odd(dict):
            def get(self, *_):
                raise RuntimeError("odd")
        for broken in (None, {}, [1], "text", Odd(a=1), {"metadata": 5}):
            made = logger(StandIn())
            with self.assertLogs(module.log, logging.ERROR):
                report_any(made, broken)
            self.assertEqual(made.counts["lost"], 1)

    def test_a_full_queue_spills(self):
        made = logger(StandIn(BufferError("Local: Queue full")), spill=self.spill)
        with self.assertLogs(module.log, logging.ERROR) as logs:
            for _ in range(50):
                report(made, payload())
        complaints = [line for line in logs.output if "usage events" in line]
        self.assertEqual(len(complaints), 1, complaints)
        self.assertEqual(made.counts, {"spilled": 50})
        self.assertEqual(self.spilled(), ["chatcmpl-1"] * 50)
        self.assertEqual(self.spill.stat().st_mode & 0o777, 0o600)

    def test_without_spill_file_a_refused_event_is_counted_as_lost(self):
        made = logger(StandIn(KafkaException("no")))
        with self.assertLogs(module.log, logging.ERROR):
            report(made, payload())
        self.assertEqual(made.counts, {"lost": 1})

    def test_an_unwritable_or_full_spill_file_is_counted_as_lost(self):
        for spill in (Path(self.folder.name), Path("/dev/full")):
            made = logger(StandIn(BufferError()), spill=spill)
            with self.assertLogs(module.log, logging.ERROR):
                report(made, payload())
            self.assertEqual(made.counts, {"lost": 1})

    def test_an_event_that_no_broker_takes_spills_at_close(self):
        made = logger(spill=self.spill)
        with self.assertLogs(module.log, logging.ERROR):
            report(made, payload())
            began = time.monotonic()
            made.close(timeout_s=0.2)
            report(made, payload(id="later"))  # LiteLLM drains its queue after our close()
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(self.spilled(), ["chatcmpl-1", "later"])
        self.assertEqual(made.counts, {"produced": 2, "spilled": 2})

    def test_each_delivery_report_is_counted(self):
        for options, outcome in (({}, "lost"), ({"spill": self.spill}, "spilled")):
            standin = StandIn()
            made = logger(standin, **options)
            for event in ("a", "b", "c"):
                report(made, payload(id=event))
            self.assertEqual(made.counts, {"produced": 3})
            with self.assertLogs(module.log, logging.ERROR) as logs:
                for deliver, error in zip(standin.reports, (None, KafkaError(KafkaError._MSG_TIMED_OUT), None)):
                    deliver(error)
            self.assertEqual(made.counts, {"produced": 3, "delivered": 2, outcome: 1})
            self.assertIn(f"{{'produced': 3, 'delivered': 1, '{outcome}': 1}}", "".join(logs.output))
        self.assertEqual(self.spilled(), ["b"])

    def test_what_librdkafka_delivers_is_counted(self):
        made = logger(extra={"test.mock.num.brokers": 1}, spill=self.spill)  # a broker within librdkafka
        for event in EVENTS[:5]:
            report(made, event)
        made.close()
        self.assertEqual(made.counts, {"produced": 5, "delivered": 5})

    def test_a_hook_does_not_wait_for_a_dead_broker(self):
        made = logger(spill=self.spill)
        began = time.monotonic()
        for event in EVENTS * 4:
            report(made, event)
        self.assertLess((time.monotonic() - began) / (len(EVENTS) * 4), 0.01)
        made._close_deadline = time.monotonic()
        made.close()


def report_any(made, slp):
    asyncio.run(made.async_log_success_event({"standard_logging_object": slp}, None, None, None))


class ProcessTest(unittest.TestCase):
    """Each in a process of its own: signals and forks."""

    def run_script(self, text):
        with tempfile.TemporaryDirectory() as folder:
            spill = Path(folder) / "spill"
            env = {**os.environ, "PYTHONPATH": str(HERE.parent), "USAGE_KAFKA_BROKERS": "127.0.0.1:1",
                   "USAGE_KAFKA_SPILL": str(spill), "USAGE_KAFKA_CONFIG": '{"delivery.timeout.ms": 500}'}
            done = subprocess.run([sys.executable, "-c", text], env=env, capture_output=True, text=True, timeout=120)
            lines = spill.read_text().splitlines() if spill.exists() else []
            return done.returncode, lines, done.stdout + done.stderr

    def test_a_server_that_raises_sigterm_again_still_runs_atexit(self):
        code, lines, output = self.run_script(SERVER)
        self.assertEqual((code, len(lines)), (0, 1), output)

    def test_without_the_handler_that_event_is_lost(self):
        code, lines, output = self.run_script(SERVER.replace("uvicorn_handler)", "signal.SIG_DFL)", 1))
        self.assertEqual((code, lines), (-signal.SIGTERM, []), output)

    def test_a_forked_child_uses_a_producer_of_its_own(self):
        code, lines, output = self.run_script(FORK)
        self.assertEqual((code, len(lines)), (0, 2), output)


REPORT = """
import asyncio
def report(id):
    slp = {"id": id, "status": "success", "metadata": {}}
    asyncio.run(module.usage_kafka_logger.async_log_success_event({"standard_logging_object": slp}, 0, 0, 0))
"""

#: What uvicorn does (Server.capture_signals): handle, finish, restore, raise again.
SERVER = """
import os, signal, usage_kafka_logger as module
def uvicorn_handler(number, frame):
    pass
signal.signal(signal.SIGTERM, uvicorn_handler)
module.usage_kafka_logger
""" + REPORT + """
os.kill(os.getpid(), signal.SIGTERM)
report("in flight")
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.raise_signal(signal.SIGTERM)
"""

FORK = """
import os, sys, usage_kafka_logger as module
module.usage_kafka_logger
""" + REPORT + """
report("parent")
child = os.fork()
if child == 0:
    report("child")
    assert module.usage_kafka_logger.counts["produced"] == 1, "the parent's are the parent's"
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

if __name__ == "__main__":
    unittest.main()
