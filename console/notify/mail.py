"""Handing a letter to the mail server."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage

from console.notify.config import Mail

#: What a server has to answer in.
ANSWER_S = 10.0
#: What may be wrong on the way; the letter is tried again.
FAILURES = (OSError, smtplib.SMTPException)


def post(mail: Mail, password: str, letter: EmailMessage) -> None:
    """Give a letter to the server.

    Raises:
        OSError: it did not answer.
        smtplib.SMTPException: it did not take it.
    """
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if mail.tls == "tls":
        server = smtplib.SMTP_SSL(mail.host, mail.port, timeout=ANSWER_S, context=context)
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=ANSWER_S)
    with server:
        if mail.tls == "starttls":
            server.starttls(context=context)
        if mail.login:
            server.login(mail.login, password)
        server.send_message(letter)
