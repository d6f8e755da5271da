"""The one connection to a Postgres server, and what its failures mean."""

import asyncio
import logging
import os
import re
import socket
import ssl
import traceback
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo, timeout_from_conninfo

from exporter.engine.source import Reason, SourceError
from exporter.platform.values import Secret, Verbatim
from exporter.sources.postgres.dsn import hosts, may_leave, settings
from exporter.sources.postgres.quoting import quoted

# It warns of what this program tells itself; where nobody set up logging, that would go to standard error as it is.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

_BY_STATE: dict[str, Reason] = {
    "28": "auth",
    "53300": "too_many_connections",
    "57P05": "timeout",
    "57P": "starting_up",
    "25P03": "timeout",
    "25P04": "timeout",
    "57014": "timeout",
    "55P03": "timeout",
    "42501": "permission",
    "42": "rejected",
    "22": "rejected",
    "08": "connect",
    "25006": "permission",
    **dict.fromkeys(("40", "53", "54", "55", "57", "58"), "rejected"),
}
"""By the beginning of the SQLSTATE; the first that fits decides."""

_OF_POOLERS = "08P01"
"""The SQLSTATE of nearly all that pgbouncer says: its text decides."""

_TROUBLE = re.compile(r"40|53(?!400)|57|58|XX")
"""SQLSTATEs of a server that could not do now what it may do a moment later. 53400, a limit that a statement exceeds,
is the statement's."""

# libpq gives no SQLSTATE for a connection that was refused while it was made; the first pattern that is found decides.
# Servers that speak another language than English are understood as far as `rejected` goes.
_BY_TEXT: tuple[tuple[str, Reason], ...] = (
    (
        r"^invalid |invalid (sslmode|port|channel_binding|integer|sslnegotiation|target_session_attrs)",
        "rejected",
    ),
    (
        r"query_wait_timeout|server_login_retry|\(server down\)|unsupported startup parameter|no such (user|database)"
        r"|pgbouncer|tenant or user",
        "pooler",
    ),
    (
        r"(password|SASL) authentication failed|pg_hba\.conf (entry|rejects)|role .* does not exist"
        r"|no password supplied|is not permitted to log in",
        "auth",
    ),
    (r"permission denied for database|FATAL: +not allowed$", "permission"),
    (
        r"too many clients|connection slots are reserved|too many connections|no more connections allowed"
        r"|client connections exceeded|max client(s| connections) reached",
        "too_many_connections",
    ),
    (r"(due to \S+|transaction|query)[ _]timeout", "timeout"),
    (
        r"the database system is|terminating connection|shutdown command",
        "starting_up",
    ),
    (r"timeout expired|timed out", "timeout"),
    (r"certificate|SSL|TLS", "tls"),
    (r"resolve|translate host name|Name or service not known|name resolution", "dns"),
    (r"database .* (does not exist|is not currently accepting connections)", "rejected"),
    (r"^[^\W\d_]+: ", "rejected"),  # a server's word, in a language that is not known here
)

_BY_STATE_REMEDIES: dict[str, str] = {
    "25006": "Make the server writable: see default_transaction_read_only, and whether its disk is full.",
    "40001": "On a standby, raise max_standby_streaming_delay or switch hot_standby_feedback on, or make it shorter; "
    "elsewhere it met another transaction. It is tried again.",
    "40P01": "It and others waited for each other: the server's log names their statements. It is tried again.",
    "53100": "Free disk space on the server.",
    "53200": "Free memory on the server; raise max_locks_per_transaction if it is shared memory.",
    "53400": "Raise the limit that the message names, or have the statement sort, join and hash less.",
    "53": "Give the server what the message says it lacks.",
    "54": "Make the statement simpler, or raise the limit that the message names.",
    "55P03": "Another session holds a lock that it needs: see pg_locks and pg_stat_activity.",
    "58": "The server cannot use its own files: see its log and its disks.",
    "XX001": "Data are damaged: copy them before anything is mended, and see the server's log.",
    "XX002": "An index is damaged: see the server's log, and REINDEX it.",
    "XX": "It is an error inside the server or an extension: see the server's log.",
}
"""By the beginning of the SQLSTATE; the first that fits counts. These go before those of the reason."""

