#!/usr/bin/python3
"""A real SMTP server (aiosmtpd) for one test: smtpd.py FOLDER CERT KEY plain|starttls|tls.

Prints its port, keeps each mail as FOLDER/N.eml with its envelope in the first lines, and ends with
its standard input.
"""
import asyncio
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, cert, key, manner = sys.argv[1:5]


class Keep:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        Keep.count += 1
        name = os.path.join(folder, f"{Keep.count}.eml")
        said = f"{envelope.mail_from} {','.join(envelope.rcpt_tos)} tls={session.ssl is not None}\n"
        with open(name + ".new", "wb") as out:
            out.write(said.encode() + envelope.original_content)
        os.rename(name + ".new", name)
        return "250 kept"


def check(server, session, envelope, mechanism, data):
    good = data.login == b"orrery" and data.password == b"hunter2hunter2"
    return AuthResult(success=good, handled=good)


async def serve():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    options = {}
    if manner == "starttls":
        options = {"tls_context": context, "require_starttls": True}
    if manner != "plain":
        options.update(authenticator=check, auth_required=True, auth_require_tls=manner == "starttls")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Keep(), hostname="mail.test", loop=loop, **options),
        "127.0.0.1", 0, ssl=context if manner == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(serve())
