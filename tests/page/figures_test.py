"""What the page shows of an answer: everything that an operator must see, with units."""
import re

from fake_daemon import Status, status
from page_fixture import PageTest, error, in_trouble
from playwright.sync_api import expect


class FiguresTest(PageTest):
    def test_the_furthest_behind_comes_first(self):
        def answer() -> Status:
            made = status(4)
            made["partitions"][1] |= {"lag_records": None, "lag_seconds": None, "catch_up_seconds": None}
            return made
        self.open(answer)
        topic = "litellm.usage.v1"
        self.assertEqual(self.names(), [f"{topic}[{n}]" for n in (1, 3, 2, 0)], "unknown is before every number")

    def test_a_column_orders_both_ways_and_says_so(self):
        page = self.open(lambda: status(12))
        page.get_by_role("button", name="partition", exact=True).click()
        self.assertEqual(self.names(), [f"litellm.usage.v1[{n}]" for n in range(12)])
        page.get_by_role("button", name="partition", exact=True).click()
        self.assertEqual(self.names(), [f"litellm.usage.v1[{n}]" for n in reversed(range(12))])
        expect(page.locator("#columns th").first).to_have_attribute("aria-sort", "descending")

    def test_filters(self):
        page = self.open(lambda: in_trouble(200))
        page.get_by_role("searchbox").fill("[17")
        self.assertEqual(len(self.names()), 11)
        expect(page.locator("#shown")).to_have_text("11 of 200")
        expect(page.locator("#total")).to_contain_text("11 partitions")
        page.get_by_role("searchbox").fill("")
        page.get_by_role("checkbox").check()
        self.assertEqual(self.names(), ["litellm.usage.v1[0]"])

    def test_totals(self):
        page = self.open(lambda: status(4))
        total = page.locator("#total")
        expect(total.locator("td[data-label=lag]").first).to_have_text("6")
        expect(total.locator("td[data-label='events/s']").first).to_have_text("6")
        self.daemon.answer = in_trouble
        self.step()
        expect(total.locator("td[data-label=lag]").first).to_have_text("unknown")
        expect(total.locator("td[data-label='lost records']")).to_have_text("123")

    def test_unknown_lag_is_never_zero(self):
        def answer() -> Status:
            made = status(2)
            for each in (made["totals"], *made["partitions"]):
                each |= {"lag_records": None, "lag_seconds": None, "catch_up_seconds": None}
            made["totals"]["history"]["lag_records"] = [None] * 90
            return made
        page = self.open(answer)
        expect(page.locator("#lag")).to_have_text("unknown")
        expect(page.locator("#catch-up")).to_have_text("unknown")
        self.assertIn("lag unknown", page.title())
        self.assertEqual(page.locator("#partitions td[data-label=lag].n").all_inner_texts(), ["unknown"] * 2)
        expect(page.locator("#lag-plot svg")).to_have_attribute("aria-label", re.compile("now unknown"))
        self.assertEqual(page.locator("#lag-plot .line").get_attribute("d"), "")

    def test_time_to_catch_up(self):
        for value, shown in ((0, "yes"), (700, "in 12 min"), (None, "not falling")):
            def answer(value: float | None = value) -> Status:
                made = status()
                made["totals"]["catch_up_seconds"] = made["partitions"][0]["catch_up_seconds"] = value
                return made
            page = self.open(answer)
            expect(page.locator("#catch-up")).to_have_text(shown)
            expect(page.locator("#partitions td[data-label='caught up']")).to_have_text(shown)

    def test_what_is_lost_suspended_held_isolated_or_stuck(self):
        page = self.open(in_trouble)
        concerns = re.sub(r"\s+", " ", page.locator("#concerns").inner_text())
        for each in ("records lost 123", "suspensions 7", "batches held 1", "parts isolated 2",
                     "partitions stuck 1", "dead letters waiting unknown"):
            self.assertIn(each, concerns)
        problems = page.locator("#problems")
        for each in ("litellm.usage.v1[0]", "offset 99", "subscription 4711", "23514", "P0001", "events 17"):
            expect(problems).to_contain_text(each)
        self.step(2)
        expect(problems.locator(".item")).to_have_count(4)
        self.daemon.answer = status
        self.step()
        expect(problems).to_be_hidden()
        self.assertNotIn("held", page.locator("#concerns").inner_text())

    def test_short_and_long_times(self):
        for seconds, shown in ((0, "0 s"), (0.4, "400 ms"), (9.94, "9.9 s"), (119, "119 s"), (7_000, "117 min"), (200_000, "2 days")):
            def answer(seconds: float = seconds) -> Status:
                made = status()
                made["totals"]["lag_seconds"] = seconds
                return made
            page = self.open(answer)
            expect(page.locator("#lag")).to_have_text(shown)

    def test_time_by_phase(self):
        page = self.open()
        text = re.sub(r"\s+", " ", page.locator("#phases").inner_text())
        self.assertEqual(text, "decode 4 ms attribute 2 ms copy 30 ms upsert 8 ms commit 3 ms")

    def test_plots_have_a_scale_and_a_unit(self):
        page = self.open(lambda: status(3))
        expect(page.locator("#rate-plot")).to_contain_text(re.compile(r"5K/s\s*0\s*3 min ago\s*now"))
        expect(page.locator("#lag-plot svg")).to_have_attribute("aria-label", re.compile("records: now 4,000, at most 4,000 in 3 min"))
        expect(page.locator("th.plots").first).to_have_text("events/s, 3 min, 0 to 2")
        self.assertEqual((page.locator("#lag-plot .line").get_attribute("d") or "")[:4], "M10,", "unknown is a hole")

    def test_times_have_a_zone(self):
        page = self.open(in_trouble, timezone_id="Asia/Kolkata")
        times = page.locator("time:visible").all()
        self.assertGreater(len(times), 20)
        for time in times:
            self.assertRegex(time.inner_text(), r"\d\d:\d\d:\d\d GMT\+5:30$")
            self.assertRegex(time.get_attribute("datetime") or "", r"Z$")

    def test_a_message_is_text_and_never_markup(self):
        page = self.open(lambda: status(errors=[error("<img src=x onerror=alert(1)>")]))
        expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
        expect(page.locator("img")).to_have_count(0)
