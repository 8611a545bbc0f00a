"""A minter for Alibaba Cloud OSS: signed URLs of version 1 (OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET).

    python3 oss.py --endpoint https://BUCKET.oss-REGION.aliyuncs.com --bucket "" --name BUCKET

Without keys in the environment it signs for a testbed (`ttlsweep testbed --dialect oss`).
"""

import base64
import hashlib
import hmac
import os
from urllib.parse import unquote

from loop import TESTBED_KEY, TESTBED_SECRET, query, serve

KEY = os.environ.get("OSS_ACCESS_KEY_ID", TESTBED_KEY)
SECRET = os.environ.get("OSS_ACCESS_KEY_SECRET", TESTBED_SECRET)


def link(chosen, asked):
    expires = asked["now"] + asked["ttl_s"]
    # The bucket stands in the path or in the host, and is signed in the path.
    bucket = f"/{chosen.name}" if chosen.name else ""
    text = f"{asked['method']}\n\n\n{expires}\n{bucket}{unquote(asked['path'])}"
    signature = base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()).decode()
    signed = query({"OSSAccessKeyId": KEY, "Expires": expires, "Signature": signature})
    return {"url": f"{chosen.endpoint}{asked['path']}?{signed}"}


serve(link, name="")
