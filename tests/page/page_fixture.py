"""PageTest: the status page in Chromium, with answers of /status and a clock that the test controls."""
import typing
import unittest

from fake_daemon import FakeDaemon, Status, iso, status
from playwright.sync_api import Browser, Locator, Page, Playwright, expect, sync_playwright

# The page's timer runs when the test says so. A step ends when the page has set its next timer.
STEPPED_CLOCK = """
  let due = null, wait = 0, later = 0, onTimer = () => {};
  const now = Date.now.bind(Date);
  Date.now = () => now() + later;
  const realTimeout = window.setTimeout.bind(window);  // axe has timers too, all of them short
  window.setTimeout = (work, milliseconds = 0, ...rest) => {
    if (milliseconds < 2000) return realTimeout(work, milliseconds, ...rest);
    due = work; wait = milliseconds; onTimer();
  };
  window.step = () => new Promise((done) => { onTimer = done; later += wait; due(); });
"""
LONG = "ERROR: could not serialize access due to concurrent update " + "detail " * 40 + "x" * 150


def error(message: str, times: int = 1, source: str = "postgres") -> Status:
    return {"time": iso(30), "source": source, "message": message, "times": times}


def in_trouble(partitions: int = 3) -> Status:
    """Everything that an operator must see, in one answer."""
    made = status(partitions, ready=False, reason="PostgreSQL does not answer: " + LONG, postgres_up=False,
                  errors=[error(f"{i} {LONG}", i) for i in range(20)])
    made["totals"] |= {"gap_records": 123, "subscriptions_suspended": 7}
    made["partitions"][0] |= {"gap_records": 123, "dead_lettered": 45, "lag_records": None, "lag_seconds": None,
                              "catch_up_seconds": None,
                              "stuck": {"reason": "refused", "offset": 99, "since": iso(600), "why": LONG}}
    made["partitions"][-1]["topic"] = "a-very-long-topic-" * 8
    since = iso(90)
    made["held"] = [{"lane": 1, "since": since, "records": 1234, "why": "23514: " + LONG}]
    made["isolated"] = [{"what": "subscription 4711", "since": since, "events": 17, "why": "P0001: " + LONG},
                        {"what": "subscription 4712", "since": since, "events": 1, "why": "P0001: " + LONG}]
    return made


class PageTest(unittest.TestCase):
    playwright: Playwright
    browser: Browser

    @classmethod
    def setUpClass(cls) -> None:
        cls.playwright = sync_playwright().start()
        # As root Chromium cannot use its sandbox; the page is our own.
        cls.browser = cls.playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        expect.set_options(timeout=5_000)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.browser.close()
        cls.playwright.stop()

    def open(self, answer: typing.Callable[[], Status] = status, width: int = 1280, prefix: str = "",
             path: str | None = None, **context: typing.Any) -> Page:
        self.daemon = FakeDaemon(answer, prefix)
        self.addCleanup(self.daemon.die)
        window = self.browser.new_context(viewport={"width": width, "height": 900}, **context)
        self.addCleanup(window.close)
        self.page = window.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda problem: self.problems.append(str(problem)))
        self.page.on("console", lambda message: self.problems.append(message.text)
                     if message.type == "error" and "Failed to load resource" not in message.text else None)
        self.addCleanup(lambda: self.assertEqual(self.problems, []))
        self.page.add_init_script(STEPPED_CLOCK)
        self.page.goto(self.daemon.origin + path if path is not None else self.daemon.url)
        expect(self.page.locator("#state")).not_to_have_text("loading")
        return self.page

    def step(self, count: int = 1) -> None:
        """Lets the page ask as often as that, and show what it got."""
        for _ in range(count):
            self.page.evaluate("window.step()")

    @staticmethod
    def size(locator: Locator, name: str) -> float:
        return locator.evaluate(f"node => node.getBoundingClientRect().{name}")

    def names(self) -> list[str]:
        return self.page.locator("#partitions tr .name").all_inner_texts()

    def row(self, name: str) -> Locator:
        return self.page.locator("#partitions tr", has=self.page.locator(f".name >> text='{name}'"))
