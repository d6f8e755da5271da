"""Conditions on a Postgres server: what a collector needs to exist, and which of two columns it reads.

What the catalogue says decides, not the version alone: after pg_upgrade, or a restore of a branch, an extension may be
older than its server, and a provider may lack what the version has.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import eq, ge, gt, le, lt
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator

from exporter.platform.problems import suggestion
from exporter.platform.values import fault

Provider = Literal["neon", "supabase", "rds", "aurora", "cloudsql", "generic"]
"""Who runs the server."""
PROVIDERS: tuple[Provider, ...] = get_args(Provider)

_OPERATORS = {">=": ge, "<=": le, "==": eq, ">": gt, "<": lt}
_VERSION = r"(?P<operator>>=|<=|==|>|<) (?P<version>\d+(?:\.\d+)*)"
_NAME = r"[a-z_][a-z0-9_]*"
_FORMS: tuple[re.Pattern[str], ...] = tuple(
    map(
        re.compile,
        (
            r"(?P<kind>primary|standby|superuser)",
            rf"(?P<kind>server) {_VERSION}",
            rf"(?P<kind>extension) (?P<name>{_NAME})(?: {_VERSION})?",
            rf"(?P<kind>function|member|provider) (?P<name>{_NAME})",
            rf"(?P<name>{_NAME})(?:\.(?P<column>{_NAME}))?",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension of a database: its version as numbers, and the schema it lies in, quoted."""

    version: tuple[int, ...]
    schema: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a server, seen from one database. `relations` holds views and their columns (`view.column`)."""

    version: int = 0
    """As libpq numbers it: 150018 is 15.18."""
    standby: bool = False
    superuser: bool = False
    relations: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    """Names of functions that may be executed."""
    roles: frozenset[str] = frozenset()
    """Roles whose rights the user has."""
    extensions: Mapping[str, Extension] = field(default_factory=dict)
    provider: str = "generic"


@dataclass(frozen=True, slots=True)
class Term:
    """A condition, parsed."""

    kind: str
    name: str
    holds: Callable[[Facts], bool]


@lru_cache(maxsize=1024)
def term(text: str) -> Term:
    """Parse a condition. Raises PydanticCustomError for what is none."""
    positive = text.removeprefix("not ")
    match = next((match for form in _FORMS if (match := form.fullmatch(positive))), None)
    if match is None:
        raise fault(
            "condition",
            f"`{text}` is no condition",
            "Write a view, view.column, `function NAME`, `extension NAME`, `extension NAME >= 1.8`, `server >= 14`, "
            "`primary`, `standby`, `member ROLE` or `provider NAME`; `not ` before it turns it round.",
        )
    groups = match.groupdict()
    name = groups.get("name") or ""
    if groups.get("kind") == "provider" and name not in PROVIDERS:
        raise fault("condition", f"`{name}` is no provider", suggestion(name, PROVIDERS))
    holds = _test(groups.get("kind") or "relation", name, groups)
    if positive is not text:
        return Term(groups.get("kind") or "relation", name, lambda facts: not holds(facts))
    return Term(groups.get("kind") or "relation", name, holds)


def _test(kind: str, name: str, groups: Mapping[str, str | None]) -> Callable[[Facts], bool]:
    version = tuple(map(int, (groups.get("version") or "").split("."))) if groups.get("version") else ()
    compare = _OPERATORS.get(groups.get("operator") or "", ge)

    def extension(facts: Facts) -> bool:
        found = facts.extensions.get(name)
        return found is not None and compare(found.version[: len(version)], version)

    relation = f"{name}.{groups.get('column')}" if groups.get("column") else name
    tests: dict[str, Callable[[Facts], bool]] = {
        "primary": lambda facts: not facts.standby,
        "standby": lambda facts: facts.standby,
        "superuser": lambda facts: facts.superuser,
        "server": lambda facts: compare(
            (facts.version // 10000, facts.version % 10000)[: len(version)], version
        ),
        "extension": extension,
        "function": lambda facts: name in facts.functions,
        "member": lambda facts: name in facts.roles,
        "provider": lambda facts: facts.provider == name,
        "relation": lambda facts: relation in facts.relations,
    }
    return tests[kind]


def names(conditions: Iterable[str], kind: str) -> Collection[str]:
    """Return the names of one kind (relation, function …) that the conditions speak of."""
    return sorted({found.name for text in conditions if (found := term(text)).kind == kind})


def _condition(text: str) -> str:
    term(text)
    return text


Condition = Annotated[str, AfterValidator(_condition)]
"""A condition as people write it; see `term`."""
