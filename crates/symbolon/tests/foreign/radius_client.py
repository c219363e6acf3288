"""A RADIUS client without Message-Authenticator: SERVER PORT SOURCE SECRET USER PASSWORD [chap].

Prints the code of the answer, for a challenge also its state in hexadecimal, or 'silence'.
"""

import hashlib
import io
import sys

from pyrad.client import Client, Timeout
from pyrad.dictionary import Dictionary
from pyrad.packet import AccessRequest

ATTRIBUTES = """
ATTRIBUTE User-Name 1 string
ATTRIBUTE User-Password 2 string encrypt=1
ATTRIBUTE CHAP-Password 3 octets
ATTRIBUTE Reply-Message 18 string
ATTRIBUTE State 24 octets
ATTRIBUTE Prompt 76 integer
ATTRIBUTE Message-Authenticator 80 octets
"""


def main(server, port, source, secret, user, password, method="pap"):
    client = Client(
        server=server,
        authport=int(port),
        secret=secret.encode(),
        dict=Dictionary(io.StringIO(ATTRIBUTES)),
        retries=1,
        timeout=2,
        enforce_ma=True,
    )
    client.bind((source, 0))
    request = client.CreateAuthPacket(code=AccessRequest, User_Name=user, message_authenticator=False)
    if method == "chap":
        # It answers the request's authenticator, and nobody needs the secret for it.
        request.authenticator = request.CreateAuthenticator()
        digest = hashlib.md5(b"\x01" + password.encode() + request.authenticator).digest()
        request["CHAP-Password"] = b"\x01" + digest
    else:
        request["User-Password"] = request.PwCrypt(password)
    try:
        answer = client.SendPacket(request)
    except Timeout:
        print("silence")
        return
    states = [state.hex() for state in answer.get("State", [])]
    print(answer.code, *states)


main(*sys.argv[1:])
