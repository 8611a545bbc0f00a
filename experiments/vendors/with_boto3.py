"""A minter that asks boto3 for presigned links, with nothing set that need not be: these are of Signature Version 2.

    python3 with_boto3.py --endpoint http://127.0.0.1:9000 --bucket ttlsweep

That is how many a backend makes its links. It needs boto3; keys come from where boto3 looks for them.
"""

from urllib.parse import unquote

import boto3
from loop import serve

CLIENTS = {}


def link(chosen, asked):
    # A client takes half a second to make.
    if chosen.endpoint not in CLIENTS:
        CLIENTS[chosen.endpoint] = boto3.client("s3", endpoint_url=chosen.endpoint, region_name="us-east-1")
    operation = "put_object" if asked["method"] == "PUT" else "get_object"
    _, bucket, key = unquote(asked["path"]).split("/", 2)
    ask = {"Params": {"Bucket": bucket, "Key": key}, "ExpiresIn": asked["ttl_s"]}
    return {"url": CLIENTS[chosen.endpoint].generate_presigned_url(operation, **ask)}


serve(link)
