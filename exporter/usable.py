"""Whether `generate` would take a platform file: found out without the dashboards, which take most of its time."""

from pathlib import Path

from exporter.generate import catalogue
from exporter.generate.mixin import rules_and_routes
from exporter.generate.unused import refuse_unused
from exporter.platform.load import locate
from exporter.platform.problems import PlatformError

_LONGEST_NAME = 40 - len("-operations")
"""Grafana allows 40 characters in a dashboard's uid: the platform's name, a hyphen, and the dashboard's."""


def refuse_unusable(path: Path) -> None:
    """Look whether everything can be generated of the platform file at `path`.

    Raises PlatformError with what `generate` would say.
    """
    document = catalogue(path)
    if len(document["platform"]) > _LONGEST_NAME:
        what = "is too long a name: Grafana allows 40 characters in a dashboard's uid, which begins with it"
        raise PlatformError(
            [
                locate(
                    path,
                    ("platform",),
                    what,
                    f"Use {_LONGEST_NAME} characters at most; `title` may be longer.",
                )
            ]
        )
    refuse_unused(document, rules_and_routes(document))
