"""A minter for uploads by HTML forms: a POST policy of S3's, signed with Version 4 (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY).

    python3 post.py --endpoint https://s3.REGION.amazonaws.com --bucket BUCKET --region REGION

Without keys in the environment it signs for a testbed (`ttlsweep testbed --dialect post`).
"""

import base64
import hashlib
import hmac
import json
import os
import time
from urllib.parse import unquote

from loop import TESTBED_KEY, TESTBED_SECRET, serve

KEY = os.environ.get("AWS_ACCESS_KEY_ID", TESTBED_KEY)
SECRET = os.environ.get("AWS_SECRET_ACCESS_KEY", TESTBED_SECRET)


def form(chosen, asked):
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(asked["now"]))
    scope = f"{date[:8]}/{chosen.region}/s3/aws4_request"
    key = unquote(asked["path"]).removeprefix(f"/{chosen.bucket}").removeprefix("/")
    fields = {
        "key": key,
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{KEY}/{scope}",
        "x-amz-date": date,
    }
    if token := os.environ.get("AWS_SESSION_TOKEN"):
        fields["x-amz-security-token"] = token
    conditions = [{"bucket": chosen.bucket}, *({name: value} for name, value in fields.items())]
    expiration = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(asked["now"] + asked["ttl_s"]))
    policy = base64.b64encode(json.dumps({"expiration": expiration, "conditions": conditions}).encode()).decode()
    signing_key = f"AWS4{SECRET}".encode()
    for part in (*scope.split("/"), policy):
        signing_key = hmac.new(signing_key, part.encode(), hashlib.sha256).digest()
    fields |= {"policy": policy, "x-amz-signature": signing_key.hex()}
    return {"url": f"{chosen.endpoint}/{chosen.bucket}", "fields": fields}


serve(form, region="us-east-1")
