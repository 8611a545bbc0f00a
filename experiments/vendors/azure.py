"""A minter for Azure Blob Storage: service SAS by the account's key (AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY).

    python3 azure.py --endpoint https://ACCOUNT.blob.core.windows.net --bucket CONTAINER

Without keys in the environment it signs for a testbed (`ttlsweep testbed --dialect azure`).
"""

import base64
import hashlib
import hmac
import os
import time

from loop import TESTBED_KEY, TESTBED_SECRET, query, serve
from urllib.parse import unquote

ACCOUNT = os.environ.get("AZURE_STORAGE_ACCOUNT", TESTBED_KEY)
KEY = base64.b64decode(os.environ.get("AZURE_STORAGE_KEY", base64.b64encode(TESTBED_SECRET.encode())))
VERSION = "2022-11-02"


def link(chosen, asked):
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(asked["now"] + asked["ttl_s"]))
    permissions = "cw" if asked["method"] == "PUT" else "r"
    resource = f"/blob/{ACCOUNT}{unquote(asked['path'])}"
    # Permissions, start, expiry, resource, policy, addresses, protocol, version, kind, snapshot, scope of encryption, and five
    # headers of the answer.
    lines = [permissions, "", expiry, resource, "", "", "", VERSION, "b", "", "", "", "", "", "", ""]
    signature = base64.b64encode(hmac.new(KEY, "\n".join(lines).encode(), hashlib.sha256).digest()).decode()
    signed = query({"sv": VERSION, "sr": "b", "sp": permissions, "se": expiry, "sig": signature})
    headers = {"x-ms-blob-type": "BlockBlob"} if asked["method"] == "PUT" else {}
    return {"url": f"{chosen.endpoint}{asked['path']}?{signed}", "headers": headers}


serve(link)