_LIMITS = {
    "idle-in-transaction": "idle_in_transaction_session_timeout",
    "idle-session": "idle_session_timeout",
    "transaction": "transaction_timeout",
}
"""The settings that end a session, by what the server calls them then."""

_MORE_CONNECTIONS = 10
"""A limit with room for two exporters and a `check` beside them."""

_NAMES = re.compile(
    r"(?:connection failed: )?connection to server (?:at|on socket) .*?failed: |(?<=\")[^\"]*(?=\")"
)
"""What must not be taken for the message: whither the connection went, and names of users and databases."""

_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where distributions keep the authorities: Debian, Fedora, Alpine."""

_REMEDIES: dict[str, str] = {
    "auth": "Check user, password and pg_hba.conf.",
    "connect": "Check that the server runs and that host and port are right.",
    "dns": "Check the host's name and the resolver.",
    "tls": "Check the certificate, or say sslmode= in the connection string if the network is trusted.",
    "too_many_connections": "Free connections, or raise max_connections.",
    "pooler": "Name the server itself instead of its pooler.",
    "timeout": "Make it faster, or raise its `timeout:`.",
    "permission": "Grant the role what the message names.",
    "starting_up": "Wait until the server accepts connections.",
}


async def connect(
    dsn: Secret, timeout: float, database: str | None = None
) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """Open the connection: autocommit, no prepared statements (poolers lose them), TLS verified on remote hosts.

    `database` takes the place of the one that the connection string names; `timeout` is in seconds.

    Raises:
        SourceError: with the class of the failure.
    """
    parts = settings(dsn)
    if database is not None:
        parts["dbname"] = database
    parts.setdefault("application_name", "platform-exporter")
    parts["client_encoding"] = "UTF8"  # else names come in the encoding of the database
    if may_leave(parts):
        parts.setdefault("sslmode", "verify-full")
    if parts.get("sslmode") == "verify-full":
        parts.setdefault("sslrootcert", _authorities())
    where = "Check host, port and firewall, or raise the source's `timeout:`."
    try:
        parts["connect_timeout"] = _for_each_host(parts, timeout)
        connection = await _made(make_conninfo(**parts), timeout)
    except TimeoutError as error:
        raise SourceError(
            "timeout", f"no connection within {max(0.0, timeout):.1f} s", remedy=where
        ) from error
    except psycopg.Error as error:
        told = failure(error, str(parts.get("user") or os.environ.get("PGUSER", "")))
        if told.reason == "timeout":
            told.remedy = where
        elif told.reason == "rejected" and not told.remedy:
            told.remedy = "Check what the connection string says."
        raise told from error
    return connection


async def _made(conninfo: str, timeout: float) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """Connect within `timeout` seconds. An attempt that fails, or is cancelled, has closed its socket."""
    connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
    try:
        async with asyncio.timeout(timeout):  # connect_timeout is in whole seconds, and for each address
            connection = await psycopg.AsyncConnection.connect(
                conninfo, autocommit=True, prepare_threshold=None
            )
            if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
                # Bytes that are not UTF-8 would be refused. Poolers follow this setting from client to client.
                await connection.execute("set client_encoding to sql_ascii")
    except BaseException as error:
        if connection is not None:
            connection.pgconn.finish()
        # psycopg's frames hold the socket of what is half made, and its errors hold the frames that hold them: without
        # this it would stay open until the garbage collector comes by, which sources that hang give little to do.
        failed: BaseException | None = error
        while failed is not None:
            traceback.clear_frames(failed.__traceback__)
            failed = failed.__cause__ or failed.__context__
        raise
    return connection


def _authorities() -> str:
    """Return the file of the authorities that this machine trusts.

    libpq's word for it, `system`, is not enough: psycopg's wheels bring an OpenSSL of their own, which looks where no
    distribution keeps them.
    """
    files = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *_BUNDLES)
    return next((file for file in files if file and Path(file).is_file()), "system")


def _for_each_host(parts: dict[str, Any], timeout: float) -> int:
    """Return the `connect_timeout`: what was set, if it is shorter than `timeout`; else the share of each host.

    Those after a host that does not answer are tried too, unless that takes less than the 2 s that each has at least.
    """
    own = timeout_from_conninfo(parts)
    return own if own < timeout else max(1, int(timeout / len(hosts(parts))))


class ServerTrouble(SourceError):
    """The server could not do what it was asked, for a reason that may be gone a moment later."""


def failure(error: psycopg.Error, user: str = "") -> SourceError:
    """Classify an error of psycopg; `user` is who connects, for a GRANT that would mend it.

    Secrets are taken out where the text is shown, not here.
    """
    text = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    reason, state = _reason(error, text), error.sqlstate or ""
    of_state = (remedy for prefix, remedy in _BY_STATE_REMEDIES.items() if state.startswith(prefix))
    remedy = _exact(text, user) or next(of_state, None) or _REMEDIES.get(reason, "")
    trouble = reason == "rejected" and _TROUBLE.match(state)
    return (ServerTrouble if trouble else SourceError)(reason, text, remedy=remedy)


def cancelled_by_somebody(error: psycopg.Error | None) -> bool:
    """Say whether a statement was ended by pg_cancel_backend rather than by a limit. In other languages than English
    the server's word for it is not known."""
    return isinstance(error, psycopg.errors.QueryCanceled) and "due to user request" in str(error)


