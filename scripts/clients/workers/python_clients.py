"""One of Python's clients: reads jobs from stdin, a JSON object a line, and answers each with what the client said.

python_clients.py CLIENT CERTIFICATE. Each job has a session of its own, so that its connection is fresh unless `warm` names
something to be asked first.
"""

import json
import os
import re
import sys
import time
import traceback
import urllib.error
import urllib.request

TIMEOUT_S = 4


def pause(job):
    time.sleep(job["pause_s"])


def use_requests(job, certificate):
    import requests

    with requests.Session() as session:
        session.verify = certificate or True
        if job["warm"]:
            session.request(job["warm_method"], job["warm"], timeout=TIMEOUT_S)
            pause(job)
        if job["method"] == "get":
            answer = session.get(job["url"], timeout=TIMEOUT_S)
        else:
            with open(job["file"], "rb") as body:
                answer = session.put(job["url"], data=body, timeout=TIMEOUT_S)
        return answer.status_code, answer.content


def use_urllib3(job, certificate):
    import urllib3

    pool = urllib3.PoolManager(ca_certs=certificate or None, timeout=TIMEOUT_S)
    if job["warm"]:
        pool.request(job["warm_method"], job["warm"])
        pause(job)
    if job["method"] == "get":
        answer = pool.request("GET", job["url"])
    else:
        with open(job["file"], "rb") as body:
            headers = {"Content-Length": str(os.path.getsize(job["file"]))}
            answer = pool.request("PUT", job["url"], body=body, headers=headers)
    return answer.status, answer.data


def use_urllib(job, certificate):
    import ssl

    context = ssl.create_default_context(cafile=certificate) if certificate else None
    body = open(job["file"], "rb") if job["method"] == "put" else None
    headers = {"Content-Length": str(os.path.getsize(job["file"]))} if body else {}
    request = urllib.request.Request(job["url"], data=body, headers=headers, method=job["method"].upper())
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def use_httpx(job, certificate):
    import ssl

    import httpx

    verify = ssl.create_default_context(cafile=certificate) if certificate else True
    with httpx.Client(verify=verify, timeout=TIMEOUT_S) as client:
        if job["warm"]:
            client.request(job["warm_method"], job["warm"])
            pause(job)
        if job["method"] == "get":
            answer = client.get(job["url"])
        else:
            with open(job["file"], "rb") as body:
                headers = {"Content-Length": str(os.path.getsize(job["file"]))}
                answer = client.put(job["url"], content=body, headers=headers)
        return answer.status_code, answer.content


def use_aiohttp(job, certificate):
    import asyncio
    import ssl

    import aiohttp
    from yarl import URL

    async def transfer():
        context = ssl.create_default_context(cafile=certificate) if certificate else True
        connector = aiohttp.TCPConnector(ssl=context)
        timeout = aiohttp.ClientTimeout(total=3 * TIMEOUT_S, sock_read=TIMEOUT_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            # The signature is over the address as it is written.
            address = URL(job["url"], encoded=True)
            if job["warm"]:
                async with session.request(job["warm_method"], URL(job["warm"], encoded=True)) as answer:
                    await answer.read()
                await asyncio.sleep(job["pause_s"])
            if job["method"] == "get":
                async with session.get(address) as answer:
                    return answer.status, await answer.read()
            with open(job["file"], "rb") as body:
                async with session.put(address, data=body) as answer:
                    return answer.status, await answer.read()

    return asyncio.run(transfer())


def use_pycurl(job, certificate):
    import io

    import pycurl

    curl, told = pycurl.Curl(), io.BytesIO()
    curl.setopt(pycurl.TIMEOUT, TIMEOUT_S)
    if certificate:
        curl.setopt(pycurl.CAINFO, certificate)
    if job["warm"]:
        curl.setopt(pycurl.URL, job["warm"])
        curl.setopt(pycurl.NOBODY, job["warm_method"] == "HEAD")
        curl.setopt(pycurl.WRITEDATA, io.BytesIO())
        curl.perform()
        curl.setopt(pycurl.HTTPGET, 1)
        pause(job)
    curl.setopt(pycurl.URL, job["url"])
    curl.setopt(pycurl.WRITEDATA, told)
    with open(job["file"], "rb") as body:
        if job["method"] == "put":
            curl.setopt(pycurl.UPLOAD, 1)
            curl.setopt(pycurl.READDATA, body)
            curl.setopt(pycurl.INFILESIZE, os.path.getsize(job["file"]))
        try:
            curl.perform()
        except pycurl.error as error:
            # The error and the status of an answer that broke off.
            raise WithStatus(curl.getinfo(pycurl.RESPONSE_CODE)) from error
    return curl.getinfo(pycurl.RESPONSE_CODE), told.getvalue()


class WithStatus(Exception):
    """Something failed although an answer had begun: its status."""


def _boto3(job, certificate):
    import boto3
    from botocore.config import Config

    limits = {"connect_timeout": TIMEOUT_S, "read_timeout": TIMEOUT_S}
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=job["endpoint"],
        region_name="us-east-1",
        aws_access_key_id=job["access_key"],
        aws_secret_access_key=job["secret_key"],
        verify=certificate or True,
        config=Config(s3={"addressing_style": "path"}, **limits),
    )
    if job["warm"]:
        place = {"Bucket": job["bucket"], "Key": job["warm_key"]}
        if job["warm_method"] == "HEAD":
            client.head_object(**place)
        else:
            client.get_object(**place)["Body"].read()
        pause(job)
    return client


def use_boto3(job, certificate):
    client, place = _boto3(job, certificate), {"Bucket": job["bucket"], "Key": job["key"]}
    if job["method"] == "get":
        return 200, client.get_object(**place)["Body"].read()
    with open(job["file"], "rb") as body:
        answer = client.put_object(**place, Body=body)
    return answer["ResponseMetadata"]["HTTPStatusCode"], b""


def use_boto3_transfer(job, certificate):
    client = _boto3(job, certificate)
    if job["method"] == "get":
        client.download_file(job["bucket"], job["key"], job["scratch"])
    else:
        client.upload_file(job["file"], job["bucket"], job["key"])
    return 200, b""


CLIENTS = {
    "requests": use_requests,
    "urllib3": use_urllib3,
    "urllib": use_urllib,
    "httpx": use_httpx,
    "aiohttp": use_aiohttp,
    "pycurl": use_pycurl,
    "boto3": use_boto3,
    "boto3-transfer": use_boto3_transfer,
}


def answer_to(job, use, certificate):
    try:
        status, body = use(job, certificate)
        return {"status": status, "body": body[:2000].decode("utf-8", "replace") if status >= 300 else "", "error": ""}
    except Exception as error:
        status = 0
        if isinstance(error, WithStatus):
            status, error = error.args[0], error.__cause__
        words = "".join(traceback.format_exception_only(error)).strip()
        # An SDK's exception says the status of the answer that it stands for.
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        elif re.search(r"An error occurred \(\d+\)", words):
            status = int(re.search(r"\((\d+)\)", words).group(1))
        return {"status": status, "body": "", "error": words}


def main():
    client, certificate = sys.argv[1:3]
    for line in sys.stdin:
        print(json.dumps(answer_to(json.loads(line), CLIENTS[client], certificate)), flush=True)


if __name__ == "__main__":
    main()
