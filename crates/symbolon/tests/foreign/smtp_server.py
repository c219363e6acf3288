"""A mail server as they are met: aiosmtpd, with STARTTLS, AUTH and bad days on demand.

Prints 'ready' once it listens. Mails are written to --mails as 1.eml, 2.eml, …, and beside each, as
1.session, from where it came and to whom it went.
"""

import argparse
import asyncio
import pathlib
import re
import signal
import ssl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Mails:
    def __init__(self, directory, sender_answer, answer, times, quotes, scans):
        self.directory = pathlib.Path(directory)
        self.sender_answer = sender_answer
        self.answer = answer
        self.times = times
        self.quotes = quotes
        self.scans = scans
        self.count = 0

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.answer and self.times != 0:
            self.times -= 1
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.quotes:
            code = re.search(rb"\r\n([A-Z2-7]{16})\r\n", envelope.original_content)[1].decode()
            return f"554 5.7.1 '{code}' looks like spam"
        self.count += 1
        lines = [f"peer {session.peer[0]}"] + [f"to {address}" for address in envelope.rcpt_tos]
        (self.directory / f"{self.count}.session").write_text("\n".join(lines))
        written = self.directory / f"{self.count}.part"
        written.write_bytes(envelope.original_content)
        written.rename(self.directory / f"{self.count}.eml")
        await asyncio.sleep(self.scans)
        return "250 Message accepted for delivery"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--mails", required=True)
    arguments.add_argument("--certificate", help="switches STARTTLS on and demands it")
    arguments.add_argument("--key")
    arguments.add_argument("--smtps", action="store_true", help="TLS from the first octet")
    arguments.add_argument("--tls-1.2", dest="tls12", action="store_true", help="nothing newer")
    arguments.add_argument("--login", help="USER:PASSWORD that a sender must have")
    arguments.add_argument("--sender-answer", help="what a sender is answered instead of 250")
    arguments.add_argument("--answer", help="what a recipient is answered instead of 250")
    arguments.add_argument("--times", type=int, default=-1, help="how often; else always")
    arguments.add_argument("--quotes", action="store_true", help="refuses mails, repeating the code")
    arguments.add_argument("--scans", type=int, default=0, help="seconds until it says that it has taken a mail")
    given = arguments.parse_args()

    options = {}
    if given.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate, given.key)
        if given.tls12:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if given.smtps:
            options.update(ssl_context=context)
        else:
            options.update(tls_context=context, require_starttls=True)
    if given.login:
        user, password = (word.encode() for word in given.login.split(":", 1))

        def authenticator(server, session, envelope, mechanism, data):
            right = (data.login, data.password) == (user, password)
            return AuthResult(success=right, handled=False)

        options.update(
            authenticator=authenticator,
            auth_required=True,
            auth_require_tls=bool(given.certificate),
        )
    mails = Mails(given.mails, given.sender_answer, given.answer, given.times, given.quotes, given.scans)
    controller = Controller(mails, hostname="127.0.0.1", port=given.port, **options)
    controller.start()
    print("ready", flush=True)
    signal.pause()


main()
