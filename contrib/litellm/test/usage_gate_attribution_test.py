"""usage_gate and the daemon's own statement give the same answer, in tables made by chance."""

import random
import re
import unittest
import uuid

import gate as of
import psycopg
from callback import HERE

setUpModule = of.start_database


class AttributionTest(of.GateTest):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        header = (HERE.parents[2] / "ingest/postgres/batch/statements.h").read_text()
        [self.statement] = re.findall(r'kAttribute = R"sql\((.*?)\)sql"', header, re.DOTALL)

    @staticmethod
    def make_tables(chance: random.Random, users, models, hashes) -> None:
        statuses = ("active", "suspended", "suspended", "cancelled")
        lines = ["TRUNCATE users, models CASCADE; TRUNCATE usage_ingest.key_history",
                 of.TABLES.format(users=of.texts(users), models=of.texts(models))]
        subscriptions = [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(10)]
        for one in subscriptions:
            lines.append(f"""INSERT INTO subscriptions (id, user_id, model_id, status, created_at)
                VALUES ('{one}', '{chance.choice(users)}', '{chance.choice(models)}', '{chance.choice(statuses)}',
                        now() - interval '1 day' * {chance.randrange(5)}) ON CONFLICT DO NOTHING""")
        for i in range(8):
            legacy = f"(SELECT id FROM subscriptions WHERE id = '{chance.choice(subscriptions)}')" if i % 3 == 0 else "NULL"
            lines.append(f"""INSERT INTO api_keys (id, user_id, key_hash, key_prefix, subscription_id, lite_llm_key_value)
                VALUES ('{uuid.UUID(int=1000 + i)}', '{chance.choice(users)}', '{chance.choice(hashes)}', 'sk-', {legacy},
                        {chance.choice(["NULL", f"'value {chance.randrange(4)}'"])}) ON CONFLICT DO NOTHING""")
        for i in range(6):
            rotated = chance.choice([chance.choice(hashes), f"no hash {i}"])
            lines.append(f"""UPDATE api_keys SET key_hash = '{rotated}' WHERE id = '{uuid.UUID(int=1000 + chance.randrange(8))}'
                  AND NOT EXISTS (SELECT FROM api_keys WHERE key_hash = '{rotated}')""")
        of.sql(";\n".join(lines))

    async def daemons_answers(self, calls):
        """The suspended subscription whose usage each call would be, or None."""
        columns = [[key for key, _, _ in calls], [user for _, user, _ in calls], [None] * len(calls), [None] * len(calls),
                   [model for _, _, model in calls]]
        async with await psycopg.AsyncConnection.connect(of.RUN["db"].conninfo(), cursor_factory=psycopg.AsyncRawCursor) as connection:
            rows = await (await connection.execute(self.statement, columns)).fetchall()
            suspended = await (await connection.execute("SELECT id FROM subscriptions WHERE status = 'suspended'")).fetchall()
        ids = {row[0] for row in suspended}
        return [str(row[0]) if row[0] in ids else None for row in rows]

    async def test_the_same_answers(self):
        users = [of.ALICE, of.BOB, of.CAROL]
        models = ["m", "n", "o"]
        hashes = [digit * 64 for digit in "123456"]
        refused = 0
        for seed in range(25):
            chance = random.Random(seed)
            self.make_tables(chance, users, models, hashes)
            values = [row[0] for row in of.sql("SELECT encode(sha256(convert_to('value ' || n, 'UTF8')), 'hex') FROM generate_series(0, 3) n")]
            calls = [(key, user, model) for key in (None, *hashes, *values, "f" * 64)
                     for user in (None, *users, of.STRANGER) for model in (*models, "none")]
            expected = await self.daemons_answers(calls)
            gate = self.new_gate()
            try:
                for call, subscription in zip(calls, expected, strict=True):
                    refusal = await of.ask(gate, *call)
                    found = None if refusal is None else refusal.detail.split()[1]
                    self.assertEqual(found, subscription, (seed, call))
                refused += sum(one is not None for one in expected)
            finally:
                await of.stop(gate)
        self.assertGreater(refused, 500)


if __name__ == "__main__":
    unittest.main()
