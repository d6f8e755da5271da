"""From the platform file to the files of Prometheus, Alertmanager and Grafana.

`catalogue` reads the platform file, `files` makes the texts (`operator_files` as Kubernetes objects), `write` and
`difference` compare them with a folder.
Nothing here talks to a live system.
"""

from pathlib import Path
from typing import Any

from exporter.generate import overrides
from exporter.generate.catalogue import catalogue as _catalogue
from exporter.generate.files import files
from exporter.generate.folder import difference, write
from exporter.generate.mixin import alert_settings
from exporter.generate.operator import operator_files
from exporter.generate.unused import expired
from exporter.platform.document import Location, dotted, read
from exporter.platform.problems import Problem

__all__ = ["alert_settings", "catalogue", "difference", "expired", "files", "operator_files", "write"]


def catalogue(path: Path) -> dict[str, Any]:
    """Read the platform file at `path` and return the document that the Jsonnet folders take.

    Raises:
        PlatformError: the file is not usable, or asks for something that could never have an effect.
    """
    document = _catalogue(path)
    text = read(path)

    def locate(keys: Location, message: str, remedy: str) -> Problem:
        return Problem(text.file, text.line(keys), dotted(keys), message, remedy)

    return overrides.checked(document, locate)
