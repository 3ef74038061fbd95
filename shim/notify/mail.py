"""A message as a mail, RFC 5322: all mails of one incident are one thread."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Final

import certifi

from certs.decide.effects import one_line
from certs.decide.incidents import Event
from certs.decide.trouble import Severity
from shim.notify.config import SMTP
from shim.notify.credentials import ReadSecret, resolve
from shim.notify.delivery import WITHIN, NotDelivered
from shim.notify.message import Message, plain

_PERMANENT: Final = 500


class MailDelivery:
    """Hands mails to one server."""

    def __init__(self, config: SMTP, read_secret: ReadSecret) -> None:
        self._config = config
        self._read_secret = read_secret

    def send(self, message: Message) -> None:
        """Deliver it to all recipients; whoever is refused while others are not, stays without."""
        config = self._config
        attempt = f"cannot send a mail by {config.host}:{config.port}"
        password = resolve(config.password, self._read_secret) if config.password is not None else ""
        try:
            with self._connected() as server:
                if password:
                    server.login(config.username, password)
                refused = server.send_message(mail(message, config))
        except UnicodeEncodeError:  # nothing of it is repeated: it has the password
            raise NotDelivered(
                f"{attempt}: username or password has other characters than those of ASCII, which logging in does not "
                "take; set another"
            ) from None
        except smtplib.SMTPAuthenticationError:
            raise NotDelivered(f"{attempt}: it does not take this username and password") from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            is_final = all(code >= _PERMANENT for code in codes)
            raise NotDelivered(f"{attempt}: it refuses every recipient ({_codes(codes)})", final=is_final) from None
        except smtplib.SMTPResponseException as error:
            raise NotDelivered(f"{attempt}: it answered {error.smtp_code}") from None
        except smtplib.SMTPNotSupportedError:
            raise NotDelivered(f"{attempt}: it offers no STARTTLS or no way to log in; look at security") from None
        except ssl.SSLError as error:
            raise NotDelivered(f"{attempt}: TLS failed: {error.reason}; a CA of your own is named by caFile") from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotDelivered(f"{attempt}: {one_line(str(error), 200) or type(error).__name__}") from None
        if refused:
            codes = {code for code, _ in refused.values()}
            raise NotDelivered(f"{attempt}: it refuses {len(refused)} of the recipients ({_codes(codes)})", final=True)

    def _connected(self) -> smtplib.SMTP:
        config = self._config
        if config.security == "tls":
            return smtplib.SMTP_SSL(config.host, config.port, timeout=WITHIN, context=self._context())
        server = smtplib.SMTP(config.host, config.port, timeout=WITHIN)
        if config.security == "starttls":
            try:
                server.starttls(context=self._context())
            except BaseException:
                server.close()
                raise
        return server

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._config.ca_file or certifi.where())


def _codes(codes: set[int]) -> str:
    return ", ".join(str(code) for code in sorted(codes))


def mail(message: Message, config: SMTP) -> EmailMessage:
    """Return the mail."""
    made = EmailMessage(policy=SMTP_POLICY)
    domain = config.from_.rpartition("@")[2]
    first = f"<{message.incident}.1@{domain}>"
    made["From"], made["To"] = config.from_, ", ".join(config.to)
    made["Subject"] = _subject(message)
    made["Date"] = format_datetime(message.at)
    made["Message-ID"] = f"<{message.id}@{domain}>"
    if message.number > 1:
        made["In-Reply-To"], made["References"] = first, first
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers of absence, please
    if message.severity is Severity.CRITICAL and message.event is not Event.CLOSED:
        made["Importance"] = "high"
    made.set_content(plain(message), cte="quoted-printable")
    return made


def _subject(message: Message) -> str:
    return one_line("".join(one if one.isprintable() else " " for one in message.subject), 200)
