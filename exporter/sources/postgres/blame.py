"""Who is put off when the connection is lost while its statement runs."""

from collections.abc import Sequence

from exporter.sources.postgres.run import Run

_REST = 60.0


class Blame:
    """Tells the collector that ends its session from one that only ran while somebody else did.

    A loss says little of the statement that was running: servers are restarted, sessions ended. So a collector is
    blamed only for two losses in a row, with no round or turn of its own between them that came to its end. Then it
    rests for its interval, 60 s at least, and the others are asked once more without it.

    Attributes:
        found: whether somebody was blamed since this was last set to False.
    """

    def __init__(self) -> None:
        self._suspect: Run | None = None
        self.found = False

    def lost(self, asked: Sequence[Run], answered: int) -> Run | None:
        """Return who is to blame that the connection was lost after so many of those asked together had answered;
        -1 if not even the beginning of the transaction had."""
        running = asked[answered] if 0 <= answered < len(asked) else None
        guilty = running if running is self._suspect else None
        self._suspect = running
        self.found = self.found or guilty is not None
        return guilty

    def ended(self, asked: Sequence[Run]) -> None:
        """Clear whoever was among them: all have answered, so it was somebody else, or is over."""
        if any(run is self._suspect for run in asked):
            self._suspect = None

    @staticmethod
    def rest(run: Run) -> float:
        """Return for how many seconds one that is blamed is left alone."""
        return max(run.every, _REST)
