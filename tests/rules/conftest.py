"""The programs of both halves of the matrix, and the generated tree that all rule tests look at."""

from pathlib import Path

import pytest

from tests.support.forky import forky_binary
from tests.support.programs import binary

GOLDEN = Path(__file__).parents[1] / "golden" / "demo"


@pytest.fixture(params=["packaged", "newest"])
def promtool(request: pytest.FixtureRequest) -> Path:
    """Debian stable's promtool (2.42), and forky's (3.5)."""
    return binary("promtool") if request.param == "packaged" else forky_binary("promtool")


@pytest.fixture(params=["packaged", "newest"])
def amtool(request: pytest.FixtureRequest) -> Path:
    """Debian stable's amtool (0.25), and forky's (0.33)."""
    return binary("amtool") if request.param == "packaged" else forky_binary("amtool")
