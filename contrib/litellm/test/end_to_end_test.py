"""End to end: a LiteLLM proxy publishes through the callback to Kafka, usage-ingestd stores it.

Real parts but the model provider. PublishTest reads the topic; TotalsTest lets the daemon read it
and looks at PostgreSQL. The traffic is made once, for both.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import custom_auth
import services
import spend_logs
import traffic
from callback import HERE
from confluent_kafka import Consumer

STACK = ExitStack()
SERVERS = {"uvicorn": "", "gunicorn": "--run_gunicorn", "granian": "--run_granian"}
RUN: dict = {}


def sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def setUpModule() -> None:
    unittest.addModuleCleanup(STACK.close)
    folder = Path(STACK.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
    folder.chmod(0o755)
    RUN["folder"] = folder
    RUN["brokers"] = services.start_kafka(STACK, folder, Path(os.environ["KAFKA_JARS"]))
    env = {"USAGE_KAFKA_BROKERS": RUN["brokers"], "USAGE_KAFKA_SPILL": str(folder / "spill.ndjson")}
    proxy = services.Proxy(STACK, folder, "proxy", env)
    # Of operators who forgot to forbid no-log; each with another server. Their events wait for two minutes,
    # so that only those arrive which the end of the process sends.
    patient = {**env, "USAGE_KAFKA_CONFIG": '{"linger.ms": 120000}'}
    stopped = [services.Proxy(STACK, folder, name, patient, flags, keep_no_log=True) for name, flags in SERVERS.items()]
    RUN["statuses"] = traffic.ordinary(proxy.wait())
    RUN["in_flight"] = traffic.in_flight([proxy.wait() for proxy in stopped])
    services.stop(proxy.process)
    RUN["messages"] = read_topic(RUN["brokers"])
    RUN["rows"] = proxy.spend_logs()
    RUN["events"] = defaultdict(list)
    for _, event in RUN["messages"]:
        RUN["events"][event.get("end_user") or "nobody"].append(event)


def read_topic(brokers: str) -> list[tuple[str | None, dict]]:
    """All messages, parsed by a parser that refuses NaN."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "test", "auto.offset.reset": "earliest",
                         "enable.partition.eof": True, "enable.auto.commit": False})
    consumer.subscribe([services.TOPIC])
    messages: list[tuple[str | None, dict]] = []
    ended: set[int] = set()
    while len(ended) < 4:
        message = consumer.poll(30)
        if message is None:
            raise TimeoutError("kafka")
        if message.error():
            ended.add(message.partition())
            continue
        event = json.loads(message.value().decode("utf-8"), parse_constant=lambda word: 1 / 0)
        messages.append((message.key() and message.key().decode(), event))
    consumer.close()
    return messages


