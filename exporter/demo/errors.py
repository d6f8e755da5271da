"""The demo's one error: what went wrong and what to do about it, in words for a terminal."""


class DemoError(RuntimeError):
    """Something the person at the terminal can mend; the text says how."""
