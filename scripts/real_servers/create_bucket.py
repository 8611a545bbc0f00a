"""Waits until an S3 server answers, and creates a bucket there: create_bucket.py ENDPOINT BUCKET SECONDS.

Runs in the servers' own environment, since it needs boto3; the keys come from the AWS variables.
"""

import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def main(endpoint, bucket, seconds):
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5, s3={"addressing_style": "path"})
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=once)
    deadline = time.monotonic() + float(seconds)
    until_it_works(lambda: client.create_bucket(Bucket=bucket), deadline)
    # A server of several parts can answer before all of them are there.
    until_it_works(lambda: client.put_object(Bucket=bucket, Key="ready", Body=b"ready"), deadline)


def until_it_works(ask, deadline):
    while True:
        try:
            return ask()
        except (BotoCoreError, ClientError) as error:
            if time.monotonic() > deadline:
                sys.exit(f"the server is not ready in time: {error}")
            time.sleep(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
