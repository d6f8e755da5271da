"""What was logged, once all of it is written."""

import pytest

from exporter import logs


def said(capfd: pytest.CaptureFixture[str]) -> str:
    """Return what was written to standard error since the last time."""
    logs.flush(10)
    return capfd.readouterr().err
