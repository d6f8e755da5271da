"""platform-exporter: one platform file in, a complete monitoring stack out."""

from importlib.metadata import version

__version__ = version("platform-exporter")
