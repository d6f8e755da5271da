"""How proofs of faults are shown: on the terminal, and as a page with a table of times."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exporter.demo.native.faults import FAULTS, SMS
from exporter.demo.native.prove import Proof

HEADINGS = ("Fault", "Alert", "Fires", "Told", "Over")


def show_proof(console: Console, proof: Proof) -> None:
    """Print one proof as it comes."""
    mark = "[red]✗[/]" if proof.problems else "[green]✓[/]"
    console.print(f"{mark} {escape(summary(proof))}", highlight=False, soft_wrap=True)
    for problem in proof.problems:
        console.print(f"    {escape(problem)}", highlight=False, soft_wrap=True)


def show_proofs(console: Console, proofs: Sequence[Proof]) -> None:
    """Print the table of times."""
    table = Table(title="Seconds until …", title_justify="left")
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if number < 2 else "right")
    for proof in proofs:
        table.add_row(proof.fault, proof.alert, *_times(proof))
    console.print(table)


def summary(proof: Proof) -> str:
    """Return a proof in one line."""
    fires, told, over = _times(proof)
    return f"{proof.fault}: {proof.alert} fires after {fires} s, told after {told} s, over {over} s after it was mended"


def page(proofs: Sequence[Proof]) -> str:
    """Return the page `docs/faults.md`."""
    rows = "".join(_row(proof) for proof in proofs)
    template = Template(files("exporter.demo").joinpath("native", "faults.md").read_text(encoding="utf-8"))
    return template.substitute(rows=rows)


def _row(proof: Proof) -> str:
    fault = FAULTS[proof.fault]
    receivers = ", ".join(f"{name} {seconds:.0f}" for name, seconds in _ordered(proof.told).items())
    fires, told, over = _times(proof)
    return (
        f"| `{proof.fault}` | {fault.broken} | [{proof.alert}](runbooks/{proof.alert}.md) "
        f"| {fault.expected.labels['priority']} | {fires} | {told} | {receivers} | {over} |\n"
    )


def _ordered(told: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(told.items(), key=lambda item: (item[0] == SMS, item[1])))


def _times(proof: Proof) -> tuple[str, str, str]:
    """Return when it fired, when the first receiver was told, and when the last was told that it was over."""
    wanted = FAULTS[proof.fault].expected.receivers
    over = [proof.over[name] for name in wanted if name in proof.over]
    return (
        "-" if proof.fired is None else f"{proof.fired:.0f}",
        f"{min(proof.told.values()):.0f}" if proof.told else "-",
        f"{max(over):.0f}" if over else "-",
    )
