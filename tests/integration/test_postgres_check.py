"""What `check` prints of a database in a pipe, as wide as a terminal is by default: statements that can be copied."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.integration.support import COMMAND
from tests.support.postgres import PostgresCluster

PLATFORM = """\
platform: test
sources: {postgres: {main: {dsn: "${env:CHECK_DSN}"}}}
queries:
  mine:
    title: Mine
    database: main
    sql: select count(*) as value from a_schema_with_a_name_as_long_as_they_are.a_table_with_a_name_as_long_as_they_are
    metrics: {mine: {type: gauge, help: Mine., value: value}}
"""
TABLE = "a_schema_with_a_name_as_long_as_they_are.a_table_with_a_name_as_long_as_they_are"


def check(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, "check", "-p", file], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("password", ["monitor", "SELECT", "pg_monitor"])
def test_statements_are_whole_and_work(
    password: str, own_postgres: PostgresCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_postgres.execute(sql.SQL("create role monitor login password {}").format(password))
    own_postgres.execute("create schema a_schema_with_a_name_as_long_as_they_are")
    own_postgres.execute(sql.SQL("create table {} (i int)").format(sql.SQL(TABLE)))
    file = tmp_path / "platform.yml"
    file.write_text(PLATFORM)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("CHECK_DSN", own_postgres.dsn(user="monitor", password=password))
    told = check(file)
    assert told.returncode == 1
    assert "✗ postgres.main" in told.stdout
    assert "as monitor" in told.stdout
    statements = [line.strip() for line in told.stdout.splitlines() if line.endswith(";")]
    assert f'GRANT SELECT ON {TABLE} TO "monitor";' in statements
    assert 'GRANT pg_monitor TO "monitor";' in statements
    with psycopg.connect(own_postgres.dsn(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
    again = check(file)
    assert again.returncode == 0, again.stdout


def test_more_slow_sql_than_one_collection_has_time_for_is_no_failure(
    own_postgres: PostgresCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run` asks it in turns; `check` collects once."""
    monkeypatch.setenv("CHECK_DSN", own_postgres.dsn())
    own_postgres.execute("create extension if not exists pg_stat_statements")
    slow = "\n".join(
        f"  s{number}: {{title: Slow, database: main, timeout: 8s, sql: 'select 1 as value from pg_sleep(2)', "
        f"metrics: {{slow_{number}: {{type: gauge, help: Slow., value: value}}}}}}"
        for number in range(8)
    )
    file = tmp_path / "platform.yml"
    file.write_text(
        'platform: test\nsources: {postgres: {main: {dsn: "${env:CHECK_DSN}", timeout: 10s}}}\n'
        f"queries:\n{slow}\n"
    )
    told = check(file)
    assert told.returncode == 0, told.stdout
    assert "○" in told.stdout
    assert "not asked to its end in this run" in told.stdout
    assert "✗" not in told.stdout


def test_the_command_for_the_write_test_is_whole_whatever_the_password(
    own_postgres: PostgresCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_postgres.execute("create role monitor login password 'monitor'")
    monkeypatch.setenv("CHECK_DSN", own_postgres.dsn(user="monitor", password="monitor"))
    file = tmp_path / "platform.yml"
    file.write_text(
        'platform: test\nsources: {postgres: {main: {dsn: "${env:CHECK_DSN}", health: {write_test: {}}}}}\n'
    )
    told = check(file).stdout
    assert (
        "Run what `platform-exporter sql-role --name monitor --write-test platform_exporter` prints." in told
    )


def test_a_database_that_does_not_exist_comes_with_where_to_look(
    own_postgres: PostgresCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECK_DSN", own_postgres.dsn("nowhere"))
    file = tmp_path / "platform.yml"
    file.write_text('platform: test\nsources: {postgres: {main: {dsn: "${env:CHECK_DSN}"}}}\n')
    told = check(file)
    assert told.returncode == 1
    assert "rejected" in told.stdout
    assert "`psql -l` lists them" in told.stdout


def test_warnings_of_psycopg_are_not_printed_between_findings() -> None:
    """Such as that a query was interrupted, which is this program's own doing."""
    warn = "import exporter.check, logging; logging.getLogger('psycopg').warning('interrupted')"
    told = subprocess.run(
        [sys.executable, "-c", warn], capture_output=True, text=True, timeout=300, check=True
    )
    assert told.stderr == ""
