"""Prometheus' web configuration file, as exporter-toolkit reads it: TLS, basic auth, headers and rate limit.

The format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

from exporter.server.webconfig.load import load
from exporter.server.webconfig.model import WebConfig
from exporter.server.webconfig.tls import Tls

__all__ = ["Tls", "WebConfig", "load"]
