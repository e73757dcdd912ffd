"""Unit tests of usage_kafka_logger: billed attempts, and the marks that tell what counts as a request."""

import asyncio
import copy
import unittest
from datetime import datetime
from unittest import mock

from callback import HASH, StandIn, logger, payload, report, report_any, report_failed, strict
from litellm import Usage
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.hooks.proxy_track_cost_callback import _ProxyDBLogger
from litellm.proxy.utils import BilledFailedAttempt

START = datetime(2026, 11, 28, 9, 28, 40, 237301)
ID = "51147641-4abe-4396-a1c6-79b03a80f741"


def failed(**fields):
    """What LiteLLM gives to the hook of a request that failed: its payload says that nothing was used."""
    slp = payload(id=ID, status="failure", startTime=START.timestamp() + 0.0025, prompt_tokens=0, completion_tokens=0,
                  total_tokens=0, response_cost=0.0, model_id="deployment-1", error_str="timed out",
                  metadata={"user_api_key_hash": HASH, "user_api_key_user_id": "u", "usage_object": {}})
    return {"model": "slow", "litellm_call_id": ID, "start_time": START, "standard_logging_object": slp, **fields}


def usage(prompt, completion=0):
    return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)


def published(request, **options):
    standin = StandIn()
    report_failed(logger(standin, **options), request)
    return [strict(value) for _, _, value in standin.sent]


def litellms_bill(request):
    """What the installed LiteLLM writes to its own row of the failed request."""
    written = []

    async def write(**row):
        written.append(row["spend_rows"][0][0])

    database = _ProxyDBLogger()
    with mock.patch.object(database, "_write_failure_spend_rows", write):
        asyncio.run(database.async_post_call_failure_hook(copy.deepcopy(request), ValueError(), UserAPIKeyAuth(), ""))
    return written[0]


