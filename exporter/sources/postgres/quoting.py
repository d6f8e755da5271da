"""Names and values as SQL writes them."""

from collections.abc import Iterable

from psycopg import sql


def quoted(name: str) -> str:
    """Write a name as SQL's identifier."""
    return sql.Identifier(name).as_string()


def literal(text: str) -> str:
    """Write text as SQL's literal, whatever standard_conforming_strings says."""
    return sql.Literal(text).as_string()


def array(texts: Iterable[str]) -> str:
    """Write an array of text."""
    return f"array[{', '.join(map(literal, texts))}]::text[]"
