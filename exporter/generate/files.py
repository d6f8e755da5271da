"""A catalogue as texts: path in the generated folder → content."""

from pathlib import PurePosixPath
from typing import Any

from exporter.generate.importable import importable
from exporter.generate.mark import header
from exporter.generate.mixin import tree
from exporter.generate.text import json_text, yaml_text
from exporter.generate.unused import refuse_unused


def files(catalogue: dict[str, Any], *, for_import: bool = False) -> dict[str, str]:
    """Return the generated files of a platform: path relative to the output folder → content, sorted by path.

    Dashboards `for_import` ask for their data source when somebody imports them by hand.

    Raises:
        PlatformError: the catalogue changes an alert that has no rule here, or asks for what no Jsonnet file knows.
    """
    documents = tree(catalogue)
    refuse_unused(catalogue, documents)
    mark = header(catalogue["platform"])
    return {
        path: _text(path, importable(path, document) if for_import else document, mark)
        for path, document in sorted(documents.items())
    }


def _text(path: str, document: Any, mark: str) -> str:
    match PurePosixPath(path).suffix:
        case ".yml":
            return yaml_text(document, mark)
        case ".json":
            return json_text(document)
        case _:
            return f"{{{{/* {mark} */}}}}\n{document}"
