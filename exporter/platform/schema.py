"""The JSON Schema of platform files, so that editors complete keys and mark mistakes."""

from typing import Any

from exporter.platform.model import Platform

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema. Keys are sorted by the model, so that it changes only when the model does."""
    return {
        "$schema": DIALECT,
        "title": "platform-exporter platform file",
        **{key: value for key, value in Platform.model_json_schema().items() if key != "title"},
    }
