"""What commands print for people: as it is meant, and without a secret, whoever said it."""

from typing import IO

from rich.console import Console

from exporter.platform.values import redact


def console(file: IO[str] | None = None) -> Console:
    """Return a console that prints each text as it is: colours and the like are given as `rich.text.Text`."""
    return Console(file=file, soft_wrap=True, highlight=False, markup=False, emoji=False)


def one_line(text: str) -> str:
    """Take out secrets, and what would move a terminal's cursor or hide a line: names may hold anything."""
    return _printable(redact(text))


def lines(text: str) -> str:
    """Do the same to a text of several lines, tabs expanded."""
    return "\n".join(_printable(line.expandtabs()) for line in redact(text).split("\n"))


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else "�" for letter in line)
