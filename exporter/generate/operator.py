"""The generated rules and routes as objects of the Prometheus operator, for clusters that are configured by such.

Every rule file becomes a PrometheusRule, alertmanager.yml an AlertmanagerConfig (v1alpha1, which every release serves),
and the notification templates a ConfigMap. Secrets are named by the keys of one Secret, PLATFORM-secrets. The
Alertmanager object has to select the AlertmanagerConfig, to mount the templates, and must not add a matcher for the
namespace: `spec.alertmanagerConfigMatcherStrategy.type: None`.

Fields: https://prometheus-operator.dev/docs/api-reference/api/
"""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from exporter.generate.mark import header
from exporter.generate.matcher import Matcher
from exporter.generate.mixin import tree
from exporter.generate.text import yaml_text
from exporter.generate.unused import refuse_unused
from exporter.platform.problems import PlatformError, Problem

FOLDER = "kubernetes"

# Names that the operator's API spells otherwise than camelCase would.
_SPELLED = {
    "api_url": "apiURL",
    "client_url": "clientURL",
    "icon_url": "iconURL",
    "image_url": "imageURL",
    "require_tls": "requireTLS",
    "thumb_url": "thumbURL",
    "topic_arn": "topicARN",
}


def operator_files(catalogue: dict[str, Any]) -> dict[str, str]:
    """Return path → text of every object, sorted by path.

    Raises:
        PlatformError: the platform asks for what these objects cannot say.
    """
    documents = tree(catalogue)
    refuse_unused(catalogue, documents)
    convert = _Converter(catalogue)
    objects: dict[str, dict[str, Any]] = {}
    for path, document in documents.items():
        place = PurePosixPath(path)
        if place.match("prometheus/rules/*.yml"):
            objects[f"prometheusrule-{place.stem}"] = convert.rules(place.stem, document)
        elif place.match("alertmanager/templates/*.tmpl"):
            objects[f"templates-{place.stem}"] = convert.templates(place.name, document)
    objects["alertmanagerconfig"] = convert.alertmanager(documents["alertmanager/alertmanager.yml"])
    mark = header(catalogue["platform"])
    return {f"{FOLDER}/{name}.yml": yaml_text(document, mark) for name, document in sorted(objects.items())}


class _Converter:
    """Turns documents of one platform into objects."""

    def __init__(self, catalogue: dict[str, Any]) -> None:
        self.platform: str = catalogue["platform"]
        self.file: str = catalogue["file"]
        self.secret = f"{self.platform}-secrets"

    def rules(self, topic: str, document: dict[str, Any]) -> dict[str, Any]:
        return self._object("monitoring.coreos.com/v1", "PrometheusRule", topic, spec=document)

    def templates(self, name: str, text: str) -> dict[str, Any]:
        return self._object("v1", "ConfigMap", "templates", data={name: text})

    def alertmanager(self, document: dict[str, Any]) -> dict[str, Any]:
        spec = {
            "route": self._route(document["route"]),
            "receivers": [self._receiver(receiver) for receiver in document["receivers"]],
            "inhibitRules": [
                {
                    "sourceMatch": _matchers(rule["source_matchers"]),
                    "targetMatch": _matchers(rule["target_matchers"]),
                    "equal": rule["equal"],
                }
                for rule in document.get("inhibit_rules", [])
            ],
            "muteTimeIntervals": [self._intervals(entry) for entry in document.get("time_intervals", [])],
        }
        return self._object(
            "monitoring.coreos.com/v1alpha1",
            "AlertmanagerConfig",
            "",
            spec={key: value for key, value in spec.items() if value},
        )

    def _object(self, version: str, kind: str, part: str, **body: Any) -> dict[str, Any]:
        labels = {"app.kubernetes.io/managed-by": "platform-exporter", "platform": self.platform}
        name = f"{self.platform}-{part}" if part else self.platform
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels}, **body}

    def _route(self, route: dict[str, Any]) -> dict[str, Any]:
        converted: dict[str, Any] = {}
        for key, value in route.items():
            match key:
                case "matchers":
                    converted[key] = _matchers(value)
                case "routes":
                    converted[key] = [self._route(part) for part in value]
                case _:
                    converted[_camel(key)] = value
        return converted

    def _receiver(self, receiver: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": receiver["name"],
            **{
                _camel(kind): [self._fields(integration) for integration in integrations]
                for kind, integrations in receiver.items()
                if kind != "name"
            },
        }

    def _fields(self, part: dict[str, Any]) -> dict[str, Any]:
        special: dict[str, Callable[[Any], tuple[str, Any]]] = {
            "details": lambda value: ("details", _pairs(value)),
            "headers": lambda value: ("headers", _pairs(value)),
            "links": lambda value: (
                "pagerDutyLinkConfigs",
                [{"href": link["href"], "alt": link["text"]} for link in value],
            ),
        }
        converted: dict[str, Any] = {}
        for key, value in part.items():
            if key in special:
                name, inside = special[key](value)
                converted[name] = inside
            elif key.endswith("_file"):
                converted[_camel(key.removesuffix("_file"))] = {
                    "name": self.secret,
                    "key": PurePosixPath(value).name,
                }
            else:
                converted[_camel(key)] = self._fields(value) if isinstance(value, dict) else value
        return converted

    def _intervals(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": entry["name"],
            "timeIntervals": [self._interval(entry["name"], part) for part in entry["time_intervals"]],
        }

    def _interval(self, name: str, part: dict[str, Any]) -> dict[str, Any]:
        converted: dict[str, Any] = {}
        for key, value in part.items():
            match key:
                case "location":
                    if value != "UTC":
                        raise PlatformError(
                            [
                                Problem(
                                    self.file,
                                    0,
                                    "alerting",
                                    f"{name} is in {value}, and an AlertmanagerConfig knows no time zones",
                                    "Write its hours in UTC, or generate Alertmanager's own configuration.",
                                )
                            ]
                        )
                case "times":
                    converted[key] = [
                        {"startTime": time["start_time"], "endTime": time["end_time"]} for time in value
                    ]
                case "days_of_month":
                    converted["daysOfMonth"] = [_days(days) for days in value]
                case _:
                    converted[_camel(key)] = [str(item) for item in value]
        return converted


def _days(written: str | int) -> dict[str, int]:
    begin, _, end = str(written).partition(":")
    return {"start": int(begin), "end": int(end or begin)}


def _pairs(mapping: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in mapping.items()]


def _matchers(written: list[str]) -> list[dict[str, str]]:
    """Return matchers as the operator takes them. It puts quotes and escapes around values itself."""
    return [
        {"name": matcher.label, "matchType": matcher.operator, "value": matcher.value}
        for matcher in map(Matcher.parse, written)
    ]


def _camel(name: str) -> str:
    if name in _SPELLED:
        return _SPELLED[name]
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
