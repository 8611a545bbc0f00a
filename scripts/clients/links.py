"""Presigned links of Signature Version 4, with the instant at which they expire of our own choice."""

import hashlib
import hmac
import math
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import quote, urlsplit

REGION = "us-east-1"
LONG_S = 3600


@dataclass(frozen=True)
class Keys:
    """What links are signed with."""

    access: str
    secret: str


def link(method: str, address: str, keys: Keys, left_s: float = LONG_S) -> str:
    """A link for `address` that lives for about `left_s` more; one that is below zero has expired."""
    # A link begins and ends with a whole second.
    expires_at = math.ceil(time.time() + left_s - 0.5) if left_s > 0 else math.floor(time.time()) - 60
    signed_at = min(expires_at - 1, math.floor(time.time()))
    return _signed(method, address, keys, signed_at, expires_at - signed_at)


def _signed(method, address, keys, signed_at, ttl_s) -> str:
    parts = urlsplit(address)
    stamp = datetime.fromtimestamp(signed_at, timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys.access}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(ttl_s),
        "X-Amz-SignedHeaders": "host",
    }
    canonical = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in sorted(query.items()))
    request = "\n".join([method, parts.path, canonical, f"host:{parts.netloc}\n", "host", "UNSIGNED-PAYLOAD"])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{keys.secret}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    return f"{address}?{canonical}&X-Amz-Signature={hmac.digest(key, to_sign.encode(), 'sha256').hex()}"
