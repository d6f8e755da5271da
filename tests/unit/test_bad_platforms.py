"""Each bad platform file gives one clear error; the golden file beside it holds the whole text.

UPDATE_GOLDEN=1 writes the golden files anew.
"""

import os
from pathlib import Path

import pytest

from exporter.generate import catalogue
from exporter.platform.load import load
from exporter.platform.problems import PlatformError

FOLDER = Path(__file__).parent / "bad_platforms"
FILES = sorted(FOLDER.glob("*.yml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_one_error_with_line_and_remedy(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    with pytest.raises(PlatformError) as caught:
        catalogue(Path(file.name))
    text = f"{caught.value}\n"
    golden = file.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    [problem] = caught.value.problems
    assert problem.line > 0
    assert problem.remedy
    assert "hunter2-canary" not in text


def test_the_demo_itself_is_good() -> None:
    platform = load(Path("platforms/demo.yml"))
    assert platform.platform == "demo"


def test_every_mistake_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text("platform: Shop\nenvirnment: x\nsources: {health: {api: {url: nowhere, every: soon}}}\n")
    with pytest.raises(PlatformError) as caught:
        load(file)
    assert [problem.key for problem in caught.value.problems] == [
        "platform",
        "envirnment",
        "sources.health.api.url",
        "sources.health.api.every",
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=r"No such file.*\n.*-p FILE"):
        load(tmp_path / "nothing.yml")


def test_aliases_are_followed_within_bounds(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: shop\n"
        "sources:\n"
        "  health:\n"
        "    api: &usual {url: https://shop.example/health, every: 10s}\n"
        "    web: {<<: *usual, url: https://www.shop.example/health}\n"
    )
    web = load(file).section("health")["web"]
    assert (web.model_dump()["url"], web.model_dump()["every"]) == ("https://www.shop.example/health", 10)
    laughs = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 13)]
    file.write_text("\n".join(laughs))
    with pytest.raises(PlatformError, match="brings the file over 100000 values"):
        load(file)


@pytest.mark.parametrize("text", ["[" * 5000, "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 1500))])
def test_deep_nesting_is_an_error_and_no_crash(text: str, tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(text)
    with pytest.raises(PlatformError, match="nested deeper than 40 levels"):
        load(file)