def _exact(text: str, user: str) -> str | None:
    """Return what mends it, where the message tells that: a statement, or where it is said."""
    if user and (match := re.search(r'permission denied for database "(.+?)"(?: DETAIL|$)', text)):
        return Verbatim(f"GRANT CONNECT ON DATABASE {quoted(match[1])} TO {quoted(user)};")
    if re.search(r'database ".*" does not exist', text):
        return "Name a database that exists: `psql -l` lists them."
    if re.search(r'database ".*" is not currently accepting connections', text):
        return "Name another database, or have this one's owner set ALLOW_CONNECTIONS true."
    if "due to user request" in text:
        return "Somebody ended it, as with pg_cancel_backend: ask who and why."
    if match := re.search(r'too many connections for (role|database) "(.+)"', text):
        return Verbatim(f"ALTER {match[1].upper()} {quoted(match[2])} CONNECTION LIMIT {_MORE_CONNECTIONS};")
    if match := re.search(r"\((max_(?:client_conn|(?:db|user)_client_connections))\)", text):
        return f"Raise pgbouncer's {match[1]}, or free client connections."
    cached = re.search(r"cached error: (.+?) \(server_login_retry\)", text)
    if cached and _reason(psycopg.OperationalError(cached[1]), cached[1]) not in ("connect", "starting_up"):
        return "The server refuses the pooler for what the message says: mend that there, or in pgbouncer's auth_file."
    if cached or re.search(r"server_login_retry|\(server down\)", text):
        return "The pooler has no way to the server behind it: start that, or see the pooler's log for what it says."
    if "query_wait_timeout" in text:
        return (
            "The server behind it is down, which its log says, or its pool is full: name the server itself instead "
            "of the pooler, or raise default_pool_size."
        )
    if match := re.search(r"due to (idle-in-transaction|idle-session|transaction) timeout", text):
        where = "for the role, its database (\\drds in psql lists both) or the server"
        return f"Raise {_LIMITS[match[1]]} where it is set: {where}."
    if match := re.search(r"\b(idle[ _]transaction|transaction|query)[ _]timeout", text):
        return f"Raise pgbouncer's {match[1].replace(' ', '_')}_timeout, or make it faster."
    if text.endswith("FATAL: not allowed"):
        return "Add the user to pgbouncer's `stats_users`."
    return None


def _reason(error: psycopg.Error, text: str) -> Reason:
    state = error.sqlstate or ""
    if cancelled_by_somebody(error):
        return "rejected"
    for prefix, reason in _BY_STATE.items():
        if state.startswith(prefix) and state != _OF_POOLERS:
            return reason
    if isinstance(error.__cause__, socket.gaierror):
        return "dns"
    said = _NAMES.sub("", text)
    for pattern, reason in _BY_TEXT:
        if re.search(pattern, said, re.IGNORECASE):
            return reason
    # What has another code was said by a server that works.
    unreached = isinstance(error, psycopg.OperationalError) and state in ("", _OF_POOLERS)
    return "connect" if unreached else "rejected"
