"""Writes a key container (RFC 6030) with one TOTP token, encrypted by python-pskc.

write_pskc.py FILE aes|pbkdf2 SECRET SERIAL SEED-HEX PERIOD DIGITS
"""

import sys

from pskc import PSKC

path, protection, secret, serial, seed, period, digits = sys.argv[1:]
container = PSKC()
container.add_key(
    id=serial,
    serial=serial,
    secret=bytes.fromhex(seed),
    algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp",
    response_length=int(digits),
    response_encoding="DECIMAL",
    time_interval=int(period),
)
if protection == "aes":
    container.encryption.setup_preshared_key(key=bytes.fromhex(secret))
else:
    container.encryption.setup_pbkdf2(secret, iterations=12_000)
container.write(path)
