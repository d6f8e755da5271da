"""The Accept headers of real scrapers and browsers get the format that they can read."""

import pytest

from exporter.server.negotiate import wants_gzip, wants_openmetrics

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        (PROMETHEUS_2_42, True),
        (PROMETHEUS_3, True),
        ("text/plain;version=0.0.4;q=1,*/*;q=0.1", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("*/*", False),
        ("", False),
        ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", False),
        ("application/openmetrics-text;q=0,text/plain;q=0.1", False),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.9", False),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
        ("application/*", True),
        ("application/*;q=0.5,text/plain", False),
        ("application/*,application/openmetrics-text;q=0", False),
        ("application/json", False),
        (";;;,,q=x", False),
    ],
)
def test_openmetrics(accept: str, openmetrics: bool) -> None:
    assert wants_openmetrics(accept) is openmetrics


@pytest.mark.parametrize(
    ("accept", "gzip"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("*", True),
        ("", False),
        ("gzip;q=0", False),
        ("identity", False),
    ],
)
def test_gzip(accept: str, gzip: bool) -> None:
    assert wants_gzip(accept) is gzip
