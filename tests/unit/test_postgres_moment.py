"""Whether the server that answers may be the one that answered last: another one's statistics are no gain."""

import pytest

from exporter.sources.postgres.transaction import Moment

BEFORE = Moment(time=1000.0, started=500.0, reset=400.0)


@pytest.mark.parametrize(
    ("now", "same"),
    [
        pytest.param(Moment(1060, 500, 400), True, id="the same"),
        pytest.param(Moment(1060, 1020, 400), True, id="started anew"),
        pytest.param(Moment(1060, 500, 1010), True, id="its statistics were reset"),
        pytest.param(
            Moment(1060, 1020, 1021), True, id="started anew after a crash, which loses the statistics"
        ),
        pytest.param(Moment(1060, 1020), True, id="does not tell since when it counts"),
        pytest.param(Moment(1060, 700, 600), False, id="was running by then"),
        pytest.param(Moment(1060, 700, 400), False, id="was running by then, from the same copy"),
        pytest.param(Moment(1060, 700), False, id="was running by then, and does not tell"),
        pytest.param(Moment(1060, 1020, 300), False, id="another one, started since"),
    ],
)
def test_another_server_is_told_by_its_start_or_by_its_statistics(now: Moment, *, same: bool) -> None:
    assert now.same_server(BEFORE) is same
