"""A headless Chromium, spoken to over a pipe with the DevTools protocol: no driver, no port, no package."""

import json
import os
import selectors
import subprocess
import tempfile
import time


class Browser:
    """One browser with one empty tab; use it in a `with` statement. Of `options`, the last that says something counts."""

    def __init__(self, program, *options):
        self.home = tempfile.TemporaryDirectory(prefix="page-check-")
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # Chromium reads its commands from descriptor 3 and answers on 4; a plain sh knows no descriptor above 9. Every name
        # and every address leads nowhere, so that a page that wants the network fails here as it would on a plane.
        command = [
            "bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash",
            program, "--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--hide-scrollbars",
            "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=" + self.home.name,
            *options,
        ]
        if os.geteuid() == 0:
            # Root has no sandbox to go into.
            command.append("--no-sandbox")
        self.process = subprocess.Popen(
            command, pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._poll = selectors.DefaultSelector()
        self._poll.register(self._read, selectors.EVENT_READ)
        self._buffer = b""
        self._last = 0
        self.events = []
        target = self._send("Target.createTarget", {"url": "about:blank"}, session=False)["targetId"]
        attached = self._send("Target.attachToTarget", {"targetId": target, "flatten": True}, session=False)
        self._session = attached["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._write)
        os.close(self._read)
        # The browser's last children may still be writing there.
        for _ in range(20):
            try:
                self.home.cleanup()
                return
            except OSError:
                time.sleep(0.1)

    def call(self, method, **parameters):
        """Asks the tab and returns the answer."""
        return self._send(method, parameters)

    def evaluate(self, expression):
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def open(self, url, within_s=60):
        """Opens a page and waits until everything that it asks for is there."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        self._wait_for(lambda: any(event["method"] == "Page.loadEventFired" for event in self.events), within_s)

    def _send(self, method, parameters, session=True):
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data):]
        answers = []
        self._wait_for(lambda: answers, 120, lambda got: got.get("id") == message["id"] and answers.append(got))
        if "error" in answers[0]:
            raise RuntimeError(f"{method}: {answers[0]['error']}")
        return answers[0]["result"]

    def _wait_for(self, done, within_s, take=lambda _: None):
        until = time.monotonic() + within_s
        while not done():
            while b"\0" not in self._buffer:
                if not self._poll.select(max(0, until - time.monotonic())):
                    raise TimeoutError("the browser does not answer")
                read = os.read(self._read, 1 << 20)
                if not read:
                    raise RuntimeError(f"the browser ended with {self.process.wait(10)}")
                self._buffer += read
            message, _, self._buffer = self._buffer.partition(b"\0")
            got = json.loads(message)
            if "method" in got:
                self.events.append(got)
            take(got)
