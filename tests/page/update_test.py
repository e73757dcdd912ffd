"""What happens between two answers: old figures look old, and the page keeps what a person does with it."""
import re

from fake_daemon import Status, status
from page_fixture import PageTest, error
from playwright.sync_api import Page, expect


class StaleTest(PageTest):
    def expect_stale(self) -> None:
        expect(self.page).to_have_title(re.compile("^no answer"))
        expect(self.page.locator("#state")).to_have_text("no answer")
        line = self.page.locator("#rate-plot .line")
        self.assertNotEqual(line.evaluate("node => getComputedStyle(node).strokeDasharray"), "none")
        self.assertNotEqual(self.looks(), self.current_looks)
        expect(self.page.locator("#rate-plot")).to_contain_text("last answer")

    def looks(self) -> list[str]:
        return [self.page.locator("#rate").evaluate(f"node => getComputedStyle(node).{name}") for name in ("color", "fontStyle")]

    def open_current(self) -> Page:
        page = self.open()
        self.current_looks = self.looks()
        expect(page).to_have_title(re.compile(r"/s · lag"))
        return page

    def test_the_daemon_dies(self):
        page = self.open_current()
        self.daemon.die()
        self.step()
        self.expect_stale()
        expect(page.locator("#stale")).to_contain_text(re.compile(r"No answer since \d\d:\d\d:\d\d \S+"))

    def test_a_proxy_answers_for_a_dead_daemon(self):
        self.open_current()
        self.daemon.http_status = 502
        self.step()
        self.expect_stale()

    def test_the_daemon_hangs(self):
        self.open_current()
        self.daemon.released.clear()
        self.step()
        self.expect_stale()

    def test_a_cache_repeats_an_old_answer(self):
        page = self.open_current()
        old = status()
        self.daemon.answer = lambda: old
        self.step(6)
        self.expect_stale()
        self.assertIn("again", page.locator("#stale").inner_text())

    def test_the_daemon_dies_while_the_tab_is_in_the_background(self):
        page = self.open_current()
        page.evaluate("""() => { Object.defineProperty(document, 'hidden', {get: () => true});
                                 document.dispatchEvent(new Event('visibilitychange')); }""")
        self.daemon.die()
        self.step()
        self.expect_stale()

    def test_the_daemon_is_back(self):
        page = self.open_current()
        self.daemon.http_status = 503
        self.step()
        self.expect_stale()
        self.daemon.http_status = 200
        self.step()
        expect(page.locator("#state")).to_have_text("ready")
        expect(page).to_have_title(re.compile(r"/s · lag"))
        expect(page.locator("#stale")).to_have_text("")
        self.assertEqual(self.looks(), self.current_looks)

    def test_it_was_never_there(self):
        page = self.open()
        self.daemon.http_status = 503
        page.reload()
        expect(page.locator("#state")).to_have_text("no answer")
        expect(page.locator("#rate")).to_have_text("–")


class UpdateTest(PageTest):
    """The figures change; what a person does with the page does not."""

    def moving(self) -> Status:
        made = status(5, errors=[error("connection refused by 10.0.0.7", self.daemon.answers + 1)])
        turn = self.daemon.answers
        for each in made["partitions"]:
            each["lag_records"] = (each["partition"] * 7 + turn * 3) % 5
            each["rate"] = turn
        return made

    def test_selected_text_survives(self):
        page = self.open(self.moving)
        for selector in ("#errors .item p + p", "#partitions .name", "#facts"):
            with self.subTest(selector):
                select = """node => { const range = document.createRange(); range.selectNodeContents(node);
                                      getSelection().removeAllRanges(); getSelection().addRange(range); }"""
                page.locator(selector).first.evaluate(select)
                chosen = page.evaluate("getSelection().toString()")
                self.assertTrue(chosen)
                self.step(4)
                self.assertEqual(page.evaluate("getSelection().toString()"), chosen)

    def test_nodes_are_kept(self):
        page = self.open(self.moving)
        page.evaluate("document.querySelectorAll('main *').forEach((node) => { node.seen = true; })")
        self.step(4)
        self.assertEqual(page.evaluate("[...document.querySelectorAll('main *')].filter((node) => !node.seen).length"), 0)

    def test_the_live_region_is_silent_while_nothing_changes(self):
        page = self.open(self.moving)
        page.evaluate("""() => { window.spoken = 0;
            for (const node of document.querySelectorAll('[role=status], [role=alert], [aria-live]')) {
              new MutationObserver((changes) => { window.spoken += changes.length; })
                  .observe(node, {childList: true, characterData: true, subtree: true});
            } }""")
        self.step(5)
        self.assertEqual(page.evaluate("window.spoken"), 0)
        self.daemon.answer = lambda: status(ready=False, reason="the group is not joined")
        self.step()
        self.assertEqual(page.evaluate("window.spoken"), 1)

    def test_focus_and_scroll_position_survive(self):
        page = self.open(lambda: status(200))
        page.locator(".scroll").evaluate("node => node.scrollTo(0, 900)")
        page.get_by_role("button", name="dead letters").focus()
        self.step(2)
        self.assertEqual(page.locator(".scroll").evaluate("node => node.scrollTop"), 900)
        expect(page.get_by_role("button", name="dead letters")).to_be_focused()
