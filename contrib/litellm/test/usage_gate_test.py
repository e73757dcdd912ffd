"""usage_gate with a real PostgreSQL: whose calls are refused, and how it follows what changes."""

import asyncio
import re
import sys
import unittest
import uuid
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import gate as of
import psycopg
import usage_gate as module
from callback import HASH, HERE

setUpModule = of.start_database
KEY, OTHER, UNKNOWN, LEGACY, ALICE, BOB, CAROL, STRANGER, SUB = (
    of.KEY, of.OTHER, of.UNKNOWN, of.LEGACY, of.ALICE, of.BOB, of.CAROL, of.STRANGER, of.SUB)
sql, RUN = of.sql, of.RUN


class WhoseCallTest(of.GateTest):
    async def test_the_refusal_says_which_subscription_and_why(self):
        self.exhaust()
        await self.becomes(429)
        refusal = await of.ask(self.gate, KEY, ALICE, "m")
        self.assertEqual(refusal.detail, f"Subscription {SUB} (model m) is suspended: quota exceeded (2 of 1 requests used).")
        self.assertEqual(refusal.headers, {"x-should-retry": "false"})

    async def test_and_until_when(self):
        sql(f"UPDATE subscriptions SET budget_duration = 'monthly', reset_at = '2999-01-01 00:00+01' WHERE id = '{SUB}'")
        self.exhaust()
        await self.becomes(429)
        refusal = await of.ask(self.gate, KEY, ALICE, "m")
        self.assertTrue(refusal.detail.endswith(
            " It resumes at 2998-12-31 23:00:00 UTC, when its next quota period begins."), refusal.detail)
        self.assertGreater(int(refusal.headers["retry-after"]), 86400)

    async def test_a_time_that_no_calendar_has_is_left_out(self):
        sql(f"UPDATE subscriptions SET budget_duration = 'monthly', reset_at = 'infinity' WHERE id = '{SUB}'")
        self.exhaust()
        await self.becomes(429)
        self.assertNotIn("resumes", (await of.ask(self.gate, KEY, ALICE, "m")).detail)

    async def test_a_suspension_by_a_person_has_the_persons_reason(self):
        sql(f"""ALTER TABLE subscriptions ADD IF NOT EXISTS status_reason TEXT;
                UPDATE subscriptions SET status = 'suspended', status_reason = 'unpaid' WHERE id = '{SUB}'""")
        await self.becomes(429)
        self.assertIn("is suspended: unpaid.", (await of.ask(self.gate, KEY, ALICE, "m")).detail)

    async def test_other_models_users_and_keys_are_admitted(self):
        self.exhaust()
        await self.becomes(429)
        for call in ((KEY, ALICE, "n"), (OTHER, BOB, "m"), (UNKNOWN, STRANGER, "m"), (UNKNOWN, None, "m"), (None, None, "m")):
            self.assertEqual(await self.status(*call), 200, call)

    async def test_a_key_of_another_user_decides_although_litellm_names_the_suspended_one(self):
        self.exhaust()
        await self.becomes(429)
        self.assertEqual(await self.status(OTHER, ALICE), 200)
        self.assertEqual(await self.status(UNKNOWN, ALICE), 429)

    async def test_a_call_without_a_hash_goes_by_its_user(self):
        self.exhaust()
        await self.becomes(429)
        for key in (None, "plain-credential", "litellm_word"):
            self.assertEqual(await self.status(key, ALICE), 429, key)

    async def test_upper_case_is_the_same_key(self):
        sql(f"UPDATE api_keys SET key_hash = '{HASH}' WHERE user_id = '{ALICE}'")
        self.exhaust()
        await self.becomes(429, HASH, None)
        self.assertEqual(await self.status(HASH.upper(), None), 429)

    async def test_a_rotated_key_counts(self):
        self.exhaust()
        sql(f"UPDATE api_keys SET key_hash = '{HASH}' WHERE user_id = '{ALICE}'")
        await self.becomes(429, HASH, None)
        self.assertEqual(await self.status(KEY, None), 429)

    async def test_a_key_that_names_a_suspended_subscription_of_another_user(self):
        self.exhaust()
        sql(f"""INSERT INTO api_keys (user_id, key_hash, key_prefix, subscription_id)
                VALUES ('{CAROL}', '{LEGACY}', 'sk-', '{SUB}')""")
        await self.becomes(429, LEGACY, CAROL)
        self.assertEqual(await self.status(LEGACY, CAROL, "n"), 200)
        sql(f"INSERT INTO subscriptions (user_id, model_id, status) VALUES ('{CAROL}', 'm', 'active')")
        await self.becomes(200, LEGACY, CAROL)

    async def test_the_master_key_and_litellms_own_calls_are_never_refused(self):
        self.exhaust()
        await self.becomes(429)
        for key in module.EXEMPT_KEYS:
            self.assertEqual(await self.status(key, ALICE), 200, key)

    async def test_reading_what_an_earlier_call_made_is_not_refused(self):
        self.exhaust()
        await self.becomes(429)
        for call_type in ("aget_responses", "aretrieve_batch", "acancel_responses", "avideo_status"):
            self.assertIsNone(await of.ask(self.gate, KEY, ALICE, "m", call_type), call_type)
        self.assertIsNotNone(await of.ask(self.gate, KEY, ALICE, "m", "aresponses"))

    async def test_a_deployment_that_is_named_by_its_id_is_its_model(self):
        self.exhaust()
        await self.becomes(429)
        named = {"id-1": ("openai/m", None), "id-2": ("m", "openai"), "id-3": ("openai/n", None), "id-4": ("some/m", "openai")}
        made = {name: SimpleNamespace(litellm_params=SimpleNamespace(model=model, custom_llm_provider=provider))
                for name, (model, provider) in named.items()}

        def get_deployment(model_id):
            return made.get(model_id)

        registry = SimpleNamespace(deployment=get_deployment)
        for router in (SimpleNamespace(get_deployment=get_deployment), SimpleNamespace(registry=lambda: registry)):
            with mock.patch.dict(sys.modules, {"litellm.proxy.proxy_server": SimpleNamespace(llm_router=router)}):
                answers = [await self.status(KEY, ALICE, name) for name in (*named, "m", "n")]
            self.assertEqual(answers, [429, 429, 200, 200, 429, 200])
        for unknown in (None, SimpleNamespace()):
            with mock.patch.dict(sys.modules, {"litellm.proxy.proxy_server": SimpleNamespace(llm_router=unknown)}):
                self.assertEqual(await self.status(KEY, ALICE), 429)

    async def test_each_model_that_the_client_names_is_asked_about(self):
        self.exhaust()
        await self.becomes(429)
        for data in ({"model": "m,m"}, {"model": "other, m"}, {"model": ["other", "m"]},
                     {"model": "other", "fallbacks": ["m"]}, {"model": "other", "fallbacks": [{"model": "m"}]},
                     {"model": "other", "fallbacks": [{"other": ["m"]}]}, {"model": "other", "context_window_fallbacks": [{"other": ["m"]}]},
                     {"model": "other", "content_policy_fallbacks": ["m"]}):
            refusal = await of.ask(self.gate, KEY, ALICE, **data)
            self.assertEqual(getattr(refusal, "status_code", None), 429, data)
        for data in ({"model": "other,another"}, {"model": "other", "fallbacks": ["another"]}):
            self.assertIsNone(await of.ask(self.gate, KEY, ALICE, **data), data)

    async def test_a_call_without_a_model_is_admitted(self):
        self.exhaust()
        await self.becomes(429)
        self.assertIsNone(await of.ask(self.gate, KEY, ALICE, None))

    async def test_a_refused_call_is_marked_as_no_request(self):
        self.exhaust()
        await self.becomes(429)
        data = of.logged_call(tags=["a"])
        await of.ask(self.gate, KEY, ALICE, "m", **data)
        for metadata in (data["metadata"], data["litellm_logging_obj"].litellm_params["metadata"]):
            self.assertEqual(metadata, {"tags": ["a"], "internal_call_origin": "suspended_subscription"})
        admitted = of.logged_call()
        await of.ask(self.gate, OTHER, BOB, "m", **admitted)
        self.assertEqual(admitted["metadata"], {})


