"""prometheus-client's own server over the same families: `python -m tests.bench.peer_prometheus_client PORT SERIES`."""

import random
import sys
import threading

from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tests.bench.ours import SOURCES, families


class Families(Collector):
    """Builds the families at each scrape, as the guidelines for exporters ask."""

    def __init__(self, series: int) -> None:
        self._families = [entry for source in range(SOURCES) for entry in families(source, series // SOURCES)]

    def collect(self) -> "list[Metric]":
        found: list[Metric] = []
        for family, keys in self._families:
            metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for key in keys:
                metric.add_metric(list(key), random.random() * 1000)
            found.append(metric)
        return found


def main() -> None:
    """Serve until killed."""
    for name in list(REGISTRY._collector_to_names):
        REGISTRY.unregister(name)
    REGISTRY.register(Families(int(sys.argv[2])))
    start_http_server(int(sys.argv[1]), "127.0.0.1")
    threading.Event().wait()


if __name__ == "__main__":
    main()
