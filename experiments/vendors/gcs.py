"""A minter for Google Cloud Storage: signed URLs of version 4 or 2 by an HMAC key (GCS_HMAC_ID, GCS_HMAC_SECRET).

    python3 gcs.py --endpoint https://storage.googleapis.com --bucket BUCKET [--version v4|v2]

Without keys in the environment it signs for a testbed (`ttlsweep testbed --dialect gcs`).
"""

import base64
import hashlib
import hmac
import os
import time

from loop import TESTBED_KEY, TESTBED_SECRET, query, serve

KEY = os.environ.get("GCS_HMAC_ID", TESTBED_KEY)
SECRET = os.environ.get("GCS_HMAC_SECRET", TESTBED_SECRET)


def v4(asked):
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(asked["now"]))
    scope = f"{date[:8]}/auto/storage/goog4_request"
    text = query({
        "X-Goog-Algorithm": "GOOG4-HMAC-SHA256",
        "X-Goog-Credential": f"{KEY}/{scope}",
        "X-Goog-Date": date,
        "X-Goog-Expires": asked["ttl_s"],
        "X-Goog-SignedHeaders": "host",
    })
    request = f"{asked['method']}\n{asked['path']}\n{text}\nhost:{asked['host']}\n\nhost\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"GOOG4{SECRET}".encode()
    for part in (*scope.split("/"), f"GOOG4-HMAC-SHA256\n{date}\n{scope}\n{digest}"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return f"{text}&X-Goog-Signature={key.hex()}"


def v2(asked):
    expires = asked["now"] + asked["ttl_s"]
    text = f"{asked['method']}\n\n\n{expires}\n{asked['path']}"
    signature = base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return query({"GoogleAccessId": KEY, "Expires": expires, "Signature": signature})


def link(chosen, asked):
    signed = v4(asked) if chosen.version == "v4" else v2(asked)
    return {"url": f"{chosen.endpoint}{asked['path']}?{signed}"}


serve(link, version=["v4", "v2"])
