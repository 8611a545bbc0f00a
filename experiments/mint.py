"""A minter for `kind = "links"`, and an example of one: presigned links for a bucket, as a backend would make them.

It reads a line of JSON for each link and answers with one (see docs/links.md). Keys come from the environment
(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN if there is one); nothing but Python is needed.

    python3 mint.py --endpoint http://127.0.0.1:9000 --bucket ttlsweep [--signature v4|v2] [--region us-east-1]
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import sys
import time
from urllib.parse import quote, urlsplit


def v4(method, host, path, ttl_s, region, key, secret, token):
    """Signature Version 4: a date, and how long the link lives from there."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{key}/{scope}",
        "X-Amz-Date": now,
        "X-Amz-Expires": str(ttl_s),
        "X-Amz-SignedHeaders": "host",
    }
    if token:
        query["X-Amz-Security-Token"] = token
    encoded = "&".join(f"{name}={quote(query[name], safe='')}" for name in sorted(query))
    request = f"{method}\n{path}\n{encoded}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(request.encode()).hexdigest()
    signing_key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"):
        signing_key = hmac.new(signing_key, part.encode(), hashlib.sha256).digest()
    return f"{encoded}&X-Amz-Signature={signing_key.hex()}"


def v2(method, path, ttl_s, key, secret, token):
    """Signature Version 2, with which some SDKs presign by default: the second in which the link expires."""
    expires = int(time.time()) + ttl_s
    signed_token = f"x-amz-security-token:{token}\n" if token else ""
    text = f"{method}\n\n\n{expires}\n{signed_token}{path}"
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
    query = {"AWSAccessKeyId": key, "Expires": str(expires), "Signature": signature}
    if token:
        query["x-amz-security-token"] = token
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--endpoint", default="http://127.0.0.1:9000")
    arguments.add_argument("--bucket", default="ttlsweep")
    arguments.add_argument("--region", default="us-east-1")
    arguments.add_argument("--signature", choices=["v4", "v2"], default="v4")
    chosen = arguments.parse_args()
    key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    token = os.environ.get("AWS_SESSION_TOKEN")
    host = urlsplit(chosen.endpoint).netloc
    for line in sys.stdin:
        asked = json.loads(line)
        method, ttl_s = asked["method"], asked["ttl_s"]
        # Downloads all read one object, which has to be there.
        name = asked["transfer_id"] if method == "PUT" else f"download-{asked['size_bytes']}"
        path = quote(f"/{chosen.bucket}/links/{name}")
        if chosen.signature == "v4":
            query = v4(method, host, path, ttl_s, chosen.region, key, secret, token)
        else:
            query = v2(method, path, ttl_s, key, secret, token)
        print(json.dumps({"url": f"{chosen.endpoint}{path}?{query}", "method": method}), flush=True)


if __name__ == "__main__":
    main()
