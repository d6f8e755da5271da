"""Passwords of databases: any character works, a rotated one is taken up, and none is ever shown."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest
from psycopg import sql

from exporter.engine.source import SourceError
from exporter.platform.values import Secret
from exporter.sources.postgres import Postgres, PostgresSource
from exporter.sources.postgres.connection import _authorities, connect
from exporter.sources.postgres.dsn import settings
from tests.integration.support import COMMAND, exporter
from tests.support.certificates import Authority
from tests.support.pgbouncer import pgbouncer
from tests.support.postgres import PostgresCluster
from tests.support.process import free_port

CANARY = "kanarienvogel"
PASSWORDS = [
    *(f"{CANARY}{character}{CANARY}" for character in "@:/#%?&=,; '\"\\+|<>[]{}()$!^~`*ü€"),
    f"@{CANARY}",
    f"{CANARY}'",
    f"1234/{CANARY}@host:5432/x?y=z#%41",
    f"' or '{CANARY}",
    f"\\'{CANARY}\\\\",
    f"${{env:HOME}}{CANARY}",
]


@pytest.fixture
def role(shared_postgres: PostgresCluster) -> Iterator[str]:
    """A role that may log in. Its name is as awkward as its passwords."""
    name = "who's @the:role/#%?"
    shared_postgres.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
    yield name
    shared_postgres.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def set_password(server: PostgresCluster, role: str, password: str) -> None:
    server.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), password))


def keywords(server: PostgresCluster, role: str, password: str) -> str:
    return psycopg.conninfo.make_conninfo(
        host="127.0.0.1", port=server.port, user=role, password=password, dbname="postgres"
    )


def url(server: PostgresCluster, role: str, password: str) -> str:
    return f"postgresql://{quote(role, safe='')}:{quote(password, safe='')}@127.0.0.1:{server.port}/postgres"


@pytest.mark.parametrize("form", [keywords, url])
async def test_any_character_may_be_in_a_password(
    form: object, shared_postgres: PostgresCluster, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(form)
    for password in PASSWORDS:
        set_password(shared_postgres, role, password)
        monkeypatch.setenv("TEST_DSN", form(shared_postgres, role, password))
        connection = await connect(Secret("env", "TEST_DSN"), 5)
        assert connection.info.user == role, password
        await connection.close()


async def test_a_tab_in_a_password_is_taken_as_the_remedy_says(
    shared_postgres: PostgresCluster, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = "left\tright"
    set_password(shared_postgres, role, password)
    monkeypatch.setenv("TEST_DSN", keywords(shared_postgres, role, password))
    with pytest.raises(SourceError) as caught:
        await connect(Secret("env", "TEST_DSN"), 5)
    assert "%09" in caught.value.remedy
    assert "left" not in str(caught.value)
    monkeypatch.setenv("TEST_DSN", url(shared_postgres, role, password))
    connection = await connect(Secret("env", "TEST_DSN"), 5)
    assert connection.info.user == role
    await connection.close()


async def test_a_rotated_password_is_taken_up(
    shared_postgres: PostgresCluster, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read at each connect: a new password needs no restart, and a file that is away no new one either."""
    file = tmp_path / "dsn"
    subject = PostgresSource("main", Postgres.model_validate({"dsn": Secret("file", str(file))}), [])
    with pytest.raises(SourceError, match="cannot be read") as caught:
        await subject.collect()
    assert caught.value.reason == "auth"
    for password in ("first-password", "second-password"):
        set_password(shared_postgres, role, password)
        shared_postgres.execute(
            sql.SQL(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = {}"
            ).format(role)
        )
        if file.exists():
            with pytest.raises(SourceError) as caught:
                await subject.collect()
            assert caught.value.reason == "auth"
        file.write_text(keywords(shared_postgres, role, password))
        await subject.collect()
    await subject.close()


BARE = {
    "slash": f"postgresql://u:{CANARY}/{CANARY}@127.0.0.1:1/db",
    "at": f"postgresql://u:{CANARY}@{CANARY}@127.0.0.1:1/db",
    "at-slash": f"postgresql://u:12/{CANARY}@{CANARY}@127.0.0.1:1/db",
    "percent": f"postgresql://u:100%{CANARY}@127.0.0.1:1/db",
    "space": f"postgresql://u:{CANARY} {CANARY}@127.0.0.1:1/db",
    "question": f"postgresql://u:{CANARY}?{CANARY}@127.0.0.1:1/db",
    "keyword-space": f"host=127.0.0.1 port=1 password={CANARY} {CANARY}",
    "keyword-quote": f"host=127.0.0.1 port=1 password='{CANARY}",
    "no-scheme": f"u:{CANARY}@127.0.0.1:1/db",
}


