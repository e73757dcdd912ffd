"""Unit tests of usage_kafka_logger: what goes into a message.

The events are LiteLLM's own (tests/data/litellm).
"""

import json
import sys
import unittest
from itertools import product
from pathlib import Path

from callback import EVENTS, HASH, HERE, StandIn, logger, module, payload, report, strict

sys.path.insert(0, str(HERE.parents[2] / "tests/reference"))
import decode_events  # noqa: E402

CONTENT = ("messages", "response", "model_map_information", "guardrail_information", "hidden_params")


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
        self.assertIn("\trow\t", self.decoded(payload(startTime=1795400000.5)))
        billed = ("startTime", "prompt_tokens", "completion_tokens", "response_cost")
        for name, number in product(billed, ("NaN", "Infinity", "-Infinity")):
            odd = payload(**{"startTime": 1795400000.5, name: float(number)})
            for full in (False, True):
                self.assertEqual(strict(module.encode(odd, full))[name], number)
                # As text, startTime may be a date too, so the daemon says "unreadable" of it.
                reason = "invalid_field" if name == "startTime" else "invalid_number"
                self.assertIn(f"\treject\t{reason}\t", self.decoded(odd, full), name)

    def decoded(self, event, full=False):
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
                self.assertEqual(strict(module.encode(event, full=True)), module.mapped(event, module.finite))

    def test_too_large_nested_or_circular_goes_out_lean(self):
        deep: dict = {}
        current = deep
        for _ in range(100_000):
            current["d"] = current = {}
        circular: dict = {}
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


if __name__ == "__main__":
    unittest.main()
