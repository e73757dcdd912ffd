"""Readable at every width, under every path, and accessible."""
import functools

from axe_playwright_python.base import AXE_FILE_PATH
from fake_daemon import PAGE, status
from page_fixture import PageTest, in_trouble
from playwright.sync_api import expect

BYTES_MAX = 60_000


class ReadableTest(PageTest):
    def test_nothing_is_wider_than_the_window(self):
        for width in (320, 371, 768, 1280, 2560):
            for partitions in (1, 200):
                with self.subTest(width=width, partitions=partitions):
                    page = self.open(functools.partial(in_trouble, partitions), width)
                    expect(page.locator("#partitions tr")).to_have_count(partitions)
                    self.assertLessEqual(page.evaluate("document.scrollingElement.scrollWidth"), width)
                    cut = page.evaluate("""() => [...document.querySelectorAll('.card, .card > *, header > *')].filter((node) =>
                        !node.matches('.scroll') && node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display != 'inline')
                        .map((node) => node.outerHTML.slice(0, 80))""")
                    self.assertEqual(cut, [])

    def test_a_long_error_is_a_paragraph_and_not_a_column_of_letters(self):
        for partitions in (1, 200):
            page = self.open(functools.partial(in_trouble, partitions), 320)
            message = page.get_by_text("could not serialize").last
            self.assertGreater(self.size(message, "width"), 200)
            self.assertLess(page.evaluate("document.scrollingElement.scrollHeight"), 8_000)

    def test_the_whole_of_a_long_error_can_be_read(self):
        page = self.open(in_trouble, 320)
        item = page.locator("#errors .item").first
        cut = self.size(item, "height")
        item.get_by_role("button", name="show all").click()
        self.assertGreater(self.size(item, "height"), cut)
        self.step(2)
        expect(item.get_by_role("button", name="show less")).to_be_visible()

    def test_a_wide_window_is_used(self):
        page = self.open(lambda: status(6), 2560)
        self.assertGreater(self.size(page.locator("main"), "width"), 1_600)

    def test_without_histories_there_are_no_empty_columns(self):
        page = self.open(lambda: status(200))
        expect(page.locator("td.plots:visible, th.plots:visible")).to_have_count(0)
        page = self.open(lambda: status(6))
        expect(page.locator("#partitions td.plots:visible")).to_have_count(12)
        self.assertEqual(page.locator("#table").evaluate("node => node.scrollWidth - node.clientWidth"), 0)

    def test_it_is_one_small_file_that_asks_only_its_daemon(self):
        self.assertLess(PAGE.stat().st_size, BYTES_MAX)
        asked: list[str] = []
        page = self.open()
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        expect(page.locator("#state")).to_have_text("ready")
        self.step(2)
        self.assertEqual([url for url in asked if not url.startswith((self.daemon.origin, "data:"))], [])


class PrefixTest(PageTest):
    def test_a_proxy_may_put_it_anywhere(self):
        for path in ("/a/usage/", "/a/usage"):
            page = self.open(prefix="/a/usage", path=path)
            expect(page.locator("#state")).to_have_text("ready")
            links = page.locator("footer a").evaluate_all("links => links.map((link) => link.pathname)")
            self.assertEqual(links, ["/a/usage/status", "/a/usage/metrics", "/a/usage/readyz"])
            self.assertTrue(all(each.startswith("/a/usage") for each in self.daemon.paths), self.daemon.paths)


class AccessibleTest(PageTest):
    """WCAG 2.1 AA, as far as axe can tell."""

    def violations(self) -> list[str]:
        self.page.evaluate(AXE_FILE_PATH.read_text() + ";0")
        found = self.page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})")
        return [f"{each['id']}: {node['html'][:120]} {node['failureSummary'][:300]}" for each in found["violations"] for node in each["nodes"]]

    def test_axe_finds_nothing(self):
        for scheme in ("light", "dark"):
            for width in (320, 1280):
                for name, answer in (("calm", lambda: status(6)), ("trouble", in_trouble), ("many", lambda: status(200))):
                    with self.subTest(scheme=scheme, width=width, state=name):
                        self.open(answer, width, color_scheme=scheme)
                        self.assertEqual(self.violations(), [])

    def test_axe_finds_nothing_in_old_figures(self):
        for scheme in ("light", "dark"):
            page = self.open(in_trouble, color_scheme=scheme)
            self.daemon.die()
            self.step()
            expect(page.locator("#state")).to_have_text("no answer")
            self.assertEqual(self.violations(), [])

    def test_every_control_works_by_keyboard(self):
        page = self.open(lambda: status(3))
        page.get_by_role("button", name="partition", exact=True).focus()
        page.keyboard.press("Enter")
        self.assertEqual(self.names()[0], "litellm.usage.v1[0]")
        page.locator(".scroll").focus()
        expect(page.locator(".scroll")).to_be_focused()