class PublishTest(unittest.TestCase):
    def one(self, scenario: str) -> dict:
        self.assertEqual(len(RUN["events"][scenario]), 1, scenario)
        return RUN["events"][scenario][0]

    def test_clients_got_their_answers(self):
        expected = dict.fromkeys(RUN["statuses"], 200) | {"rejected": 400, "unknown": 401, "timeout": 408}
        self.assertEqual(RUN["statuses"], expected)

    def test_key_is_the_hash_or_nothing(self):
        keys = Counter(key for key, _ in RUN["messages"])
        self.assertEqual(set(keys), {sha256(traffic.ALICE), sha256(traffic.BOB), sha256(traffic.UNKNOWN), None})
        self.assertEqual(keys[None], 1)
        for key, event in RUN["messages"]:
            self.assertEqual(event["metadata"].get("user_api_key_hash"), key)

    def test_credential_content_and_person_do_not_leave_the_proxy(self):
        text = json.dumps(RUN["messages"])
        for word in (traffic.PLAIN, "sk-test", "person@example.com", "hello", "word word", "user-agent"):
            self.assertNotIn(word, text)

    def test_events_are_lean(self):
        for _, event in RUN["messages"]:
            self.assertLess(len(json.dumps(event)), 3000)
            for name in ("messages", "response", "model_map_information", "guardrail_information", "hidden_params"):
                self.assertNotIn(name, event)

    def test_tokens_and_cost_of_chat_and_embedding(self):
        chat = self.one("chat")
        self.assertEqual((chat["prompt_tokens"], chat["completion_tokens"], chat["status"]), (10, 7, "success"))
        self.assertGreater(chat["response_cost"], 0)
        self.assertEqual(chat["cost_breakdown"]["total_cost"], chat["response_cost"])
        embedding = self.one("embedding")
        self.assertEqual((embedding["prompt_tokens"], embedding["completion_tokens"]), (7, 0))

    def test_stream_and_aborted_stream(self):
        self.assertEqual((self.one("stream")["stream"], self.one("stream")["completion_tokens"]), (True, 9))
        aborted = self.one("abort")
        self.assertEqual((aborted["status"], aborted["error_information"]["error_code"]), ("success", "499"))

    def test_failure_and_retry(self):
        self.assertEqual(self.one("rejected")["error_information"]["error_code"], "400")
        first, last = sorted(RUN["events"]["retry"], key=lambda event: event["startTime"])
        self.assertEqual((first["status"], last["status"]), ("failure", "success"))
        self.assertEqual(first["litellm_call_id"], last["litellm_call_id"])

    def test_cache_hit_costs_nothing(self):
        events = RUN["events"]["cached"]
        hits = [event for event in events if event.get("cache_hit")]
        self.assertEqual([event["response_cost"] for event in hits], [0])
        self.assertGreater(len(events), 1)
        for miss in (event for event in events if event not in hits):
            self.assertGreater(miss["response_cost"], 0)

    def test_no_log_does_not_hide_a_call(self):
        self.one("no-log")

    def test_nan_from_a_client_is_no_free_call(self):
        self.assertEqual(self.one("nan")["completion_tokens"], 5)

    def test_sigterm_loses_no_call_in_flight(self):
        """Also of the client that said no-log to a proxy whose operator forgot to forbid it."""
        for server in SERVERS:
            with self.subTest(server):
                self.assertEqual(RUN["in_flight"][server], ({200: traffic.IN_FLIGHT}, 0))
                self.assertEqual(len(RUN["events"][f"in-flight-{server}"]), traffic.IN_FLIGHT)
        self.assertFalse((RUN["folder"] / "spill.ndjson").exists())

    def test_a_call_that_timed_out_is_billed_once_for_each_attempt(self):
        """As LiteLLM's own rows say: the failure's own event says 0."""
        events = {event["id"]: event for event in RUN["events"]["timeout"]}
        failure = next(event for event in events.values() if "billed_retry_attempt" not in event["metadata"])
        self.assertEqual(events.keys(), {failure["id"] + suffix for suffix in ("", "-billed", "-attempt-0")})
        rows = {row["request_id"]: row for row in RUN["rows"] if row["end_user"] == "timeout"}
        for row, event in ((failure["id"], failure["id"] + "-billed"), (failure["id"] + "-attempt-0",) * 2):
            self.assertGreater(rows[row]["spend"], 0)
            self.assertEqual((events[event]["response_cost"], events[event]["prompt_tokens"]),
                             (rows[row]["spend"], rows[row]["prompt_tokens"]))
            start = datetime.fromisoformat(rows[row]["startTime"]).timestamp()
            self.assertEqual((events[event]["startTime"], failure["metadata"]["request_start"]), (start, start))
        self.assertEqual(len(rows), 2)

    def test_a_stream_that_broke_is_billed_once(self):
        self.assertGreater(self.one("broken")["response_cost"], 0)

    def test_shadow_traffic_is_marked_and_a_client_cannot_mark_its_own(self):
        marks = sorted(str(event["metadata"].get("is_silent_experiment")) for event in RUN["events"]["mirrored"])
        self.assertEqual(marks, ["None", "True"])
        for name in ("is_silent_experiment", "billed_retry_attempt"):
            self.assertNotIn(name, self.one("forged")["metadata"])

    def test_the_download_of_a_video_is_not_reported_as_lost(self):
        self.assertNotIn("usage events lost", (RUN["folder"] / "proxy.log").read_text())


