"""What usage_gate adds to a call; prints the figures."""

import asyncio
import statistics
import time
import unittest

import gate as of

setUpModule = of.start_database


class CostTest(of.GateTest):
    SUSPENDED, CALLS, CALL_MAX_S = 10_000, 20_000, 0.001

    async def test_a_call_takes_less_than_a_millisecond(self):
        """With 10,000 suspended subscriptions, which are read again all the time. Each call includes a turn of the loop."""
        of.sql(f"""INSERT INTO users (id, username, email, oauth_provider, oauth_id)
                  SELECT u::uuid, u, u, 'test', u FROM
                    (SELECT '00000000-0000-4000-8000-' || lpad(n::text, 12, '0') u FROM generate_series(1, {self.SUSPENDED}) n) u;
                INSERT INTO subscriptions (user_id, model_id, status) SELECT id, 'm', 'suspended' FROM users ON CONFLICT DO NOTHING;
                INSERT INTO api_keys (user_id, key_hash, key_prefix)
                  SELECT id, encode(sha256(id::text::bytea), 'hex'), 'sk-' FROM users;
                INSERT INTO usage_ingest.suspensions (subscription_id, status_before, status_columns)
                  SELECT id, 'active', usage_ingest.status_columns(to_jsonb(s)) FROM subscriptions s;
                ANALYZE""")
        keys = [row[0] for row in of.sql("SELECT key_hash FROM api_keys ORDER BY random() LIMIT 1000")]
        await of.becomes(429, 10, self.gate, keys[0], None, "m")
        alone = await self.seconds_of_calls(keys, "n")
        self.readings = 0
        reading = asyncio.create_task(self.read_again_and_again())
        busy = await self.seconds_of_calls(keys, "n")
        refused = await self.seconds_of_calls(keys, "m")
        while self.readings < 2:
            await asyncio.sleep(0.05)
        reading.cancel()
        print(f"\nusage_gate: all {self.SUSPENDED} are read in {self.reading_s:.2f} s", end="")
        self.assertLess(self.reading_s, of.IN_TIME_S)
        for name, seconds in (("nothing else to do", alone), ("while all is read again", busy), ("refused", refused)):
            *_, p99 = statistics.quantiles(seconds, n=100)
            print(f"\nusage_gate, {name}: median {statistics.median(seconds) * 1e6:.0f} µs, 99 % {p99 * 1e6:.0f} µs, "
                  f"max {max(seconds) * 1e6:.0f} µs", end="", flush=True)
            self.assertLess(p99, self.CALL_MAX_S)

    async def read_again_and_again(self):
        async with await self.gate.suspensions._connect() as connection:
            while True:
                began = time.monotonic()
                await self.gate.suspensions._read(connection, None)
                self.reading_s = time.monotonic() - began
                self.readings += 1

    async def seconds_of_calls(self, keys, model):
        """Of the CPU: what else runs on this machine does not count."""
        taken = []
        for i in range(self.CALLS):
            began = time.thread_time()
            await self.status(keys[i % len(keys)], None, model)
            await asyncio.sleep(0)
            taken.append(time.thread_time() - began)
        return taken


if __name__ == "__main__":
    unittest.main()
