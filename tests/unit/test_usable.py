"""`check` finds what `generate` would refuse, without making dashboards."""

from pathlib import Path

import pytest

from exporter.generate import catalogue, files, mixin
from exporter.platform.problems import PlatformError
from exporter.usable import refuse_unusable

HEALTH = "sources: {health: {api: {url: 'http://127.0.0.1:1/'}}}\n"


def _written(folder: Path, text: str) -> Path:
    (file := folder / "platform.yml").write_text(text)
    return file


def test_a_name_that_no_dashboard_can_bear(tmp_path: Path) -> None:
    file = _written(tmp_path, f"platform: {'a' * 29}\n{HEALTH}")
    refuse_unusable(file)
    assert files(catalogue(file))
    file = _written(tmp_path, f"platform: {'a' * 30}\n{HEALTH}")
    with pytest.raises(PlatformError):
        files(catalogue(file))
    with pytest.raises(
        PlatformError, match=r"(?s)platform\.yml:1: platform: is too long a name: .*29 characters"
    ):
        refuse_unusable(file)


def test_an_alert_that_nothing_feeds(tmp_path: Path) -> None:
    file = _written(
        tmp_path, f"platform: shop\n{HEALTH}alerting: {{alerts: {{DatabaseDown: {{for: 1m}}}}}}\n"
    )
    with pytest.raises(PlatformError, match="DatabaseDown: has no effect") as told:
        refuse_unusable(file)
    with pytest.raises(PlatformError) as generated:
        files(catalogue(file))
    assert told.value.problems == generated.value.problems


def test_no_dashboard_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate, asked = mixin._evaluate, []

    def noted(name: str, program: str, **arguments: str) -> str:
        asked.append((name, arguments.get("views")))
        return evaluate(name, program, **arguments)

    monkeypatch.setattr(mixin, "_evaluate", noted)
    refuse_unusable(_written(tmp_path, f"platform: shop\n{HEALTH}"))
    assert asked == [("tree.jsonnet", "false")]
