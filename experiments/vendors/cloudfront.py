"""A minter for CloudFront: signed URLs with a canned or a custom policy, by an RSA key (CLOUDFRONT_KEY_PAIR_ID, and
CLOUDFRONT_PRIVATE_KEY for its file).

    python3 cloudfront.py --endpoint https://D.cloudfront.net --bucket "" [--policy canned|custom] [--hash SHA1|SHA256]

Without a key in the environment it signs for a testbed (`ttlsweep testbed --dialect cloudfront`), with `testbed-key.pem`.
"""

import base64
import hashlib
import json
import os
from pathlib import Path

from loop import TESTBED_KEY, query, serve

KEY_PAIR_ID = os.environ.get("CLOUDFRONT_KEY_PAIR_ID", TESTBED_KEY)
KEY_FILE = Path(os.environ.get("CLOUDFRONT_PRIVATE_KEY", Path(__file__).with_name("testbed-key.pem")))
# What stands before a digest in PKCS #1, version 1.5: which hash it is of.
HASHES = {
    "SHA1": (hashlib.sha1, "3021300906052b0e03021a05000414"),
    "SHA256": (hashlib.sha256, "3031300d060960864801650304020105000420"),
}


def element(der):
    """The first element's contents, and what stands behind it."""
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    return der[start : start + length], der[start + length :]


def private_key(pem):
    """Modulus and private exponent of an RSA key in PEM, of PKCS #1 or #8."""
    der = base64.b64decode("".join(line for line in pem.splitlines() if line and not line.startswith("-")))
    rest, _ = element(der)
    numbers = []
    while len(numbers) < 4:
        tag, (contents, rest) = rest[0], element(rest)
        if tag == 0x04:
            rest, numbers = element(contents)[0], []
        elif tag == 0x02:
            numbers.append(int.from_bytes(contents, "big"))
    return numbers[1], numbers[3]


MODULUS, EXPONENT = private_key(KEY_FILE.read_text())


def signature(text, name):
    digest, before = HASHES[name]
    size = (MODULUS.bit_length() + 7) // 8
    tail = bytes.fromhex(before) + digest(text.encode()).digest()
    padded = b"\x00\x01".ljust(size - len(tail) - 1, b"\xff") + b"\x00" + tail
    return pow(int.from_bytes(padded, "big"), EXPONENT, MODULUS).to_bytes(size, "big")


def safe(data):
    return base64.b64encode(data).decode().translate(str.maketrans("+=/", "-_~"))


def link(chosen, asked):
    url, expires = f"{chosen.endpoint}{asked['path']}", asked["now"] + asked["ttl_s"]
    resource = url if chosen.policy == "canned" else f"{chosen.endpoint}/*"
    statement = {"Resource": resource, "Condition": {"DateLessThan": {"AWS:EpochTime": expires}}}
    policy = json.dumps({"Statement": [statement]}, separators=(",", ":"))
    said = {"Expires": expires} if chosen.policy == "canned" else {"Policy": safe(policy.encode())}
    said |= {"Signature": safe(signature(policy, chosen.hash)), "Key-Pair-Id": KEY_PAIR_ID}
    if chosen.hash != "SHA1":
        said["Hash-Algorithm"] = chosen.hash
    return {"url": f"{url}?{query(said)}"}


serve(link, policy=["canned", "custom"], hash=["SHA1", "SHA256"])
