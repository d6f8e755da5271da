"""A mail server that keeps what it is given."""

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session

from exporter.demo.sinks.inbox import Inbox, status_in


class MailHandler:
    """Records each message with its subject, addresses, plain text and HTML."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take one message."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
        part, html = message.get_body(("plain", "html")), message.get_body(("html",))
        subject = str(message.get("subject", ""))
        self._inbox.put(
            "email",
            status_in(subject, otherwise="firing"),
            {
                "from": envelope.mail_from,
                "to": list(envelope.rcpt_tos),
                "subject": subject,
                "text": "" if part is None else str(part.get_content()),
                "html": "" if html is None else str(html.get_content()),
            },
        )
        return "250 OK"


async def serve_mail(inbox: Inbox, host: str, port: int) -> asyncio.Server:
    """Listen for SMTP on this event loop."""
    loop = asyncio.get_running_loop()
    handler = MailHandler(inbox)
    return await loop.create_server(lambda: SMTP(handler, loop=loop, hostname="demo"), host, port)
