"""Unit tests look at what is exported, not at the log."""

from exporter import logs

logs.silence()
