"""What the exporter says of itself as it asks a server. Statistics of the server are declared in `collectors/`."""

from exporter.engine.families import Family

UP = Family("pg_up", "gauge", "Whether the server answered the last collection.", ("target",))
STATIC = Family("pg_static", "gauge", "1; version of the server.", ("target", "short_version", "version"))
COLLECTOR_SUCCESS = Family(
    "pg_scrape_collector_success",
    "gauge",
    "Whether the collector's last run succeeded, in every database it ran in.",
    ("target", "collector"),
)
COLLECTOR_FAILING = Family(
    "pg_scrape_collector_failing",
    "gauge",
    "1 while the collector's last run failed; why.",
    ("target", "collector", "reason"),
)
COLLECTOR_DURATION = Family(
    "pg_scrape_collector_duration_seconds",
    "gauge",
    "How long the server took over the collector's last run, over all databases.",
    ("target", "collector"),
)
COLLECTOR_TRUNCATED = Family(
    "pg_scrape_collector_truncated",
    "gauge",
    "Whether rows beyond the collector's limit were left out.",
    ("target", "collector"),
)
CONNECTIONS = Family("pg_exporter_connections", "gauge", "Connections that the exporter holds.", ("target",))
PERMISSION_MISSING = Family(
    "pg_exporter_permission_missing",
    "gauge",
    "1 for each role that collectors need and the exporter's user has not; see `platform-exporter check`.",
    ("target", "grant"),
)
DATABASES = Family(
    "pg_exporter_databases",
    "gauge",
    "Databases of the server, by what the exporter does with them: scraped, waiting (for their first turn), excluded, "
    "unreachable, failed, capped.",
    ("target", "status"),
)
FAMILIES = (
    UP,
    STATIC,
    COLLECTOR_SUCCESS,
    COLLECTOR_FAILING,
    COLLECTOR_DURATION,
    COLLECTOR_TRUNCATED,
    CONNECTIONS,
    PERMISSION_MISSING,
    DATABASES,
)
