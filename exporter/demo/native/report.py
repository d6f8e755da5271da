"""What the demo prints: addresses, results, a summary."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exporter.demo.names import Ports

if TYPE_CHECKING:
    from exporter.demo.native.verify import Result

ADDRESSES = (
    ("Notifications that arrived", "sinks", "/"),
    ("Exporter", "exporter", "/"),
    ("Metrics", "exporter", "/metrics"),
    ("Prometheus alerts", "prometheus", "/alerts"),
    ("Alertmanager", "alertmanager", "/#/alerts"),
    ("Product's health", "api", "/api/health"),
)


def show_addresses(console: Console, ports: Ports, *, grafana: bool) -> None:
    """Print where to look."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    for title, part, path in ADDRESSES + ((("Dashboards", "grafana", "/"),) if grafana else ()):
        table.add_row(title, ports.url(part, path))
    console.print(table)


def show_result(console: Console, result: "Result") -> None:
    """Print one verified thing."""
    mark = "[green]✓[/]" if result.held else "[red]✗[/]"
    console.print(f"{mark} {escape(result.name)}: {escape(result.seen)}", highlight=False, soft_wrap=True)


def show_results(console: Console, results: Iterable["Result"]) -> None:
    """Print the summary of a verified run."""
    table = Table(title="The demo verified itself", title_justify="left")
    for heading in ("", "What", "Seen"):
        table.add_column(heading, overflow="fold")
    table.add_column("Seconds", justify="right")
    for result in results:
        mark = "[green]✓[/]" if result.held else "[red]✗[/]"
        table.add_row(mark, escape(result.name), escape(result.seen), f"{result.seconds:.1f}")
    console.print(table)


def show_status(console: Console, ports: Ports, answers: Mapping[str, bool]) -> None:
    """Print which parts answer."""
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for heading in ("Part", "Port", "State"):
        table.add_column(heading)
    for part, answered in answers.items():
        table.add_row(part, str(ports[part]), "[green]runs[/]" if answered else "[red]does not answer[/]")
    console.print(table)
