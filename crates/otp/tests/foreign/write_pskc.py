"""Writes key containers (RFC 6030) in every protection that python-pskc and this project share.

write_pskc.py DIRECTORY SEED

Prints for each the file, what opens it (`key HEX` or `password TEXT`), the serial, the secret and the
counter. SEED makes the same ones again, but for salts, MAC keys and initialisation vectors.
"""

import random
import sys
from pathlib import Path

from pskc import PSKC

CIPHERS = {"aes128-cbc": 16, "aes192-cbc": 24, "aes256-cbc": 32}
DIGESTS = ["sha1", "sha256", "sha384", "sha512"]
FIELDS = [["secret"], ["secret", "counter"]]

directory, chance = Path(sys.argv[1]), random.Random(int(sys.argv[2]))


def with_key(pskc, length, settings, digest):
    key = chance.randbytes(length)
    pskc.encryption.setup_preshared_key(key=key, **settings)
    return f"key {key.hex()}"


def with_password(pskc, length, settings, digest):
    password = f"password-{chance.randrange(10**6)}"
    pskc.encryption.setup_pbkdf2(
        password, key_length=length, iterations=1_000, prf=f"hmac-{digest}", **settings
    )
    return f"password {password}"


def write(protect, cipher, digest, fields):
    serial = str(chance.randrange(10**6, 10**13))
    secret, counter = chance.randbytes(chance.randrange(16, 65)), chance.randrange(100_000)
    pskc = PSKC()
    pskc.add_key(
        id=serial,
        serial=serial,
        secret=secret,
        counter=counter,
        algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp",
        response_length=chance.randrange(6, 9),
        response_encoding="DECIMAL",
    )
    settings = {"algorithm": cipher, "fields": fields}
    opens = protect(pskc, CIPHERS[cipher], settings, digest)
    pskc.mac.setup(algorithm=f"hmac-{digest}")
    path = directory / f"{protect.__name__}-{cipher}-{digest}-{len(fields)}.xml"
    pskc.write(str(path))
    print(path, opens, serial, secret.hex(), counter)


for protect in (with_key, with_password):
    for cipher in CIPHERS:
        for digest in DIGESTS:
            for fields in FIELDS:
                write(protect, cipher, digest, fields)
