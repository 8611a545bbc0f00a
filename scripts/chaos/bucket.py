"""What lies in a bucket, asked in the plainest way: signed by hand, so that no code under test is believed."""

import hashlib
import hmac
import re
import time
import urllib.request
from typing import Dict, List


def contents(endpoint: str, bucket: str, environment: Dict[str, str]) -> List[str]:
    """The keys of its objects and of its unfinished multipart uploads."""
    listed = [_get(endpoint, bucket, query, environment) for query in ("list-type=2", "uploads=")]
    return [key for answer in listed for key in re.findall("<Key>([^<]*)</Key>", answer)]


def _get(endpoint: str, bucket: str, query: str, environment: Dict[str, str]) -> str:
    now, host = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), endpoint.split("//")[1]
    empty = hashlib.sha256(b"").hexdigest()
    scope = f"{now[:8]}/{environment['AWS_REGION']}/s3/aws4_request"
    names = "host;x-amz-content-sha256;x-amz-date"
    head = f"host:{host}\nx-amz-content-sha256:{empty}\nx-amz-date:{now}\n"
    request = f"GET\n/{bucket}\n{query}\n{head}\n{names}\n{empty}"
    to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{environment['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in [*scope.split("/"), to_sign]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    credential = f"{environment['AWS_ACCESS_KEY_ID']}/{scope}"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={names},Signature={key.hex()}",
        "x-amz-content-sha256": empty,
        "x-amz-date": now,
    }
    # A proxy of the environment has no business on loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(f"{endpoint}/{bucket}?{query}", headers=headers)
    with opener.open(asked, timeout=30) as answer:
        return answer.read().decode()
