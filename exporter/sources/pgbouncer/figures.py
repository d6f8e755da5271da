"""The figures of pgbouncer's admin console: which column becomes which family.

Names, types and labels are those of prometheus-community/pgbouncer_exporter, so that published dashboards work.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from exporter.engine.families import Family, FamilyType

Row = Mapping[str, Any]
"""A row of the console's answer, by column."""

_MICROSECONDS = 1e-6
_DATABASE = ("name", "host", "port", "database", "force_user", "pool_mode")
_POOL = ("database", "user")


@dataclass(frozen=True, slots=True)
class Figure:
    """A column, or a row where the console answers with names and values, and the family it becomes."""

    family: Family
    column: str
    factor: float = 1.0
    plus: str | None = None
    """A column of microseconds beside a column of whole seconds."""

    def value(self, row: Row) -> float | None:
        """Return the value; None when this version has no such column, or NULL in it."""
        number = row.get(self.column)
        if number is None:
            return None
        more = row.get(self.plus) if self.plus else None
        return float(number) * self.factor + float(more or 0) * _MICROSECONDS


def _figure(
    prefix: str,
    labels: tuple[str, ...],
    type_: FamilyType,
    column: str,
    name: str,
    help_: str,
    factor: float = 1.0,
    plus: str | None = None,
) -> Figure:
    return Figure(
        Family(f"pgbouncer_{prefix}{name}", type_, help_, ("target", *labels)), column, factor, plus
    )


_list = partial(_figure, "", (), "gauge")
_config = partial(_figure, "config_", (), "gauge")
_database = partial(_figure, "databases_", _DATABASE, "gauge")
_pool = partial(_figure, "pools_", _POOL, "gauge")
_total = partial(_figure, "stats_totals_", ("database",), "counter")

LISTS = (
    _list("databases", "databases", "Databases."),
    _list("users", "users", "Users."),
    _list("pools", "pools", "Pools."),
    _list("free_clients", "free_clients", "Client slots that are free."),
    _list("used_clients", "used_clients", "Client slots in use."),
    _list("login_clients", "login_clients", "Clients that are logging in."),
    _list("free_servers", "free_servers", "Server slots that are free."),
    _list("used_servers", "used_servers", "Server slots in use."),
    _list("dns_names", "cached_dns_names", "Names in the DNS cache."),
    _list("dns_zones", "cached_dns_zones", "Zones in the DNS cache."),
    _list("dns_queries", "in_flight_dns_queries", "DNS queries that wait for an answer."),
)
CONFIG = (
    _config("max_client_conn", "max_client_connections", "Most client connections, by configuration."),
    _config(
        "max_user_connections", "max_user_connections", "Most server connections of a user; 0 is no limit."
    ),
)
DATABASES = (
    _database("pool_size", "pool_size", "Most server connections of a pool."),
    _database("reserve_pool", "reserve_pool", "Server connections more when clients wait too long."),
    _database("max_connections", "max_connections", "Most server connections; 0 is no limit."),
    _database("current_connections", "current_connections", "Server connections."),
    _database("paused", "paused", "Whether the database is paused."),
    _database("disabled", "disabled", "Whether the database is disabled."),
)
POOLS = (
    _pool("cl_active", "client_active_connections", "Clients that have a server connection, or are idle."),
    _pool("cl_waiting", "client_waiting_connections", "Clients that wait for a server connection."),
    _pool(
        "cl_active_cancel_req",
        "client_active_cancel_connections",
        "Clients whose cancel request is at the server.",
    ),
    _pool(
        "cl_waiting_cancel_req",
        "client_waiting_cancel_connections",
        "Clients whose cancel request waits for a server connection.",
    ),
    _pool("sv_active", "server_active_connections", "Server connections that serve a client."),
    _pool(
        "sv_active_cancel",
        "server_active_cancel_connections",
        "Server connections that carry a cancel request.",
    ),
    _pool(
        "sv_being_canceled",
        "server_being_canceled_connections",
        "Server connections that wait for cancel requests to end.",
    ),
    _pool("sv_idle", "server_idle_connections", "Server connections that are free."),
    _pool(
        "sv_used", "server_used_connections", "Server connections that need a check before their next use."
    ),
    _pool("sv_tested", "server_testing_connections", "Server connections that are being reset or checked."),
    _pool("sv_login", "server_login_connections", "Server connections that are logging in."),
    _pool(
        "maxwait",
        "client_maxwait_seconds",
        "How long the first client in the queue has waited.",
        plus="maxwait_us",
    ),
)
TOTALS = (
    _total("query_count", "queries_pooled_total", "Queries."),
    _total(
        "query_time",
        "queries_duration_seconds_total",
        "Time that servers were executing queries.",
        _MICROSECONDS,
    ),
    _total("bytes_received", "received_bytes_total", "Bytes received."),
    _total("bytes_sent", "sent_bytes_total", "Bytes sent."),
    _total(
        "wait_time",
        "client_wait_seconds_total",
        "Time that clients waited for a server connection.",
        _MICROSECONDS,
    ),
    _total("xact_count", "sql_transactions_pooled_total", "Transactions."),
    _total(
        "xact_time",
        "server_in_transaction_seconds_total",
        "Time that servers were in a transaction, idle or not.",
        _MICROSECONDS,
    ),
    _total("client_parse_count", "client_parses_total", "Prepared statements that clients made."),
    _total("server_parse_count", "server_parses_total", "Prepared statements made at servers."),
    _total("bind_count", "binds_total", "Prepared statements that were bound for execution."),
    _total(
        "server_assignment_count",
        "server_assignments_total",
        "How often a server connection was given to a client.",
    ),
)