class SpendLogsTest(unittest.TestCase):
    """Our rows and LiteLLM's own rows, of the same calls."""

    def test_the_same_is_billed(self):
        # Of a call with no-log, LiteLLM itself keeps no row where the operator did not forbid that.
        events = [event for _, event in RUN["messages"] if not (event.get("end_user") or "").startswith("in-flight")]
        ours = defaultdict(list)  # the events of LiteLLM's one row
        for event, entry in zip(events, spend_logs.booked(events), strict=True):
            entry["call"] = event.get("end_user")
            ours[event["id"].split("_cache_hit")[0].removesuffix("-billed"), bool(event.get("cache_hit"))].append(entry)
        found = set()
        for row in RUN["rows"]:
            entries = ours.pop((row["request_id"].split("_cache_hit")[0], row["cache_hit"] == "True"))
            whole = {**entries[0], **{name: sum(entry[name] for entry in entries) for name in spend_logs.NOTHING}}
            found |= spend_logs.differences(row["end_user"] or "nobody", spend_logs.billed(row), whole)
        self.assertEqual(found, set(spend_logs.expected("live")), "known differences: expected_differences.txt")
        # LiteLLM has no row of a failure before a success.
        rest = [entry for entries in ours.values() for entry in entries]
        self.assertGreater(len(rest), 0)
        for entry in rest:
            self.assertEqual({name: entry[name] for name in spend_logs.NOTHING}, spend_logs.NOTHING, entry["call"])


SEED = """
INSERT INTO users (id, username, email, oauth_provider, oauth_id) VALUES
  ('{alice}', 'alice', 'alice@example.com', 'test', 'alice'), ('{bob}', 'bob', 'bob@example.com', 'test', 'bob');
INSERT INTO models (id, name, provider) VALUES ('gpt-4o', 'gpt-4o', 'openai'), ('embed', 'embed', 'openai'),
  ('slow', 'slow', 'openai'), ('mirrored', 'mirrored', 'openai');
INSERT INTO subscriptions (user_id, model_id, team_id, status, quota_requests)
  SELECT u::uuid, m, '{team}', 'active', CASE u WHEN '{bob}' THEN 1 ELSE 10000 END
  FROM unnest(ARRAY['{alice}', '{bob}']) u, unnest(ARRAY['gpt-4o', 'embed', 'slow', 'mirrored']) m;
INSERT INTO api_keys (user_id, team_id, name, key_hash, key_prefix) VALUES
  ('{alice}', '{team}', 'alice', '{alice_hash}', 'sk-test'), ('{bob}', '{team}', 'bob', '{bob_hash}', 'sk-test');
"""


