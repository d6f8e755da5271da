"""The output folder: written file by file in one step each, compared, and rid of what is no longer generated."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from exporter.generate.mark import is_generated
from exporter.platform.problems import PlatformError, Problem

# Folders that belong to the generator; in them, what a former run wrote and this one does not is removed.
_FOLDERS = ("prometheus", "alertmanager", "dashboards", "grafana", "kubernetes")


def write(files: Mapping[str, str], directory: Path) -> list[str]:
    """Bring `directory` in line with `files`; return the paths that were written or removed, sorted.

    Each file is replaced in one step: a reader sees the old text or the new one. Files that nobody generated stay.

    Raises:
        PlatformError: a file that somebody else wrote stands where a generated one belongs; nothing was changed.
    """
    if foreign := [path for path in files if (text := _read(directory / path)) and not is_generated(text)]:
        raise PlatformError(
            [
                Problem(
                    str(directory / path),
                    0,
                    "",
                    "this file was not generated; it will not be overwritten",
                    "Move it away, or choose another folder with --output.",
                )
                for path in foreign
            ]
        )
    changed = [path for path, text in files.items() if _read(directory / path) != text]
    for path in changed:
        _replace(directory / path, files[path])
    leftover = list(_leftover(files, directory))
    for path in leftover:
        (directory / path).unlink()
    return sorted([*changed, *leftover])


def difference(files: Mapping[str, str], directory: Path) -> list[str]:
    """Say, a sentence a file, how `directory` differs from `files`; nothing when `write` would change nothing."""
    sentences = {}
    for path, text in files.items():
        present = _read(directory / path)
        if present is None:
            sentences[path] = f"{path} is missing."
        elif present != text:
            sentences[path] = f"{path} differs {_first_difference(present, text)}."
    for path in _leftover(files, directory):
        sentences[path] = f"{path} is left over: the platform file no longer asks for it."
    return [sentences[path] for path in sorted(sentences)]


def _first_difference(present: str, wanted: str) -> str:
    lines = zip_longest(present.splitlines(), wanted.splitlines(), fillvalue="nothing")
    for number, (old, new) in enumerate(lines, 1):
        if old != new:
            return f"from line {number}: it has `{old.strip()}`, and should have `{new.strip()}`"
    return "at its end: a newline too many or too few"


def _leftover(files: Mapping[str, str], directory: Path) -> Iterator[str]:
    for folder in _FOLDERS:
        for path in sorted((directory / folder).rglob("*")):
            name = path.relative_to(directory).as_posix()
            if path.is_file() and name not in files and is_generated(_read(path) or ""):
                yield name


def _read(path: Path) -> str | None:
    """Return the text of a file, None when there is none; a file that is no text reads as an empty one."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return ""


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
