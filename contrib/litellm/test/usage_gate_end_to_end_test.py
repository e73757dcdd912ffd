"""usage_gate in real LiteLLM proxies, beside usage_kafka_logger: Kafka, usage-ingestd and PostgreSQL count
1,000 other events a second at the same time.

Two proxies: one fails open, the other closed. Bob's quota of gpt-4o is five requests.
"""

import hashlib
import os
import sys
import tempfile
import time
import unittest
from contextlib import ExitStack
from pathlib import Path

import custom_auth
import gate as of
import httpx
import services
import traffic
from callback import HERE
from services import wait_for

STACK = ExitStack()
RUN: dict = {"admitted": 0}  # Bob's calls of gpt-4o
RATE, ROUNDS, IN_TIME_S = 1000, 5, 2.0
STALE_S = 3
LOAD = "sk-load"
STRANGER = "sk-test-stranger"
USERS = {"alice": custom_auth.ALICE, "bob": custom_auth.BOB, "load": "00000000-0000-4000-8000-00000000000a"}
KEYS = {"alice": traffic.ALICE, "bob": traffic.BOB, "load": LOAD}
ROWS = f"""SELECT count(*) FROM usage_logs u JOIN subscriptions s ON s.id = u.subscription_id
           WHERE s.user_id = '{custom_auth.BOB}' AND s.model_id = 'gpt-4o'"""
BOBS = f"user_id = '{custom_auth.BOB}' AND model_id = 'gpt-4o'"


