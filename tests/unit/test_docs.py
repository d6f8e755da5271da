"""What the documents say can be done can be done, and what they point at is there."""

import re
from pathlib import Path

import pytest
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from exporter import generate
from exporter.cli import app
from exporter.platform.load import load
from exporter.platform.problems import PlatformError

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
README = DOCUMENTS[0].read_text()
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """The platform file that the README shows."""
    (block,) = re.findall(r"^```yaml\n(platform:.*?)^```", README, re.MULTILINE | re.DOTALL)
    path = tmp_path / "acme.yml"
    path.write_text(block)
    return path


def test_the_platform_file_of_the_readme_is_complete(acme: Path) -> None:
    assert load(acme).platform == "acme"
    assert generate.files(generate.catalogue(acme))


def test_the_mistake_of_the_readme_is_answered_as_it_says(
    acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(acme.parent)
    acme.write_text(acme.read_text().replace("availability:", "availabilty:"))
    with pytest.raises(PlatformError) as error:
        load(Path("acme.yml"))
    assert f"acme.yml --offline\n{error.value}\n```" in README


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text()
    links = re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not missing


@each_document
def test_commands_exist(document: Path) -> None:
    text = document.read_text()
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b(?=[^a-z]*[`\n A-Z#])", "\n".join(_code(text)))) <= targets
    for words in {
        match
        for code in _code(text)
        for match in re.findall(r"platform-exporter ((?:[a-z][a-z-]* ?)+)", code)
    }:
        command = get_command(app)
        for word in words.split():
            if isinstance(command, TyperGroup):
                found = command.get_command(Context(command), word)
                assert found is not None, f"platform-exporter {words}"
                command = found


def _code(text: str) -> list[str]:
    """Return what is set as code: blocks of commands, and words between backquotes."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    commands = [
        line[2:].split("#")[0] + "\n" for block in blocks for line in block.splitlines() if line[:2] == "$ "
    ]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return commands + [f"{code}\n" for code in re.findall(r"`([^`\n]+)`", prose)]
