"""What the minters beside this file have in common: lines in, lines out (see docs/links.md), and their arguments."""

import argparse
import json
import sys
import time
from urllib.parse import quote, urlsplit

TESTBED_KEY, TESTBED_SECRET = "ttlsweep-testbed", "ttlsweep-testbed-secret"


def serve(answer, **choices):
    """Answers each line with what `answer` makes of it: of the chosen arguments, and of a dict with `method`, `path`, `ttl_s`,
    `now` and `host`. A keyword is an argument more, with the values that it may have, or its default."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--endpoint", default="http://127.0.0.1:9000")
    arguments.add_argument("--bucket", default="ttlsweep", help="or container; empty if the host names it")
    for name, values in choices.items():
        is_list = isinstance(values, list)
        arguments.add_argument(
            f"--{name}", choices=values if is_list else None, default=values[0] if is_list else values
        )
    chosen = arguments.parse_args()
    for line in sys.stdin:
        asked = json.loads(line)
        # Downloads all read one object, which has to be there.
        name = asked["transfer_id"] if asked["method"] == "PUT" else f"download-{asked['size_bytes']}"
        bucket = f"/{chosen.bucket}" if chosen.bucket else ""
        asked |= {
            "path": quote(f"{bucket}/links/{name}"),
            "now": int(time.time()),
            "host": urlsplit(chosen.endpoint).netloc,
        }
        print(json.dumps(answer(chosen, asked)), flush=True)


def query(parameters):
    """A query, with everything encoded but unreserved characters."""
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parameters.items())