class FollowTest(of.GateTest):
    async def test_lifting_admits(self):
        self.exhaust()
        await self.becomes(429)
        self.assertEqual(sql(f"SELECT usage_ingest.lift_suspension('{SUB}')"), [["lifted"]])
        await self.becomes(200)

    async def test_a_new_quota_period_admits(self):
        sql(f"UPDATE subscriptions SET budget_duration = 'daily', reset_at = now() + interval '1 day' WHERE id = '{SUB}'")
        self.exhaust()
        await self.becomes(429)
        sql(f"UPDATE subscriptions SET reset_at = now() WHERE id = '{SUB}'")
        self.assertEqual(sql("SELECT usage_ingest.start_quota_periods(NULL, 100)"), [["1"]])
        await self.becomes(200)

    async def test_an_administrator_suspends_and_activates(self):
        await self.becomes(200)
        sql(f"UPDATE subscriptions SET status = 'suspended' WHERE id = '{SUB}'")
        await self.becomes(429)
        sql(f"UPDATE subscriptions SET status = 'active' WHERE id = '{SUB}'")
        await self.becomes(200)

    async def test_a_deleted_subscription_refuses_nothing(self):
        self.exhaust()
        await self.becomes(429)
        sql(f"DELETE FROM subscriptions WHERE id = '{SUB}'")
        await self.becomes(200)

    async def test_a_transaction_that_is_rolled_back_refuses_nothing(self):
        await self.becomes(200)
        sql(f"BEGIN; UPDATE subscriptions SET used_requests = 9 WHERE id = '{SUB}'; ROLLBACK")
        with self.assertRaises(TimeoutError):
            await of.becomes(429, 0.5, self.gate, KEY, ALICE, "m")

    async def test_one_of_many_suspensions_at_once(self):
        users = [str(uuid.UUID(int=n)) for n in range(1000, 3000)]
        sql(f"""INSERT INTO users (id, username, email, oauth_provider, oauth_id)
                  SELECT u::uuid, u, u, 'test', u FROM unnest(ARRAY[{of.texts(users)}]) u;
                INSERT INTO subscriptions (user_id, model_id, status, quota_requests)
                  SELECT u::uuid, 'm', 'active', 1 FROM unnest(ARRAY[{of.texts(users)}]) u""")
        await self.becomes(200, None, users[-1])
        sql("UPDATE subscriptions SET used_requests = 2")
        await self.becomes(429, None, users[-1])
        sql("SELECT usage_ingest.lift_suspension(subscription_id) FROM usage_ingest.suspensions")
        await self.becomes(200, None, users[-1])

    async def test_an_odd_notification_is_no_problem(self):
        self.exhaust()
        await self.becomes(429)
        sql("NOTIFY usage_ingest_suspended, 'no id'; NOTIFY usage_ingest_resumed")
        sql(f"UPDATE subscriptions SET status = 'active' WHERE id = '{SUB}'")
        await self.becomes(200)

    async def test_a_session_that_is_ended_comes_back(self):
        await self.becomes(200)
        ended = sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'usage_gate'")
        self.assertEqual(ended, [["1"]])
        self.exhaust()
        await self.becomes(429)

    async def test_sessions_do_not_add_up(self):
        await self.becomes(200)
        for _ in range(20):
            sql("NOTIFY usage_ingest_references, 'users'")
            await self.status(UNKNOWN, ALICE)
        self.assertEqual(sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'usage_gate'"), [["1"]])


class LostNotificationTest(of.GateTest):
    reload_s = 0.5

    async def test_a_lost_notification_has_no_lasting_effect(self):
        await self.becomes(200)
        sql(f"SET session_replication_role = replica; UPDATE subscriptions SET status = 'suspended' WHERE id = '{SUB}'")
        await self.becomes(429)


class DatabaseIsAwayTest(of.GateTest):
    stale_s = 2.0

    async def test_fails_open(self):
        await self.while_away(200)

    async def test_fails_closed(self):
        self.gate._fail_closed = True
        await self.while_away(503)

    async def while_away(self, expected: int) -> None:
        self.exhaust()
        await self.becomes(429)
        RUN["db"].end()
        try:
            self.assertEqual(await self.status(KEY, ALICE), 429)  # what was known a moment ago still counts
            self.assertEqual(await self.status(OTHER, BOB), 200)
            await of.becomes(expected, 10, self.gate, KEY, ALICE, "m")
            self.assertEqual(await self.status(OTHER, BOB), expected)
            self.assertEqual(await self.status("litellm_proxy_master_key", None), 200)
        finally:
            RUN["db"].begin()
        await of.becomes(429, 5, self.gate, KEY, ALICE, "m")
        await self.becomes(200, OTHER, BOB)


class StartTest(of.GateTest):
    async def test_calls_wait_for_the_first_reading(self):
        self.exhaust()
        for fail_closed in (False, True):
            gate = self.new_gate()
            gate._fail_closed = fail_closed
            self.assertEqual(await of.status(gate, KEY, ALICE, "m"), 429)
            self.assertEqual(await of.status(gate, OTHER, BOB, "m"), 200)
            await of.stop(gate)

    def test_a_gate_that_is_made_without_a_loop_starts_with_the_first_call(self):
        gate = module.UsageGate(RUN["db"].conninfo("usage_gate"))
        self.assertIsNone(gate._loop)
        sql(f"UPDATE subscriptions SET status = 'suspended' WHERE id = '{SUB}'")

        async def call():
            answer = await of.status(gate, KEY, ALICE, "m")
            await of.stop(gate)
            return answer

        self.assertEqual(asyncio.run(call()), 429)
        self.assertEqual(asyncio.run(call()), 429)  # another loop, as in a worker


class RoleTest(of.GateTest):
    async def test_the_role_may_do_nothing_else(self):
        for statement in ("SELECT 1 FROM subscriptions", "SELECT 1 FROM api_keys", "SELECT 1 FROM usage_ingest.suspensions",
                          f"SELECT usage_ingest.lift_suspension('{SUB}')"):
            with self.assertRaises(psycopg.errors.InsufficientPrivilege):
                async with await psycopg.AsyncConnection.connect(RUN["db"].conninfo("usage_gate")) as connection:
                    await connection.execute(statement)


class EnvironmentTest(unittest.TestCase):
    def test_without_a_database_the_proxy_does_not_start(self):
        with self.assertRaisesRegex(ValueError, "USAGE_GATE_CONNINFO"):
            module.from_environment({})

    def test_wrong_values_are_named(self):
        for name, value in (("USAGE_GATE_ON_FAILURE", "maybe"), ("USAGE_GATE_STALE_S", "soon"), ("USAGE_GATE_STALE_S", "nan"),
                            ("USAGE_GATE_STALE_S", "1")):
            with self.assertRaisesRegex(ValueError, name):
                module.from_environment({"USAGE_GATE_CONNINFO": "host=db", name: value})

    def test_defaults(self):
        gate = module.from_environment({"USAGE_GATE_CONNINFO": "host=db"})
        self.assertEqual((gate._fail_closed, gate._stale_s), (False, 10.0))

    def test_the_manual_names_every_variable(self):
        manual = (HERE.parent / "README.md").read_text()
        for name in set(re.findall(r"USAGE_GATE_[A-Z_]+", Path(module.__file__).read_text())):
            self.assertIn(f"`{name}`", manual)


if __name__ == "__main__":
    unittest.main()
