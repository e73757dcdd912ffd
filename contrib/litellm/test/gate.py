"""What the tests of usage_gate share: the rows that LiteMaaS would make, and a call of the hook."""

import asyncio
import logging
import re
import tempfile
import time
import unittest
import uuid
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import services
import usage_gate as module
from callback import HERE
from fastapi import HTTPException
from litellm.proxy._types import UserAPIKeyAuth

module.log.propagate = False
module.log.addHandler(logging.NullHandler())
logging.getLogger("asyncio").setLevel(logging.ERROR)  # IsolatedAsyncioTestCase begins in debug mode
STACK = ExitStack()
RUN: dict = {}
KEY, OTHER, UNKNOWN, LEGACY = ("1" * 64, "2" * 64, "3" * 64, "4" * 64)
ALICE, BOB, CAROL, STRANGER = (str(uuid.UUID(int=n)) for n in range(1, 5))
SUB = str(uuid.UUID(int=100))
IN_TIME_S = 2.0
TABLES = """
INSERT INTO users (id, username, email, oauth_provider, oauth_id)
  SELECT u::uuid, u, u, 'test', u FROM unnest(ARRAY[{users}]) u;
INSERT INTO models (id, name, provider) SELECT m, m, 'test' FROM unnest(ARRAY[{models}]) m;
"""


def texts(words) -> str:
    return ", ".join(f"'{word}'" for word in words)


def role_of_the_manual() -> str:
    """The SQL that README.md tells the operator to run."""
    [sql] = re.findall(r"```sql\n\s*(CREATE ROLE usage_gate.*?)```", (HERE.parent / "README.md").read_text(), re.DOTALL)
    return sql


async def ask(gate: module.UsageGate, key: str | None, user: str | None, model: str | None, call_type="acompletion", **data):
    """What the client gets: None, or the refusal."""
    auth = UserAPIKeyAuth(api_key=key, user_id=user)
    try:
        return await gate.async_pre_call_hook(auth, None, {"model": model, **data}, call_type)
    except HTTPException as refusal:
        return refusal


async def status(gate: module.UsageGate, *call) -> int:
    refusal = await ask(gate, *call)
    return 200 if refusal is None else refusal.status_code


async def stop(gate: module.UsageGate) -> None:
    for task in gate._tasks:
        task.cancel()
    await asyncio.gather(*gate._tasks, return_exceptions=True)


async def becomes(wanted: int, seconds: float, gate: module.UsageGate, *call) -> float:
    """Calls until the status is `wanted`; the seconds that this took."""
    began = time.monotonic()
    while await status(gate, *call) != wanted:
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{call}: not {wanted} within {seconds} s")
        await asyncio.sleep(0.01)
    return time.monotonic() - began


def logged_call(**metadata):
    """As LiteLLM hands a call to the hook."""
    return {"metadata": dict(metadata), "litellm_logging_obj": SimpleNamespace(litellm_params={"metadata": dict(metadata)})}


def start_database() -> None:
    """The setUpModule of a test: a migrated database, with the role of README.md."""
    unittest.addModuleCleanup(STACK.close)
    folder = Path(STACK.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
    folder.chmod(0o755)
    RUN["db"] = db = services.Postgres(STACK, folder)
    services.Ingestd(folder, db, "127.0.0.1:1").run("migrate")
    db.sql(role_of_the_manual())


def sql(text: str) -> list[list[str]]:
    return RUN["db"].sql(text)


class GateTest(unittest.IsolatedAsyncioTestCase):
    """Alice has a key and a subscription of model m; it is suspended by its quota."""

    fail_closed, reload_s, stale_s = False, 3600.0, 3600.0

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)
        sql("TRUNCATE users, models, teams CASCADE; TRUNCATE usage_ingest.key_history, usage_ingest.suspensions;"
            + TABLES.format(users=texts([ALICE, BOB, CAROL]), models=texts(["m", "n"])) + f"""
            INSERT INTO subscriptions (id, user_id, model_id, status, quota_requests, quota_tokens, budget_duration)
              VALUES ('{SUB}', '{ALICE}', 'm', 'active', 1, 1000, NULL);
            INSERT INTO api_keys (user_id, key_hash, key_prefix) VALUES ('{ALICE}', '{KEY}', 'sk-'), ('{BOB}', '{OTHER}', 'sk-')""")
        self.gate = self.new_gate()

    async def asyncTearDown(self):
        await stop(self.gate)

    def new_gate(self, **more) -> module.UsageGate:
        conninfo = RUN["db"].conninfo("usage_gate")
        return module.UsageGate(conninfo, fail_closed=self.fail_closed, reload_s=self.reload_s, stale_s=self.stale_s, **more)

    @staticmethod
    def exhaust() -> None:
        sql(f"UPDATE subscriptions SET used_requests = used_requests + 2 WHERE id = '{SUB}'")

    async def status(self, key, user, model="m"):
        return await status(self.gate, key, user, model)

    async def becomes(self, wanted, key=KEY, user=ALICE, model="m"):
        return await becomes(wanted, IN_TIME_S, self.gate, key, user, model)
