"""Between an access point and its RADIUS server: SERVER PORT SECRET NUMBER.

Passes requests and answers on, and damages the last octet that the device said in one of the requests, 0 for none.
Prints the port that it has, and how many requests came once its input ends.
"""

import hashlib
import hmac
import select
import socket
import sys

EAP_MESSAGE = 79
MESSAGE_AUTHENTICATOR = 80


def damaged(packet, secret):
    packet = bytearray(packet)
    at, last, sealed = 20, None, None
    while at < len(packet):
        kind, length = packet[at], packet[at + 1]
        if kind == EAP_MESSAGE:
            last = at + length - 1
        if kind == MESSAGE_AUTHENTICATOR:
            sealed = at + 2
        at += length
    packet[last] ^= 1
    packet[sealed : sealed + 16] = bytes(16)
    packet[sealed : sealed + 16] = hmac.new(secret, packet, hashlib.md5).digest()
    return bytes(packet)


def main(server, port, secret, number):
    device = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    device.bind(("127.0.0.1", 0))
    onward = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    onward.connect((server, int(port)))
    print(device.getsockname()[1], flush=True)
    count, peer = 0, None
    while True:
        ready, _, _ = select.select([device, onward, sys.stdin], [], [])
        if device in ready:
            packet, peer = device.recvfrom(4096)
            count += 1
            if count == int(number):
                packet = damaged(packet, secret.encode())
            onward.send(packet)
        elif onward in ready:
            device.sendto(onward.recv(4096), peer)
        else:
            print(count, flush=True)
            return


main(*sys.argv[1:])
