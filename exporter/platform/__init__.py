"""The platform file: its model, how it is read, and how its mistakes are told."""

from exporter.platform.load import load
from exporter.platform.model import Platform
from exporter.platform.problems import PlatformError, Problem
from exporter.platform.values import Duration, Ratio, Secret, Size

__all__ = ["Duration", "Platform", "PlatformError", "Problem", "Ratio", "Secret", "Size", "load"]
