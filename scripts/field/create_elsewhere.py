"""Waits until an emulator of others answers, and creates a bucket there: create_elsewhere.py ENDPOINT BUCKET SECONDS KIND.

Runs with nothing but Python; of Azure Storage the key comes from the variables of experiments/vendors/azure.py.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

VERSION = "2022-11-02"


def azure(endpoint, container):
    """By a shared access signature of the account."""
    account, key = os.environ["AZURE_STORAGE_ACCOUNT"], base64.b64decode(os.environ["AZURE_STORAGE_KEY"])
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
    # Account, permissions, services, kinds of resource, start, expiry, addresses, protocol, version, scope of encryption.
    text = "\n".join([account, "cw", "b", "sco", "", expiry, "", "", VERSION, "", ""])
    signature = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    signed = {"sv": VERSION, "ss": "b", "srt": "sco", "sp": "cw", "se": expiry, "sig": signature}
    query = urlencode({"restype": "container", **signed})
    return Request(f"{endpoint}/{account}/{container}?{query}", data=b"", method="PUT")


def gcs(endpoint, bucket):
    body = json.dumps({"name": bucket}).encode()
    return Request(f"{endpoint}/storage/v1/b?project=field", data=body, headers={"Content-Type": "application/json"})


def main(endpoint, bucket, seconds, kind):
    opener, deadline = build_opener(ProxyHandler({})), time.monotonic() + float(seconds)
    while True:
        try:
            return opener.open({"azure": azure, "gcs": gcs}[kind](endpoint, bucket), timeout=5).close()
        except HTTPError as error:
            sys.exit(f"the bucket is refused: {error}: {error.read()}")
        except (URLError, OSError) as error:
            if time.monotonic() > deadline:
                sys.exit(f"the server is not ready in time: {error}")
            time.sleep(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
