"""XMLHttpRequest and fetch in a headless Chromium; its words are what a page's program gets, and what the console adds."""

import json
from typing import Dict, Optional

from page_check.browser import Browser

from .causes import BODY
from .client import TIMEOUT_S, Client, Said

# The page asks loopback from an origin of its own, as pages with presigned links ask a store.
OPTIONS = [
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
    "--ignore-certificate-errors",
    "--disable-features=LocalNetworkAccessChecks,PrivateNetworkAccessForNavigations,BlockInsecurePrivateNetworkRequests",
]
PAGE = f"""
window.body = new Blob([new Uint8Array({BODY})]);
window.ask = {{
  async fetch(method, url) {{
    const options = {{ method, signal: AbortSignal.timeout({TIMEOUT_S * 1000}), cache: 'no-store' }};
    if (method === 'PUT') options.body = window.body;
    try {{
      const answer = await fetch(url, options);
      const text = await answer.text();
      return {{ status: answer.status, body: answer.ok ? '' : text.slice(0, 2000), error: '' }};
    }} catch (error) {{
      return {{ status: 0, body: '', error: error.name + ': ' + error.message }};
    }}
  }},
  XMLHttpRequest(method, url) {{
    return new Promise((resolve) => {{
      const request = new XMLHttpRequest();
      request.open(method, url);
      request.timeout = {TIMEOUT_S * 1000};
      const ended = (event) => resolve(event.type === 'load'
        ? {{ status: request.status, body: request.status < 300 ? '' : request.responseText.slice(0, 2000), error: '' }}
        : {{ status: request.status, body: '', error: event.type + ' event, status ' + request.status }});
      for (const type of ['load', 'error', 'timeout', 'abort']) request.addEventListener(type, ended);
      request.send(method === 'PUT' ? window.body : null);
    }});
  }},
}};
"""


class InBrowser(Client):
    """One way to ask from a page. A connection has always carried something before: the preflight of the upload, at least."""

    def __init__(self, how: str, version: str, program: str):
        super().__init__(f"Chromium {how}", version, connections=("kept",))
        self._how, self._program = how, program
        self._browser: Optional[Browser] = None

    def prepare(self, certificate: str):
        if self._browser is None:
            self._browser = Browser(self._program, *OPTIONS)
            self._browser.call("Network.enable")
            self._browser.evaluate(PAGE + "; null")

    def ask(self, job: Dict, certificate: str) -> Said:
        self.prepare(certificate)
        if job["warm"] and job["pause_s"]:
            self._browser.evaluate(f"fetch({json.dumps(job['warm'])}).then((answer) => answer.text())")
            self._browser.evaluate(f"new Promise((wake) => setTimeout(wake, {job['pause_s'] * 1000}))")
        self._browser.events.clear()
        asked = f"{json.dumps(job['method'].upper())}, {json.dumps(job['url'])}"
        told = self._browser.evaluate(f"window.ask.{self._how}({asked})")
        if told["error"]:
            # What the console says beside it.
            failed = [one["params"] for one in self._browser.events if one["method"] == "Network.loadingFailed"]
            reasons = [one for one in dict.fromkeys(params.get("errorText", "") for params in failed) if one]
            told["error"] += f" ({', '.join(reasons)})" if reasons else ""
        return Said.of(**told)

    def close(self):
        if self._browser:
            self._browser.__exit__()
        self._browser = None
