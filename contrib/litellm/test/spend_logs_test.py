"""What the installed LiteLLM would bill for each captured call is what usage-ingestd stores.

LiteLLM's own function makes the row of its SpendLogs table, so a release that bills in another way is
noticed. What is known to differ stands in expected_differences.txt, and no more than that.
"""

import json
import unittest
from datetime import UTC, datetime

import spend_logs
from callback import EVENTS, HERE
from litellm.proxy.spend_tracking.spend_tracking_utils import get_logging_payload

SCENARIOS = [line.split("\t")[1] for line in (HERE.parents[2] / "tests/data/litellm/index.tsv").open()][1:]
MORE = [json.loads(line) for line in (HERE / "more_events.ndjson").open()]


def row_of(slp: dict) -> dict:
    """The row that LiteLLM makes of the call with this payload: what it had in hand, put together again."""
    metadata = {**slp["metadata"], "user_api_key": slp["metadata"].get("user_api_key_hash"), "status": slp["status"],
                "model_group": slp["model_group"], "model_info": {"id": slp["model_id"]}, "tags": slp["request_tags"]}
    kwargs = {**{name: slp.get(name) for name in ("litellm_call_id", "call_type", "model", "cache_hit", "response_cost")},
              "standard_logging_object": {"hidden_params": {}, "model_map_information": {}, **slp},
              "custom_llm_provider": slp.get("custom_llm_provider"), "litellm_params": {"metadata": metadata}}
    usage = slp["metadata"].get("usage_object") or None
    response = {"id": slp["id"], **({"usage": usage} if usage else {})}
    start, end = (datetime.fromtimestamp(slp[name], UTC) for name in ("startTime", "endTime"))
    row = get_logging_payload(kwargs, response if slp["status"] == "success" else ValueError(), start, end)
    row["spend"] = slp["response_cost"] or 0.0  # as DBSpendUpdateWriter.update_database does
    return row


class CapturedTest(unittest.TestCase):
    maxDiff = None

    def compare(self, source, calls):
        """`calls`: (name, event). Several calls of one name are one entry of expected_differences.txt."""
        ours = spend_logs.booked([event for _, event in calls])
        found = set()
        for (name, event), entry in zip(calls, ours, strict=True):
            found |= spend_logs.differences(name, spend_logs.billed(row_of(event)), entry)
        self.assertEqual(found, set(spend_logs.expected(source)), "known differences: expected_differences.txt")

    def test_the_captured_calls(self):
        self.compare("captured", list(zip(SCENARIOS, EVENTS, strict=True)))

    def test_more_calls(self):
        self.compare("more", [(event["id"], event) for event in MORE])


if __name__ == "__main__":
    unittest.main()