class BilledTest(unittest.TestCase):
    def test_each_billed_attempt_is_one_event_with_an_id_of_its_own(self):
        earlier = tuple(BilledFailedAttempt(n, f"deployment-{n}", usage(13), 2e-5 + n) for n in range(2))
        request = failed(combined_usage_object=usage(13), response_cost=3.25e-05, billed_failed_attempts=earlier)
        for full in (False, True):
            events = published(request, full=full)
            self.assertEqual([event["id"] for event in events], [f"{ID}-billed", f"{ID}-attempt-0", f"{ID}-attempt-1"])
            self.assertEqual([event["response_cost"] for event in events], [3.25e-05, 2e-5, 1 + 2e-5])
            self.assertEqual([event["model_id"] for event in events], ["deployment-1", "deployment-0", "deployment-1"])
            for event in events:
                self.assertEqual([event[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens", "status")],
                                 [13, 0, 13, "failure"])
                self.assertEqual(event["startTime"], START.timestamp())
                self.assertIsNone(event.get("cost_breakdown"))
                marks = {"billed_retry_attempt": True, "parent_request_id": ID, "user_api_key_hash": HASH}
                self.assertEqual({name: event["metadata"].get(name) for name in marks}, marks)

    def test_the_same_failure_has_the_same_events(self):
        """So that a copy of them is a duplicate."""
        request = failed(combined_usage_object=usage(13), response_cost=3.25e-05)
        self.assertEqual(published(request), published(request))

    def test_a_failure_without_a_bill_has_none(self):
        for fields in ({}, {"combined_usage_object": usage(13), "response_cost": 0.0},
                       {"combined_usage_object": usage(13), "response_cost": None}):
            self.assertEqual(published(failed(**fields)), [])

    def test_what_the_payload_of_the_failure_says_is_not_billed_again(self):
        """A stream that broke: the failure was published with the usage that the hook is given again."""
        request = failed(combined_usage_object=usage(16, 5), response_cost=9e-05)
        request["standard_logging_object"].update(prompt_tokens=16, completion_tokens=5, response_cost=9e-05)
        self.assertEqual(published(request), [])
        request["standard_logging_object"].update(completion_tokens=2, response_cost=6e-05)
        [event] = published(request)
        self.assertEqual((event["prompt_tokens"], event["completion_tokens"]), (0, 3))
        self.assertAlmostEqual(event["response_cost"], 3e-05)

    def test_a_guardrail_of_a_failed_request_is_billed_as_litellm_bills_it(self):
        """The payload of the failure has the guardrails that ran before it; LiteLLM's row has all."""
        for bucket in ("metadata", "litellm_metadata"):
            ran = {bucket: {"standard_logging_guardrail_information": [{"guardrail_cost": 0.5}, {"guardrail_cost": 0.25}]}}
            for said, more, bill in ((0.0, {}, 0.75), (0.5, {}, 0.25), (0.75, {}, 0.0), (0.5, {"cost_finalized": True}, 0.0)):
                request = failed(**ran)
                request["standard_logging_object"].update(response_cost=said, **more)
                self.assertEqual([event["response_cost"] for event in published(request)], [bill] if bill else [])
            request = failed(**ran, combined_usage_object=usage(13), response_cost=3.25e-05)
            request["standard_logging_object"].update(response_cost=0.75)
            [event] = published(request)
            self.assertAlmostEqual(event["response_cost"], 3.25e-05, msg="the stream is billed beside the guardrails")
            self.assertEqual((event["prompt_tokens"], event["id"]), (13, f"{ID}-billed"))
            for row in (request, failed(**ran)):
                self.assertAlmostEqual(litellms_bill(row), row["standard_logging_object"]["response_cost"]
                                       + sum(event["response_cost"] for event in published(row)))

    def test_a_client_cannot_make_bills(self):
        forged = {"combined_usage_object": {"prompt_tokens": 5}, "response_cost": 5.0, "billed_failed_attempts": [{}]}
        self.assertEqual(published(failed(**forged)), [])

    def test_a_credential_is_in_no_bill(self):
        request = failed(combined_usage_object=usage(13), response_cost=3.25e-05)
        request["standard_logging_object"]["metadata"]["user_api_key_hash"] = "my-own-credential"
        [event] = published(request)
        self.assertNotIn("my-own", str(event))


class MarkTest(unittest.TestCase):
    def metadata(self, made=None, **kwargs):
        standin = StandIn()
        report_any(logger(standin), made or payload(), **kwargs)
        return strict(standin.sent[0][2])["metadata"]

    def test_marks_of_the_payload_are_kept(self):
        told = {"is_silent_experiment": True, "internal_call_origin": "shadow_eval", "billed_retry_attempt": True,
                "applied_guardrails": ["block-word"]}
        made = self.metadata(payload(metadata={"user_api_key_hash": HASH, **told}))
        self.assertEqual(made, {"user_api_key_hash": HASH, **told})

    def test_discounts_are_kept(self):
        breakdown = {"input_cost": 1.0, "discount_percent": 0.1, "discount_amount": 0.1, "margin_total_amount": 0.2}
        standin = StandIn()
        report(logger(standin), payload(cost_breakdown=breakdown))
        self.assertEqual(strict(standin.sent[0][2])["cost_breakdown"], breakdown)

    def test_marks_beside_the_payload_are_kept(self):
        """LiteLLM 1.106 has them in the request's metadata only."""
        for where in ("metadata", "litellm_metadata"):
            marks = {"is_silent_experiment": True, "internal_call_origin": "autorouter_classifier"}
            made = self.metadata(litellm_params={where: {**marks, "other": 1, "requester_metadata": {"a": 1}}})
            self.assertEqual({name: made.get(name) for name in marks}, marks)
            self.assertNotIn("other", made)

    def test_a_client_cannot_set_a_mark(self):
        """Else its calls would count as no requests. LiteLLM keeps its metadata apart as requester_metadata."""
        marks = {"is_silent_experiment": True, "internal_call_origin": "x", "billed_retry_attempt": True}
        made = self.metadata(litellm_params={"metadata": {**marks, "requester_metadata": dict(marks)}})
        self.assertEqual(made, {"user_api_key_hash": HASH})

    def test_a_failure_says_when_its_request_came(self):
        failure = payload(status="failure", startTime=START.timestamp() + 0.0025)
        self.assertEqual(self.metadata(failure, start_time=START)["request_start"], START.timestamp())
        self.assertNotIn("request_start", self.metadata(start_time=START))


if __name__ == "__main__":
    unittest.main()
