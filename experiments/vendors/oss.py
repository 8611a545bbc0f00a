"""A minter for Alibaba Cloud OSS: signed URLs of version 4 or 1 (OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET).

    python3 oss.py --endpoint https://BUCKET.oss-REGION.aliyuncs.com --bucket "" --name BUCKET --region REGION [--version v4|v1]

Without keys in the environment it signs for a testbed (`ttlsweep testbed --dialect oss`).
"""

import base64
import hashlib
import hmac
import os
import time
from urllib.parse import unquote

from loop import TESTBED_KEY, TESTBED_SECRET, query, serve

KEY = os.environ.get("OSS_ACCESS_KEY_ID", TESTBED_KEY)
SECRET = os.environ.get("OSS_ACCESS_KEY_SECRET", TESTBED_SECRET)


def v4(asked, region, resource):
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(asked["now"]))
    scope = f"{date[:8]}/{region}/oss/aliyun_v4_request"
    text = query({
        "x-oss-credential": f"{KEY}/{scope}",
        "x-oss-date": date,
        "x-oss-expires": asked["ttl_s"],
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
    })
    request = f"{asked['method']}\n{resource}\n{text}\n\n\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"aliyun_v4{SECRET}".encode()
    for part in (*scope.split("/"), f"OSS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return f"{text}&x-oss-signature={key.hex()}"


def v1(asked, resource):
    expires = asked["now"] + asked["ttl_s"]
    text = f"{asked['method']}\n\n\n{expires}\n{unquote(resource)}"
    signature = base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return query({"OSSAccessKeyId": KEY, "Expires": expires, "Signature": signature})


def link(chosen, asked):
    # The bucket stands in the path or in the host, and is signed in the path.
    resource = (f"/{chosen.name}" if chosen.name else "") + asked["path"]
    signed = v4(asked, chosen.region, resource) if chosen.version == "v4" else v1(asked, resource)
    return {"url": f"{chosen.endpoint}{asked['path']}?{signed}"}


serve(link, version=["v4", "v1"], name="", region="us-east-1")
