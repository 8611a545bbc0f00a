"""What is asked of a page, each as a list of what is wrong with it: empty if nothing is."""

import base64

WIDTHS = {"desk": 1280, "phone": 390}


def resources(browser, page):
    """Nothing is loaded but the page itself, and nothing complains."""
    wrong = []
    for event in browser.events:
        method, said = event["method"], event["params"]
        if method == "Network.requestWillBeSent":
            url = said["request"]["url"]
            if url != page and not url.startswith("data:"):
                wrong.append(f"it asks for {url[:100]}")
        elif method == "Runtime.exceptionThrown":
            wrong.append(f"a script failed: {said['exceptionDetails']['text']}")
        elif method == "Runtime.consoleAPICalled":
            wrong.append(f"a script said: {said['args']}")
        elif method == "Log.entryAdded":
            wrong.append(f"{said['entry']['level']}: {said['entry']['text']}")
    if browser.evaluate("document.scripts.length"):
        wrong.append("it has a script")
    return wrong


def structure(browser):
    """Headings, tables, pictures and landmarks as those need them who hear the page."""
    wrong = []
    if browser.evaluate("document.documentElement.lang") != "en":
        wrong.append("it does not say its language")
    levels = browser.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    if levels.count(1) != 1 or levels[0] != 1:
        wrong.append(f"it needs one h1, first: {levels}")
    wrong += [f"a heading of level {a} is followed by one of level {b}" for a, b in zip(levels, levels[1:]) if b > a + 1]
    for what, selector in {
        "a table's head without scope": "th:not([scope])",
        "a picture without words": "img:not([alt]), img[alt=''], svg[role=img]:not([aria-label])",
        "a second of the same id": "[id]",
        "an empty heading": "h1:empty, h2:empty, h3:empty",
    }.items():
        found = browser.evaluate(f"[...document.querySelectorAll({selector!r})].map(e => e.id || e.outerHTML.slice(0, 80))")
        if selector == "[id]":
            found = sorted({name for name in found if found.count(name) > 1})
        wrong += [f"{what}: {one}" for one in found]
    broken = "[...document.images].filter(i => !i.complete || i.naturalWidth < 400).map(i => i.alt)"
    wrong += [f"a picture is not shown: {alt}" for alt in browser.evaluate(broken)]
    narrow = "s => s.checkVisibility() && s.getBoundingClientRect().width < 300"
    small = f"[...document.querySelectorAll('svg[role=img]')].filter({narrow})"
    wrong += [f"a chart is not shown: {words}" for words in browser.evaluate(small + ".map(s => s.ariaLabel)")]
    if not browser.evaluate("document.querySelectorAll('svg[role=img]').length"):
        wrong.append("it has no charts")
    # The end of a line must not part a number from its unit; what is copied and what is drawn stay as they are.
    loose = "n => n.nodeType === 3 && /\\d (%|s|ms|min|h|MB)(?![\\w/])/.test(n.data)"
    read = "[...document.querySelectorAll('body *')].filter(e => !e.closest('code, pre, svg'))"
    loose = f"{read}.flatMap(e => [...e.childNodes].filter({loose})).map(n => n.data.trim().slice(0, 80))"
    wrong += [f"a unit may be parted from its number: {text}" for text in browser.evaluate(loose)]
    # What is cut off must be reachable from the keyboard.
    stuck = "[...document.querySelectorAll('.scroll, .chart')].filter(e => e.tabIndex < 0).length"
    if browser.evaluate(stuck):
        wrong.append("something that scrolls cannot be reached by keyboard")
    return wrong


def fit(browser, width):
    """The page is not a wider than the screen; what is, scrolls on its own."""
    # Not innerWidth: a phone zooms out until everything fits.
    found = browser.evaluate("document.documentElement.scrollWidth")
    wrong = [f"it is {found} px wide on a screen of {width} px"] if found > width else []
    # What tells the story is read without moving it about, in letters that can be read.
    story = "[...document.querySelectorAll('#story ~ figure svg[role=img]')].filter(s => s.checkVisibility())"
    wide = browser.evaluate(f"{story}.filter(s => s.getBoundingClientRect().right > {width}).map(s => s.ariaLabel.slice(0, 60))")
    letters = "t => parseFloat(t.getAttribute('font-size')) * t.ownerSVGElement.getScreenCTM().a"
    least = browser.evaluate(f"Math.min(...{story}.flatMap(s => [...s.querySelectorAll('text')]).map({letters}))")
    wrong += [f"a chart of the story is wider than the screen: {one}" for one in wide]
    return wrong + ([f"letters of the story's charts are {least:.1f} px high"] if least is not None and least < 9 else [])


def contrast(browser):
    """Text against what lies behind it, by WCAG's formula: at least 4.5 to 1."""
    return browser.evaluate(CONTRAST)


def look(browser, width, dark=False):
    """Shows the page on a screen of that width."""
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=900 if width > 500 else 844,
        deviceScaleFactor=1 if width > 500 else 2, mobile=width <= 500,
    )
    scheme = "dark" if dark else "light"
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


def picture(browser, path, whole=True):
    """Takes a picture of the page, of all of it or of the first screen."""
    shot = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
    path.write_bytes(base64.b64decode(shot["data"]))


def print_to(browser, path):
    """Prints the page; returns what is wrong with the print."""
    browser.call("Emulation.setEmulatedMedia", features=[])
    pdf = base64.b64decode(browser.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
    path.write_bytes(pdf)
    return [] if pdf.startswith(b"%PDF-") and len(pdf) > 10_000 else ["it cannot be printed"]


CONTRAST = """(() => {
    const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => {
        const line = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        return 0.2126 * line(r) + 0.7152 * line(g) + 0.0722 * line(b);
    };
    const behind = element => {
        for (let e = element; e; e = e.parentElement) {
            const colour = parts(getComputedStyle(e).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const wrong = new Set();
    for (const e of document.querySelectorAll('body *')) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
        const style = getComputedStyle(e), drawn = e instanceof SVGElement;
        // Text of the paper's colour stands on a dark mark of its drawing, which no style tells of.
        if (drawn && String(parts(style.fill)) === String(behind(e).slice(0, 3))) continue;
        const pair = [light(parts(drawn ? style.fill : style.color)), light(behind(e))].sort((a, b) => b - a);
        const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (ratio < 4.5) wrong.add(`${e.tagName} "${e.textContent.trim().slice(0, 40)}" has a contrast of ${ratio.toFixed(2)}`);
    }
    return [...wrong];
})()"""
