#!/usr/bin/env python3
"""Cuts the event templates of usage-load out of captured LiteLLM events.

    bench/load/make_templates.py [tests/data/litellm/events.ndjson]

Writes templates/*.json. A template is one captured event with holes: "{{name}}" inside a text,
"{{#name}}" in place of a whole value; it is still JSON. What varies from event to event became a
hole, everything else is byte for byte what LiteLLM sent. Run it again after the captures change;
the result is committed, so that the build needs no Python.
"""

import json
import pathlib
import sys
from typing import Any

Holes = dict[str, str | None]  # a path in the event, and the hole to put there

HERE = pathlib.Path(__file__).resolve().parent
CAPTURED = HERE.parents[1] / "tests/data/litellm/events.ndjson"

# Line (from 0) of each kind in events.ndjson; the scenario's name is in index.tsv.
LINES = {
    "chat": 0,
    "stream": 6,
    "stream_aborted": 7,
    "embedding": 10,
    "cache_hit": 23,
    "failure": 29,
    "unknown_key": 47,
    "health_check": 83,
}

# Path -> hole. A path that an event does not have, or where it is null, is left alone.
HOLES: Holes = {
    "id": "{{id}}",
    "litellm_call_id": "{{call_id}}",
    "trace_id": "{{trace_id}}",
    "custom_llm_provider": "{{provider}}",
    "startTime": "{{#start}}",
    "endTime": "{{#end}}",
    "completionStartTime": "{{#first_token}}",
    "response_time": "{{#response_seconds}}",
    "model": "{{provider}}/{{model}}",
    "metadata.user_api_key_hash": "{{key_hash}}",
    "metadata.user_api_key_alias": "{{key_alias}}",
    "metadata.user_api_key_team_id": "{{team_id}}",
    "metadata.user_api_key_user_id": "{{user_id}}",
    "metadata.user_api_key_team_alias": "{{team_alias}}",
    "metadata.user_api_key_user_email": "{{email}}",
    "metadata.usage_object.completion_tokens": "{{#output_tokens}}",
    "metadata.usage_object.prompt_tokens": "{{#input_tokens}}",
    "metadata.usage_object.total_tokens": "{{#total_tokens}}",
    "metadata.usage_object.completion_tokens_details.text_tokens": "{{#output_tokens}}",
    "metadata.usage_object.cost": "{{#total_cost}}",
    "response_cost": "{{#total_cost}}",
    "cost_breakdown.input_cost": "{{#input_cost}}",
    "cost_breakdown.output_cost": "{{#output_cost}}",
    "cost_breakdown.total_cost": "{{#total_cost}}",
    "cost_breakdown.original_cost": "{{#total_cost}}",
    "total_tokens": "{{#total_tokens}}",
    "prompt_tokens": "{{#input_tokens}}",
    "completion_tokens": "{{#output_tokens}}",
    "request_tags": "{{#tags}}",
    "model_group": "{{model}}",
    "model_id": "{{deployment}}",
    "response.id": "{{id}}",
    "response.model": "{{model}}",
    "response.choices.0.message.content": "{{answer}}",
    "response.usage.completion_tokens": "{{#output_tokens}}",
    "response.usage.prompt_tokens": "{{#input_tokens}}",
    "response.usage.total_tokens": "{{#total_tokens}}",
    "response.usage.completion_tokens_details.text_tokens": "{{#output_tokens}}",
    "response.usage.cost": "{{#total_cost}}",
    "hidden_params.model_id": "{{deployment}}",
    "hidden_params.response_cost": "{{#total_cost}}",
    "hidden_params.litellm_model_name": "{{provider}}/{{model}}",
    "hidden_params.additional_headers.x-litellm-model-group": "{{model}}",
    "messages.0.content": "{{prompt}}",
    "model_map_information.model_map_key": "{{provider}}/{{model}}",
    "model_map_information.model_map_value.key": "{{model}}",
    "model_map_information.model_map_value.litellm_provider": "{{provider}}",
    "model_map_information.model_map_value.input_cost_per_token": "{{#input_price}}",
    "model_map_information.model_map_value.output_cost_per_token": "{{#output_price}}",
}

FAILURE: Holes = {
    "response_cost": None,  # 0.0 as captured
    "error_str": "{{error_message}}",
    "error_information.error_code": "{{error_code}}",
    "error_information.error_class": "{{error_class}}",
    "error_information.error_message": "{{error_message}}",
    "error_information.normalized_error": "{{normalized_error}}",
}
NO_USAGE: Holes = {"total_tokens": None, "prompt_tokens": None, "completion_tokens": None}

# Per kind, over HOLES; None keeps what was captured.
OVERRIDES: dict[str, Holes] = {
    "embedding": {"id": "{{call_id}}", "response.id": "{{call_id}}"},
    # A hit replays tokens and price, but costs nothing.
    "cache_hit": {
        "id": "{{id}}_cache_hit{{#end}}",
        "response_cost": None,
        "saved_cache_cost": "{{#total_cost}}",
        "cache_key": "{{cache_key}}",
        "hidden_params.cache_key": "{{cache_key}}",
        "hidden_params.litellm_model_name": "{{model}}",
    },
    "failure": {"id": "{{call_id}}", "hidden_params.response_cost": None} | FAILURE | NO_USAGE,
    "unknown_key": {"id": "{{call_id}}", "response_cost": None, "request_tags": None,
                    "hidden_params.response_cost": None} | NO_USAGE,
    "health_check": {
        "id": "{{call_id}}",
        "model": "{{model}}",
        "metadata.user_api_key_hash": None,
        "metadata.user_api_key_alias": None,
        "metadata.user_api_key_team_id": None,
        "metadata.user_api_key_team_alias": None,
        "response_cost": None,
        "request_tags": None,
        "model_group": None,
        "model_id": None,
        "hidden_params.response_cost": None,
        "model_map_information.model_map_key": None,
    } | NO_USAGE,
}


def put(event: Any, path: str, hole: str) -> None:
    parent: Any = None
    step = ""
    for part in path.split("."):
        parent, step = event, part
        if isinstance(event, dict) and part in event:
            event = event[part]
        elif isinstance(event, list) and part.isdigit() and int(part) < len(event):
            event = event[int(part)]
        else:
            return
    if event is None:
        return
    parent[int(step) if isinstance(parent, list) else step] = hole


def make(kind: str, line: str) -> str:
    event = json.loads(line)
    if kind == "embedding":  # 45 KB of vector would hide what is measured: keep its envelope
        event["response"]["data"] = []
        event["messages"] = event["messages"][:1]
    for path, hole in (HOLES | OVERRIDES.get(kind, {})).items():
        if hole is not None:
            put(event, path, hole)
    if "end_user" in event and kind in ("chat", "stream"):
        event["end_user"] = "{{#end_user}}"
    # The hole of a number that stands inside a text has no quotes to lose.
    return json.dumps(event).replace("_cache_hit{{#end}}", "_cache_hit{{end}}") + "\n"


def main() -> None:
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURED
    lines = path.read_text(encoding="utf-8").splitlines()
    for kind, number in LINES.items():
        (HERE / "templates" / f"{kind}.json").write_text(make(kind, lines[number]), "utf-8")


if __name__ == "__main__":
    main()
