"""JSON Schemas in which the docstrings of attributes describe the properties.

pydantic's own `use_attribute_docstrings` reads the source of every model when it is imported: a sixth of a second and
a megabyte of each process, for what few commands ask for.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema


class Described(GenerateJsonSchema):
    """The generator to name as `schema_generator`."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """Return the schema of a model, its properties described."""
        out, model = super().model_schema(schema), schema["cls"]
        for base in model.__mro__:
            if not issubclass(base, BaseModel) or base is BaseModel:
                continue
            for name, text in _docstrings(base.__module__).get(base.__name__, {}).items():
                if (field := model.model_fields.get(name)) is not None:
                    out["properties"][field.alias or name].setdefault("description", text)
        return out


@cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    """Return the docstrings of attributes in a module by the names of class and attribute."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_attributes(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _attributes(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for attribute, after in pairwise(node.body):
        match attribute, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
