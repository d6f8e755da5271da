"""Every collector's SQL on every version: as the role it is made for, and as one that may do nothing."""

from tests.integration.postgres.support import MONITOR, Server, asking

EVERYTHING = {"every": "15s"}


async def test_no_collector_fails_as_monitor(server: Server) -> None:
    async with asking(server.dsn(MONITOR)) as asked:
        samples = await asked.collect()
        assert samples.failing() == {}
        assert set(samples.all("pg_scrape_collector_success").values()) == {1.0}
