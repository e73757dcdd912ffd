#!/usr/bin/env python3
"""Writes pictures of a running status page: take_pictures.py URL FOLDER (tests/page/python runs it)."""
import sys
import typing

from playwright.sync_api import expect, sync_playwright

# name, width, height, scheme; a narrow window shows all of the page in one picture.
PICTURES: tuple[tuple[str, int, int, typing.Literal["light", "dark"]], ...] = (("status-page", 1280, 1000, "light"), ("status-page-wide", 2560, 1100, "dark"), ("status-page-narrow", 360, 1400, "light"))


def main(url: str, folder: str) -> None:
    with sync_playwright() as playwright:
        # As root Chromium cannot use its sandbox; the page is our own.
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium",
                                             args=["--no-sandbox", "--force-color-profile=srgb"])
        for name, width, height, scheme in PICTURES:
            window = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = window.new_page()
            page.goto(url)
            expect(page.locator("#partitions tr").first).to_be_visible()
            page.screenshot(path=f"{folder}/{name}.png")
            window.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
