"""What a client said, without what differs from one transfer to the next: ports, addresses, keys, counts, places in memory."""

import re

STEPS = [
    # A link's query is a secret anywhere else, and noise here.
    (r"\?(?:X-Amz-|uploadId=|partNumber=)[^\s'\")]*", "?…"),
    (r"\bttlsweep/(?:t\d+-[\w-]+|warm)", "BUCKET/KEY"),
    (r"\b(?:localhost|127\.0\.0\.1|\[::1\]|::1):\d+", "HOST:PORT"),
    (r"host='(?:localhost|127\.0\.0\.1)', port=\d+", "host='HOST', port=PORT"),
    (r"\b(?:localhost|127\.0\.0\.1)(?= port \d)", "HOST"),
    (r"\bport \d+", "port PORT"),
    (r"\b0x[0-9a-f]{4,}", "0x…"),
    (r"\b_ssl\.c:\d+", "_ssl.c:N"),
    (r"(?<![\w.])/(?:\w[\w.+-]*/)+[\w.+-]+\.(?:py|mjs|js|bin|out)\b", "FILE"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?", "TIME"),
    (r"\b\d+ (?=milliseconds\b|ms\b|bytes\b|out of\b)", "N "),
    (r"\b\d{4,}\b", "N"),
]


def normalised(text: str) -> str:
    """One line of what a client said."""
    text = " ".join(text.split())
    for pattern, instead in STEPS:
        text = re.sub(pattern, instead, text)
    return text.strip()


def of_answer(status: int, body: str) -> str:
    """An answer that a client brought back, in its own words."""
    code, message = (re.search(rf"<{name}>(.*?)</{name}>", body, re.DOTALL) for name in ("Code", "Message"))
    words = f"{status} {code.group(1)}" if code else str(status)
    return f"{words}: {message.group(1)}" if message and message.group(1).strip() else words
