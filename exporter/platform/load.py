"""Reads a platform file into the model, or says what is wrong with it."""

import hashlib
from pathlib import Path

from pydantic import ValidationError

from exporter.platform.document import Location, dotted, read
from exporter.platform.mistakes import Format, mistakes
from exporter.platform.model import Platform
from exporter.platform.problems import PlatformError, Problem
from exporter.platform.references import broken_references

_FORMAT = Format(
    model=Platform,
    name="the platform file",
    described="Look the key up in docs/platform-file.md, or let your editor use platform.schema.json.",
)


def load(path: Path) -> Platform:
    """Read and validate the platform file at `path`. Secrets stay references; nothing is contacted.

    Raises:
        PlatformError: with every mistake found, each with file, line, key and remedy.
    """
    document = read(path)
    try:
        platform = Platform.model_validate(document.data)
    except ValidationError as error:
        raise PlatformError(mistakes(document, error, _FORMAT)) from None
    if problems := [
        Problem(document.file, document.line(location), dotted(location), message, remedy)
        for location, message, remedy in broken_references(platform)
    ]:
        raise PlatformError(problems)
    return platform


def locate(path: Path, location: Location, message: str, remedy: str) -> Problem:
    """Return a problem at `location` of the file at `path`, which was read before."""
    document = read(path)
    return Problem(document.file, document.line(location), dotted(location), message, remedy)


def fingerprint(path: Path) -> str:
    """Return the first 12 hex digits of the SHA-256 of the file's bytes: the exporter and the rules both carry it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