def failing(server: PostgresCluster, pooler: int, closed: int) -> dict[str, str]:
    """Return connection strings that fail, each in another way, all with the secret in them."""
    return {
        **BARE,
        "auth": f"postgresql://postgres:{CANARY}@127.0.0.1:{server.port}/postgres",
        "connect": f"postgresql://postgres:{CANARY}@127.0.0.1:{closed}/postgres",
        "dns": f"postgresql://postgres:{CANARY}@nowhere.invalid/postgres?sslmode=disable",
        "tls": f"postgresql://postgres:{CANARY}@127.0.0.1:{server.port}/postgres?sslmode=require",
        "role": f"host=127.0.0.1 port={server.port} user=nobody password={CANARY} dbname=postgres",
        "pooler": f"postgresql://postgres:{CANARY}@127.0.0.1:{pooler}/postgres?options=-c%20jit%3Doff",
        "certificate": f"postgresql://postgres:{CANARY}@127.0.0.1:{server.port}/postgres"
        "?sslmode=verify-full&sslrootcert=/nowhere",
    }


def test_no_output_shows_a_password_however_it_fails(
    shared_postgres: PostgresCluster, tmp_path: Path
) -> None:
    """Neither metrics, pages and log of the exporter nor what `check` and `explain` print."""
    with pgbouncer(shared_postgres) as pooler:
        strings = failing(shared_postgres, pooler.port, free_port())
        environment = {f"DSN_{index}": text for index, text in enumerate(strings.values())}
        sources = "".join(
            f'    {name}: {{dsn: "${{env:DSN_{index}}}", every: 500ms, timeout: 400ms}}\n'
            for index, name in enumerate(strings)
        )
        platform = f"platform: test\nsources:\n  postgres:\n{sources}"
        with exporter(platform, tmp_path, None, **environment) as subject:
            for name in strings:
                subject.wait_value(0.0, "pg_up", target=name)
            pages = [
                httpx.get(f"{subject.url}{path}", trust_env=False).text
                for path in ("/metrics", "/", "/-/ready", "/api/v1/status")
            ]
            file, log = subject.platform, subject.log
        for command in (["check"], *(["explain", f"postgres.{name}"] for name in strings)):
            done = subprocess.run(
                [COMMAND, *command, "-p", file],
                env=environment | {"PATH": "/usr/bin", "COLUMNS": "400"},
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 1, done.stdout
            pages += [done.stdout, done.stderr]
        pages.append(log.read_text())
    assert all(pages[:2])
    assert not [page for page in pages if CANARY in page]


@pytest.mark.parametrize("text", BARE.values(), ids=BARE.keys())
async def test_what_is_wrong_with_a_connection_string(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DSN", text)
    with pytest.raises(SourceError) as caught:
        await connect(Secret("env", "TEST_DSN"), 1)
    error: BaseException | None = caught.value
    while error is not None:
        assert CANARY not in str(error)
        error = error.__cause__
    if caught.value.reason == "rejected":
        assert "password" in caught.value.remedy
    else:
        assert caught.value.reason == "connect", "libpq takes it as it was meant, and nobody listens there"


@pytest.mark.parametrize(
    "password", [f"{CANARY}'s host {CANARY}", f"'{CANARY} user '{CANARY}'", f"x {CANARY}=y password={CANARY}"]
)
def test_a_mistake_in_one_connection_string_leaves_messages_readable(
    password: str, shared_postgres: PostgresCluster, tmp_path: Path
) -> None:
    """Words of a connection string, such as `host`, are no secrets, nor is where the server is."""
    port = shared_postgres.port
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: test\nsources:\n  postgres:\n"
        + "".join(f'    {name.lower()}: {{dsn: "${{env:{name}}}"}}\n' for name in "ABC")
    )
    done = subprocess.run(
        [COMMAND, "check", "-p", file],
        env={
            "PATH": "/usr/bin",
            "COLUMNS": "400",
            "A": f"host=127.0.0.1 port={port} user=postgres password={password} dbname=postgres",
            "B": f"host=127.0.0.1 port={port} user=postgres password=wrong dbname=postgres",
            "C": "host=host.postgres.invalid user=postgres dbname=postgres sslmode=disable",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "Write host=… user=… password='…' dbname=…, the password in single quotes" in done.stdout
    assert f'"127.0.0.1", port {port} failed: FATAL: password authentication failed for user "postgres"' in (
        done.stdout
    )
    assert "Check user, password and pg_hba.conf." in done.stdout
    assert "failed to resolve host 'host.postgres.invalid'" in done.stdout
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"postgresql://u:p@127.0.0.1:{CANARY}/db", "a port that is no number"),
        ("postgresql://u:p@127.0.0.1:${PORT}/db", "a port that is no number"),
        (f"postgresql://one:1,two:{CANARY}/db", "a port that is no number"),
        (f"postgresql://u:{CANARY}/x@127.0.0.1:1/db", "a password that ends too early"),
        (f"postgresql://u:x@y:{CANARY}@127.0.0.1:1/db", "a password that ends too early"),
    ],
)
def test_a_port_that_is_no_number_is_told_from_a_password_that_is_cut(
    text: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_DSN", text)
    with pytest.raises(SourceError) as caught:
        settings(Secret("env", "TEST_DSN"))
    assert what in str(caught.value)
    assert CANARY not in f"{caught.value} {caught.value.remedy}"


@pytest.mark.parametrize("scheme", ["mysql", "postgresql+asyncpg", "https"])
def test_another_scheme_is_no_matter_of_the_password(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DSN", f"{scheme}://u:{CANARY}@127.0.0.1/db")
    with pytest.raises(SourceError, match="is no connection string") as caught:
        settings(Secret("env", "TEST_DSN"))
    assert caught.value.remedy.startswith("Write postgresql://")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "part", "value"),
    [
        ("host=127.0.0.1 dbname=a@b", "dbname", "a@b"),
        ("postgresql://u:p@127.0.0.1/a%40b", "dbname", "a@b"),
        ("postgresql://u%40x:p@127.0.0.1:5432/db?application_name=a@b/c", "application_name", "a@b/c"),
        ("postgresql://one:1,two:2/db", "port", "1,2"),
        ("postgresql:///db", "dbname", "db"),
        ("dbname=db", "dbname", "db"),
    ],
)
def test_what_only_looks_wrong(text: str, part: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DSN", text)
    assert settings(Secret("env", "TEST_DSN"))[part] == value


def test_a_byte_order_mark_is_no_part_of_a_file_s_secret(tmp_path: Path) -> None:
    """Editors of Windows write it."""
    file = tmp_path / "dsn"
    file.write_text("postgresql://u:p@127.0.0.1/db\r\n", encoding="utf-8-sig")
    assert settings(Secret("file", str(file)))["user"] == "u"


class Plaintext:
    """A server that has no TLS, and keeps what it is told."""

    def __init__(self) -> None:
        self.heard = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.settimeout(10)
            self.heard += connection.recv(1000)
            connection.sendall(b"N")
            self.heard += connection.recv(1000)

    def close(self) -> None:
        self._socket.close()
        self._thread.join(10)


@pytest.fixture
def db_example(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name of this machine that looks like that of another."""
    resolve = socket.getaddrinfo

    def local(host: str, *arguments: object, **options: object) -> object:
        return resolve("127.0.0.1" if host.endswith("db.example") else host, *arguments, **options)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(socket, "getaddrinfo", local)
    return "db.example"


async def test_a_remote_server_without_tls_is_told_nothing(
    db_example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the user's name, unless the connection string allows it."""
    for allowed, heard in (("", False), ("?sslmode=prefer", True)):
        server = Plaintext()
        monkeypatch.setenv(
            "TEST_DSN", f"postgresql://the-user:{CANARY}@{db_example}:{server.port}/db{allowed}"
        )
        with pytest.raises(SourceError) as caught:
            await connect(Secret("env", "TEST_DSN"), 5)
        server.close()
        assert (b"the-user" in server.heard) is heard
        assert heard or caught.value.reason == "tls"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can get at, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


async def test_a_remote_server_must_prove_who_it_is_to_the_authorities_of_this_machine(
    own_postgres: PostgresCluster, open_folder: Path, db_example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word about TLS in the connection string, and whatever OpenSSL psycopg brings along."""
    trusted, stranger = Authority(open_folder), Authority(open_folder, "stranger")
    certificate, key = trusted.issue("server", db_example)
    if os.geteuid() == 0:
        shutil.chown(key, "postgres", "postgres")
    key.chmod(0o600)
    for setting, value in (("ssl_cert_file", certificate), ("ssl_key_file", key), ("ssl", "on")):
        own_postgres.execute(sql.SQL("alter system set {} = {}").format(sql.Identifier(setting), str(value)))
    own_postgres.stop()
    own_postgres.start()
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    for host, authority, fine in (
        (db_example, trusted, True),
        (f"other.{db_example}", trusted, False),
        (db_example, stranger, False),
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        monkeypatch.setenv(
            "TEST_DSN",
            f"postgresql://postgres:{own_postgres.password}@{host}:{own_postgres.port}/postgres",
        )
        if fine:
            connection = await connect(Secret("env", "TEST_DSN"), 5)
            assert connection.pgconn.ssl_in_use
            await connection.close()
        else:
            with pytest.raises(SourceError) as caught:
                await connect(Secret("env", "TEST_DSN"), 5)
            assert caught.value.reason == "tls"


def test_the_authorities_of_this_machine_are_found_without_being_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert "-----BEGIN CERTIFICATE-----" in Path(_authorities()).read_text()
