"""The kinds of source. Each module or package in here that defines KIND is one; nothing else registers it."""

from importlib import import_module
from pkgutil import iter_modules

from exporter.sources.kind import SourceKind


def _discover() -> dict[str, SourceKind]:
    modules = (import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__))
    kinds = [module.KIND for module in modules if hasattr(module, "KIND")]
    return {kind.name: kind for kind in sorted(kinds, key=lambda kind: kind.name)}


KINDS = _discover()
"""Every kind by its key in the platform file."""
