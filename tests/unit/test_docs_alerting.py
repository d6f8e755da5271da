"""The examples of docs/alerting.md are, put together, one platform file that works."""

import re
from pathlib import Path

from exporter.generate import catalogue
from exporter.platform.load import load

PAGE = Path(__file__).parents[2] / "docs" / "alerting.md"
AROUND = """
platform: acme
services:
  web: {title: Website, question: "Does it load?", signals: {health: web}, depends_on: [api]}
  api: {title: API, question: "Does it answer?", signals: {health: web}, depends_on: [postgres.main]}
sources:
  postgres: {main: {title: Main database, dsn: "${env:DATABASE_URL}"}}
  health: {web: {title: Website, url: "https://acme.example/health"}}
"""


def test_the_examples_are_one_platform_file(tmp_path: Path) -> None:
    file = tmp_path / "acme.yml"
    examples = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    file.write_text(AROUND + "".join(examples))
    alerting = load(file).alerting
    assert {name for name, value in alerting if value} >= {
        *("priorities", "channels", "escalation", "business_hours", "maintenance", "known_issues"),
        *("status_page", "drill", "alerts"),
    }
    assert catalogue(file)["alerting"]["status_page"]["services"] == ["api", "postgres.main", "web"]
