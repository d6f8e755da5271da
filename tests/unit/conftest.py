"""Unit tests look at what is exported, not at the log; a busy machine may take its time over an example."""

from hypothesis import HealthCheck, settings

from exporter import logs

logs.silence()
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
