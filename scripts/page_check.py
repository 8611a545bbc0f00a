#!/usr/bin/env python3
"""Opens a report's page in a headless Chromium from disk, with the network off, as a reader would: at a desk, on a phone,
in the dark, on paper. Prints what is wrong with it and exits with 1, or says that nothing is.

Pictures of all of it go to --out.
"""

import argparse
import sys
from pathlib import Path

from page_check import checks
from page_check.browser import Browser

# A page that nobody can mail is of no use.
MOST_BYTES = 2_000_000


def check(browser, page, out):
    url = page.resolve().as_uri()
    wrong = []
    for name, width in checks.WIDTHS.items():
        for dark in (False, True):
            checks.look(browser, width, dark)
            browser.open(url)
            view = f"{name}{'-dark' if dark else ''}"
            found = checks.resources(browser, url) + checks.structure(browser)
            found += checks.fit(browser, width) + checks.contrast(browser)
            wrong += [f"{view}: {one}" for one in found]
            checks.picture(browser, out / f"{view}.png")
            checks.picture(browser, out / f"{view}-first-screen.png", whole=False)
    checks.look(browser, checks.WIDTHS["desk"])
    browser.open(url)
    wrong += [f"print: {one}" for one in checks.print_to(browser, out / "print.pdf")]
    if page.stat().st_size > MOST_BYTES:
        wrong.append(f"it has {page.stat().st_size} bytes, more than {MOST_BYTES}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", metavar="report.html", type=Path, nargs="+")
    parser.add_argument("--browser", required=True, help="a Chromium, as scripts/chromium.sh prints")
    parser.add_argument("--out", type=Path, default=Path("target/page-check"), help="where the pictures go")
    args = parser.parse_args()
    failed = False
    with Browser(args.browser) as browser:
        for domain in ("Page", "Runtime", "Network", "Log"):
            browser.call(f"{domain}.enable")
        browser.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
        for number, page in enumerate(args.pages, 1):
            out = args.out if len(args.pages) == 1 else args.out / str(number)
            out.mkdir(parents=True, exist_ok=True)
            wrong = check(browser, page, out)
            for line in wrong:
                print(f"{page}: {line}")
            if not wrong:
                print(f"{page}: nothing wrong at 1280 and 390 px, light, dark and printed; pictures in {out}")
            failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
