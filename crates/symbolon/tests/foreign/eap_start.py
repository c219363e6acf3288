"""EAP-Start (RFC 3579, 2.1): an Access-Request whose EAP-Message is empty; what is answered."""

import hashlib
import hmac
import os
import socket
import struct
import sys

EAP_MESSAGE = 79
MESSAGE_AUTHENTICATOR = 80
STATE = 24

host, port, source, secret = sys.argv[1:5]
attributes = bytes([1, 5]) + b"ali" + bytes([EAP_MESSAGE, 2])
length = 20 + len(attributes) + 18
header = struct.pack("!BBH", 1, 9, length) + os.urandom(16)
unsigned = header + attributes + bytes([MESSAGE_AUTHENTICATOR, 18])
signature = hmac.new(secret.encode(), unsigned + bytes(16), hashlib.md5).digest()

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind((source, 0))
client.settimeout(3)
client.sendto(unsigned + signature, (host, int(port)))
reply = client.recv(4096)

found, rest = {}, reply[20:]
while rest:
    found[rest[0]] = rest[2 : rest[1]]
    rest = rest[rest[1] :]
print(reply[0], found[EAP_MESSAGE].hex(), "with a State" if found.get(STATE) else "without a State")