class TotalsTest(unittest.TestCase):
    db: services.Postgres
    ingestd: services.Ingestd
    daemon: subprocess.Popen
    rows: defaultdict[str, list[list[str]]]

    @classmethod
    def setUpClass(cls):
        cls.db = services.Postgres(STACK, RUN["folder"])
        cls.ingestd = services.Ingestd(RUN["folder"], cls.db, RUN["brokers"])
        cls.ingestd.migrate()
        names = {"alice": custom_auth.ALICE, "bob": custom_auth.BOB, "team": custom_auth.TEAM}  # LiteMaaS' own rows
        cls.db.sql(SEED.format(alice_hash=sha256(traffic.ALICE), bob_hash=sha256(traffic.BOB), **names))
        cls.daemon = cls.ingestd.start(STACK)
        count = "SELECT coalesce(sum(events), 0) FROM usage_ingest.kafka_offsets"
        services.wait_for("usage-ingestd", 60, lambda: int(cls.db.sql(count)[0][0]) >= len(RUN["messages"]), cls.daemon)
        cls.rows = defaultdict(list)
        columns = "status_code, request_tokens, response_tokens, total_cost, model_id, latency_ms, error_message, api_key_id, team_id, metadata"
        for line in cls.db.sql(f"SELECT metadata->>'end_user', {columns} FROM usage_logs ORDER BY created_at"):
            cls.rows[line[0]].append(line[1:])

    def row(self, scenario: str) -> dict:
        self.assertEqual(len(self.rows[scenario]), 1, scenario)
        return self.named(self.rows[scenario][0])

    @staticmethod
    def named(row: list[str]) -> dict:
        names = ("status", "request", "response", "cost", "model", "latency", "error", "key", "team", "metadata")
        made = dict(zip(names, row, strict=True))
        made["metadata"] = json.loads(made["metadata"])
        return made

    def test_chat(self):
        row = self.row("chat")
        self.assertEqual((row["status"], row["request"], row["response"], row["model"]), ("200", "10", "7", "gpt-4o"))
        self.assertAlmostEqual(float(row["cost"]), RUN["events"]["chat"][0]["response_cost"], 6)
        self.assertEqual(row["team"], custom_auth.TEAM)
        self.assertTrue(row["key"])

    def test_stream_and_aborted_stream(self):
        stream = self.row("stream")
        self.assertEqual((stream["response"], stream["metadata"]["stream"]), ("9", True))
        self.assertGreater(int(stream["latency"]), 100)  # to the last token, not to the first
        self.assertEqual(self.row("abort")["status"], "499")

    def test_embedding(self):
        row = self.row("embedding")
        self.assertEqual((row["model"], row["request"], row["response"]), ("embed", "7", "0"))
        self.assertGreater(row["metadata"]["cost"], 0)

    def test_failure_and_retry(self):
        failure = self.row("rejected")
        self.assertEqual((failure["status"], failure["request"], failure["cost"]), ("400", "0", "0.000000"))
        self.assertIn("upstream says 400", failure["error"])
        self.assertEqual([row[0] for row in self.rows["retry"]], ["500", "200"])

    def test_cache_hit(self):
        miss, *_, hit = map(self.named, self.rows["cached"])
        self.assertEqual((miss["metadata"].get("cache_hit"), hit["metadata"]["cache_hit"]), (None, True))
        self.assertEqual((hit["response"], hit["cost"]), (miss["response"], "0.000000"))
        self.assertGreater(float(miss["cost"]), 0)

    def test_calls_that_clients_tried_to_hide_and_calls_in_flight(self):
        self.row("no-log")
        self.row("nan")
        for server in SERVERS:
            self.assertEqual(len(self.rows[f"in-flight-{server}"]), traffic.IN_FLIGHT)

    def test_a_raw_credential_is_attributed_to_its_user_and_stored_nowhere(self):
        self.assertEqual(self.row("plain")["key"], "")
        stored = self.db.sql("SELECT count(*) FROM usage_logs u WHERE u::text LIKE '%plain-credential%'")
        dead = self.db.sql("SELECT count(*) FROM usage_ingest.dead_letters d WHERE convert_from(payload, 'UTF8') LIKE '%plain-credential%'")
        self.assertEqual(stored + dead, [["0"], ["0"]])

    def test_quotas(self):
        # A row with a mark is no request of the user: docs/events.md, "What counts as a request".
        wrong = self.db.sql("""
            SELECT s.id, s.used_requests, count(u.id) FILTER (WHERE is_request), s.used_tokens, sum(u.total_tokens)
            FROM subscriptions s LEFT JOIN usage_logs u ON u.subscription_id = s.id
            CROSS JOIN LATERAL (SELECT (u.metadata ?| ARRAY['billed_retry_attempt', 'internal_call_origin',
                                                            'is_silent_experiment']) IS NOT TRUE) AS r(is_request)
            GROUP BY s.id
            HAVING s.used_requests <> count(u.id) FILTER (WHERE is_request)
                OR s.used_tokens <> coalesce(sum(u.total_tokens), 0)""")
        self.assertEqual(wrong, [])
        bob = self.db.sql(f"SELECT status, used_requests FROM subscriptions WHERE user_id = '{custom_auth.BOB}' AND model_id = 'gpt-4o'")
        self.assertEqual(bob, [["suspended", "2"]])  # his quota is one request

    def test_totals_match(self):
        totals = self.db.sql("SELECT sum(records), sum(events), sum(inserted), sum(duplicates), sum(dead_lettered), sum(skipped)"
                             " FROM usage_ingest.kafka_offsets")
        records, events, inserted, duplicates, dead, skipped = map(int, totals[0])
        self.assertEqual((records, events), (len(RUN["messages"]),) * 2)
        self.assertEqual((duplicates, dead, skipped), (0, 0, 1))  # the unknown key's 401 has no owner and no usage
        self.assertEqual(inserted, sum(len(rows) for rows in self.rows.values()))
        self.assertEqual(inserted, len(RUN["messages"]) - 1)

    def test_summaries_are_exact_and_an_import_of_the_same_events_changes_nothing(self):
        export = RUN["folder"] / "export.ndjson"
        export.write_text("".join(json.dumps(event) + "\n" for _, event in RUN["messages"]))
        made = json.loads(self.ingestd.run("import", str(export), "--json", user="usage_ingest").splitlines()[-1])
        self.assertEqual((made["inserted"], made["duplicates"]), (0, len(RUN["messages"]) - 1))
        self.ingestd.run("summaries", "verify")

    def test_rows_of_spend_logs_for_the_same_time_add_nothing(self):
        """As in "Taking over" of docs/operations.md, from LiteLLM's own table with LiteLLM's own rows."""
        self.db.sql("CREATE DATABASE litellm")
        table = (HERE.parents[2] / "tests/data/litellm/spend_logs.sql").read_text()
        store = "".join("SELECT store_spend_log($row$" + json.dumps(row) + "$row$);\n" for row in RUN["rows"])
        self.db.sql(table + store, database="litellm")
        before = self.db.sql("SELECT * FROM usage_logs ORDER BY id, created_at")
        for api_key in ("api_key", "encode(sha256(api_key::bytea), 'hex')"):  # since 1.99 it can be hashed twice
            export = RUN["folder"] / "gap.ndjson"
            rows = self.db.sql(f"""UPDATE "LiteLLM_SpendLogs" SET api_key = {api_key} WHERE length(api_key) = 64;
                                   SELECT row_to_json(s) FROM "LiteLLM_SpendLogs" s""", database="litellm")
            export.write_text("".join(row[0] + "\n" for row in rows))
            made = json.loads(self.ingestd.run("import", str(export), "--json", user="usage_ingest").splitlines()[-1])
            self.assertEqual((made["inserted"], made["dead_lettered"]), (0, 0))
            self.assertEqual(made["duplicates"] + made["skipped"], len(rows))
            self.assertGreater(made["duplicates"], 10)
        self.assertEqual(self.db.sql("SELECT * FROM usage_logs ORDER BY id, created_at"), before)

    def test_metrics_and_readiness(self):
        def get(path):
            return urllib.request.urlopen(f"http://127.0.0.1:{self.ingestd.http}{path}", timeout=5)
        self.assertEqual(get("/readyz").status, 200)
        self.assertIn(f'usage_ingest_events_total{{outcome="inserted"}} {len(RUN["messages"]) - 1}', get("/metrics").read().decode())

    def test_zz_daemon_ends_with_0(self):
        self.assertEqual(services.stop(self.daemon), 0)


if __name__ == "__main__":
    unittest.main()
