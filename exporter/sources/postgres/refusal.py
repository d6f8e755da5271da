"""What a server means that refuses a collector's statement."""

import re

import psycopg

from exporter.engine.source import SourceError
from exporter.sources.postgres.collector import Collector, too_long
from exporter.sources.postgres.connection import failure
from exporter.sources.postgres.querytext import tokens

READ_ONLY = "Take out what writes: statements run read-only."

# Within a SELECT, as it is asked, what writes is bad syntax, or a WITH that must stand at the top; and drawing from a
# sequence needs a right that would not help.
_OF_WRITING = (
    psycopg.errors.SyntaxError,
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.InsufficientPrivilege,
)
_WRITES = re.compile(
    r"\binto\b|(?:^|[();] )(?:delete from\b|update [^()]+ set\b)|\b(?:nextval|setval) \("
    r"|(?:^|; )(?:alter|cluster|comment|copy|create|drop|grant|reindex|refresh|revoke|truncate|vacuum) \w"
)


def refusal(error: psycopg.Error, collector: Collector) -> SourceError:
    """Classify the error with which a server answered the collector's statement."""
    told = too_long(str(error)) or failure(error)
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction) or (
        isinstance(error, _OF_WRITING) and collector.own and writes(collector.statement.sql)
    ):
        told.remedy = READ_ONLY
    return told


def writes(sql: str) -> bool:
    """Say whether a statement is to change something, by its words alone: comments, literals and what is quoted do
    not count."""
    said = {"literal": "?", "quoted": "x"}
    words = (said.get(kind, found.lower()) for kind, found in tokens(sql) if kind != "space")
    return _WRITES.search(" ".join(words)) is not None
