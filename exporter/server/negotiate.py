"""Content negotiation for /metrics: RFC 9110 section 12.5, as far as two formats and one encoding need it."""

import re
from functools import lru_cache

_Weighted = list[tuple[str, dict[str, str], float]]

# An element ends at a comma, a parameter at a semicolon, but neither inside a quoted string.
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_PARAMETER = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*"?)+')
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


@lru_cache(maxsize=64)
def wants_openmetrics(accept: str) -> bool:
    """Say whether OpenMetrics 1.0 is preferred to text. Text wins a tie, and when nothing is asked for.

    Only media ranges that name the version we write, or none, count: Prometheus 3 asks for text 1.0.0 as well, which
    we do not have. OpenMetrics 0.0.1 is what Prometheus called 1.0.0 before it was released. All that `application/*`
    can mean here is OpenMetrics; who accepts neither gets text, as from Prometheus' own libraries.
    """
    text = openmetrics = (-1, 0.0)
    for media, parameters, weight in _parse(accept):
        version = parameters.get("version")
        if media == "application/openmetrics-text" and version in (None, "1.0.0", "0.0.1"):
            openmetrics = max(openmetrics, (1, weight))
        elif media == "application/*":
            openmetrics = max(openmetrics, (0, weight))
        elif media == "text/plain" and version in (None, "0.0.4"):
            text = max(text, (3 if version else 2, weight))
        elif media in ("text/*", "*/*"):
            text = max(text, (1 if media == "text/*" else 0, weight))
    return openmetrics[1] > text[1]


@lru_cache(maxsize=64)
def wants_gzip(accept_encoding: str) -> bool:
    """Say whether gzip is acceptable, and not less welcome than an answer that is not encoded."""
    weights = {coding: weight for coding, _, weight in _parse(accept_encoding)}
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _parse(header: str) -> _Weighted:
    """Return the elements with their parameters and weights; one whose weight is no weight is left out."""
    found: _Weighted = []
    for element in _ELEMENT.findall(header):
        name, *rest = [part.strip() for part in _PARAMETER.findall(element)] or [""]
        parameters = {
            key.strip().lower(): value.strip().strip('"')
            for key, equals, value in (part.partition("=") for part in rest)
            if equals
        }
        weight = parameters.pop("q", "1")
        if name and _WEIGHT.fullmatch(weight):
            found.append((name.lower(), parameters, float(weight)))
    return found
