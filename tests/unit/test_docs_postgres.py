"""docs/postgres.md: what it shows is valid, and what it lists is all there is."""

import re
from pathlib import Path

import pytest

from exporter.platform.conditions import PROVIDERS
from exporter.platform.load import load
from exporter.sources.postgres.profiles import load as profile
from exporter.sources.postgres.roles import CONNECTION_LIMIT

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "postgres.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_valid(example: str, tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(f"platform: test\n{example}")
    assert load(file)


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE) if "://" not in link]
    assert links
    assert [link for link in links if not (DOCS / link).exists()] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_provider_is_listed_with_its_hosts_and_databases(provider: str) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{provider}` |")]
    listed = profile(provider)  # type: ignore[arg-type]  # parametrize loses the literal
    hosts = [host for host in listed.hosts if not host.endswith((".cn", ".build", ".net"))]
    for word in (*hosts, *listed.ignored_databases):
        assert f"`{word}`" in row


def test_the_limit_of_connections() -> None:
    assert f"`CONNECTION LIMIT {CONNECTION_LIMIT}`" in PAGE
