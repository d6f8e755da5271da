"""Dashboards for import by hand: Grafana then asks which Prometheus they are to read."""

from typing import Any

_INPUT = "DS_PROMETHEUS"
# The oldest Grafana that reads what is generated, and the panels that it brings along.
_GRAFANA = "10.0.0"


def importable(path: str, document: Any) -> Any:
    """Return a generated document with inputs (`__inputs`) if it is a dashboard, any other as it is."""
    if not path.startswith("dashboards/"):
        return document
    first, *others = document["templating"]["list"]
    chosen = first | {"current": {"text": f"${{{_INPUT}}}", "value": f"${{{_INPUT}}}"}}
    return {
        "__inputs": [
            {
                "name": _INPUT,
                "label": "Prometheus",
                "description": "The Prometheus that scrapes the exporter and evaluates the generated rules.",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": _GRAFANA},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
            *(
                {"type": "panel", "id": kind, "name": kind, "version": ""}
                for kind in _kinds(document["panels"])
            ),
        ],
        **document,
        "templating": {"list": [chosen, *others]},
    }


def _kinds(panels: list[dict[str, Any]]) -> list[str]:
    found = {panel["type"] for panel in panels} | {
        kind for panel in panels for kind in _kinds(panel.get("panels", []))
    }
    return sorted(found - {"row"})
