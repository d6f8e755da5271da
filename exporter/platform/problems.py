"""What is wrong with a platform file, said so that the reader can mend it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is, what it is, how to mend it. `line` counts from 1; 0 means the whole file."""

    file: str
    line: int
    key: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        head = f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"
        return f"{head}\n    {self.remedy}" if self.remedy else head


class PlatformError(Exception):
    """The platform file cannot be used. `problems` holds every mistake found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line)
        super().__init__("\n".join(map(str, self.problems)))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` most likely stands for, or None when nothing is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return a remedy for an unknown word: the nearest right one, or the list of the right ones."""
    known = sorted(known)
    if near := nearest(word, known):
        return f"Did you mean `{near}`?"
    if not known:
        return "Nothing of that kind is declared in this file."
    return "Known here: " + ", ".join(f"`{name}`" for name in known) + "."
