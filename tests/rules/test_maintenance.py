"""Which services a window of maintenance spares: what it names, what is measured on that, and what depends on it."""

from pathlib import Path

import pytest
import yaml

from exporter.generate import catalogue, files

PLATFORM = """
platform: work
sources:
  postgres: {main: {dsn: "${env:DATABASE_URL}"}, other: {dsn: "${env:OTHER_URL}"}}
  health: {shop: {url: "https://shop.example/health"}, docs: {url: "https://docs.example/health"}}
services:
  shop:
    {title: Shop, question: Open, signals: {health: shop}, objectives: {availability: 99%}, depends_on: [stock]}
  stock:
    {title: Stock, question: There, signals: {postgres: main}, objectives: {availability: 99%}}
  copies:
    title: Copies
    question: New
    signals: {freshness: {source: postgres.other, within: 5m}}
    objectives: {freshness: 99%}
  docs:
    {title: Docs, question: Readable, signals: {health: docs}, objectives: {availability: 99%}}
alerting:
  maintenance: [{title: Work, once: {from: 2026-12-24 18:00, to: 2026-12-25}WINDOW}]
"""


@pytest.mark.parametrize(
    ("window", "spared"),
    [
        ("", {"shop", "stock", "copies", "docs"}),
        (", services: [docs]", {"docs"}),
        (", services: [stock]", {"shop", "stock"}),
        (", services: [postgres.main]", {"shop", "stock"}),
        (", services: [postgres.other, docs]", {"copies", "docs"}),
    ],
)
def test_maintenance_spares_what_it_is_about(window: str, spared: set[str], tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(PLATFORM.replace("WINDOW", window))
    written = files(catalogue(file))
    rules = {
        name: [
            rule
            for group in yaml.safe_load(written[f"prometheus/rules/{name}.yml"])["groups"]
            for rule in group["rules"]
        ]
        for name in ("maintenance", "slo")
    }
    assert {rule["labels"]["service"] for rule in rules["maintenance"]} == spared
    charged = {
        rule["labels"]["service"]
        for rule in rules["slo"]
        if rule["record"] == "slo:events_bad:rate5m" and "maintenance:active" not in rule["expr"]
    }
    assert charged == {"shop", "stock", "copies", "docs"} - spared