def hash_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def setUpModule() -> None:
    unittest.addModuleCleanup(STACK.close)
    folder = Path(STACK.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
    folder.chmod(0o755)
    brokers = services.start_kafka(STACK, folder, Path(os.environ["KAFKA_JARS"]))
    RUN["db"] = db = services.Postgres(STACK, folder)
    RUN["ingestd"] = ingestd = services.Ingestd(folder, db, brokers)
    ingestd.migrate()
    db.sql(of.role_of_the_manual() + of.TABLES.format(users=of.texts(USERS.values()), models=of.texts(["gpt-4o", "slow"])))
    for name, user in USERS.items():
        db.sql(f"""INSERT INTO api_keys (user_id, key_hash, key_prefix) VALUES ('{user}', '{hash_of(KEYS[name])}', 'sk-');
                   INSERT INTO subscriptions (user_id, model_id, status, quota_requests, quota_tokens, reset_at)
                     SELECT '{user}', id, 'active', 1000000000, 1000000000, now() + interval '9 days' FROM models""")
    RUN["daemon"] = ingestd.start(STACK)
    env = {"USAGE_KAFKA_BROKERS": brokers, "USAGE_GATE_CONNINFO": db.conninfo("usage_gate"), "USAGE_GATE_STALE_S": str(STALE_S)}
    closed = {"USAGE_GATE_ON_FAILURE": "closed", "USAGE_GATE_READYZ": f"http://127.0.0.1:{ingestd.http}/readyz"}
    RUN["open"] = services.Proxy(STACK, folder, "open", env, gate=True)
    RUN["closed"] = services.Proxy(STACK, folder, "closed", {**env, **closed}, gate=True)
    for name in ("open", "closed"):
        RUN[name].wait()
    wait_for("daemon", 60, ingestd.is_ready, RUN["daemon"])
    load = [sys.executable, str(HERE / "event_load.py"), brokers, services.TOPIC, str(RATE), hash_of(LOAD), "gpt-4o"]
    RUN["load"] = services.start(STACK, folder / "load.log", load)
    before = counted()
    wait_for("load", 60, lambda: counted() > before + 3 * RATE, RUN["load"])


def sql(text: str) -> list[list[str]]:
    return RUN["db"].sql(text)


def counted() -> int:
    return int(sql("SELECT coalesce(sum(events), 0) FROM usage_ingest.kafka_offsets")[0][0])


def call(key: str = traffic.BOB, model: str = "gpt-4o", proxy: str = "open") -> httpx.Response:
    text = f"{time.monotonic_ns()}"  # no cached answer
    body = {"model": model, "user": "gate", "messages": [{"role": "user", "content": text}]}
    url = f"http://127.0.0.1:{RUN[proxy].port}/v1/chat/completions"
    answer = httpx.post(url, headers={"authorization": f"Bearer {key}"}, json=body, trust_env=False, timeout=60)
    RUN["admitted"] += (key, model, answer.status_code) == (traffic.BOB, "gpt-4o", 200)
    return answer


def seconds_until(wanted: int, *where, limit_s: float = IN_TIME_S, **more) -> float:
    """From now to the first answer with this status."""
    began = time.monotonic()
    while (status := call(*where, **more).status_code) != wanted:
        if time.monotonic() - began > limit_s:
            raise AssertionError(f"status {status} and not {wanted} for {limit_s} s")
    return time.monotonic() - began


def renew(quota: int = 5) -> None:
    """Bob may make `quota` requests from now on. All his earlier ones are counted."""
    wait_for("rows of all calls", 30, lambda: int(sql(f"{ROWS} AND u.status_code = 200")[0][0]) == RUN["admitted"])
    sql(f"UPDATE subscriptions SET status = 'active', used_requests = 0, quota_requests = {quota} WHERE {BOBS}")
    wait_for("the gate", IN_TIME_S, lambda: call().status_code == 200)


def used() -> int:
    return int(sql(f"SELECT used_requests FROM subscriptions WHERE {BOBS}")[0][0])


def exhaust(quota: int = 5) -> float:
    """Seconds from the end of the call that is one too many to the first call that is refused."""
    for _ in range(quota):  # renew() has made one
        if call().status_code != 200:
            raise AssertionError("refused within the quota")
    return seconds_until(429)


class GateTest(unittest.TestCase):
    def test_1_the_quota_is_exhausted(self):
        taken, began, before = [], time.monotonic(), counted()
        for _ in range(ROUNDS):
            renew()
            taken.append(exhaust())
        rate = (counted() - before) / (time.monotonic() - began)
        print(f"\nfrom the last admitted event to the first refused call: {', '.join(f'{s:.2f}' for s in sorted(taken))} s"
              f" at {rate:.0f} events/s", end="", flush=True)
        self.assertGreater(rate, 0.9 * RATE)
        self.assertLessEqual(max(taken), IN_TIME_S)

    def test_2_what_the_client_is_told(self):
        answer = call()
        self.assertEqual(answer.status_code, 429)
        subscription = sql(f"SELECT id FROM subscriptions WHERE {BOBS}")[0][0]
        message = answer.json()["error"]["message"]
        self.assertIn(f"Subscription {subscription} (model gpt-4o) is suspended: quota exceeded (", message)
        self.assertIn("of 5 requests used)", message)
        self.assertIn("It resumes at ", message)  # the seed's budget_duration is monthly
        self.assertEqual(answer.headers["x-should-retry"], "false")
        self.assertGreater(int(answer.headers["retry-after"]), 0)
        self.assertEqual(call(proxy="closed").status_code, 429)
        self.assertEqual(call(model="deployment-1").status_code, 429)  # the same model

    def test_3_others_are_admitted(self):
        for proxy in ("open", "closed"):
            for where in ((traffic.BOB, "slow"), (traffic.ALICE, "gpt-4o"), (traffic.ALICE, "deployment-1"), (STRANGER, "gpt-4o")):
                self.assertEqual(call(*where, proxy=proxy).status_code, 200, where)

    def test_4_a_refused_call_is_a_row_and_no_request(self):
        before = used()
        rows = f"{ROWS} AND u.status_code = 429 AND u.metadata->>'internal_call_origin' = 'suspended_subscription'"
        seen = int(sql(rows)[0][0])
        for _ in range(10):
            self.assertEqual(call().status_code, 429)
        wait_for("rows of refused calls", 30, lambda: int(sql(rows)[0][0]) == seen + 10)
        self.assertEqual(used(), before)
        RUN["ingestd"].run("summaries", "verify")

    def test_5_lifting_admits(self):
        sql(f"UPDATE subscriptions SET quota_requests = 1000 WHERE {BOBS}")
        subscription = sql(f"SELECT id FROM subscriptions WHERE {BOBS}")[0][0]
        RUN["ingestd"].run("quotas", "lift", "--subscription", subscription)
        seconds_until(200)

    def test_6_a_new_period_admits(self):
        renew()
        exhaust()
        sql(f"UPDATE subscriptions SET reset_at = now() WHERE {BOBS}")
        state = f"SELECT status FROM subscriptions WHERE {BOBS}"
        wait_for("the new period", 60, lambda: sql(state) == [["active"]])
        seconds_until(200)

    def test_7_an_administrator_suspends_and_activates(self):
        for status, wanted in (("suspended", 429), ("active", 200)):
            sql(f"UPDATE subscriptions SET status = '{status}' WHERE {BOBS}")
            seconds_until(wanted)

    def test_8_no_daemon_counts(self):
        renew()
        exhaust()
        seconds_until(429, proxy="closed")
        services.stop(RUN["daemon"])
        seconds_until(503, traffic.ALICE, proxy="closed", limit_s=STALE_S + 10)
        self.assertEqual(call(proxy="closed").status_code, 429)  # that is known
        self.assertEqual(call(traffic.ALICE).status_code, 200)
        self.assertEqual(call().status_code, 429)
        RUN["daemon"] = RUN["ingestd"].start(STACK)
        seconds_until(200, traffic.ALICE, proxy="closed", limit_s=60)

    def test_9_the_database_is_away(self):
        RUN["db"].end()
        self.assertEqual((call().status_code, call(traffic.ALICE).status_code), (429, 200))
        seconds_until(200, limit_s=STALE_S + 10)
        seconds_until(503, traffic.ALICE, proxy="closed", limit_s=STALE_S + 10)
        RUN["db"].begin()
        seconds_until(429, limit_s=10)
        seconds_until(200, traffic.ALICE, proxy="closed", limit_s=60)


if __name__ == "__main__":
    unittest.main()
