"""Content negotiation for /metrics: RFC 9110 section 12.5, as far as two formats and one encoding need it."""

from functools import lru_cache

_Weighted = list[tuple[str, dict[str, str], float]]


@lru_cache(maxsize=64)
def wants_openmetrics(accept: str) -> bool:
    """Say whether OpenMetrics 1.0 is preferred to text. Text wins a tie, and when nothing is asked for."""
    text = openmetrics = 0.0
    text_rank = openmetrics_rank = -1
    for media, parameters, weight in _parse(accept):
        if media == "application/openmetrics-text" and parameters.get("version", "1.0.0") in (
            "1.0.0",
            "0.0.1",
        ):
            openmetrics, openmetrics_rank = (
                max((openmetrics, 2), (weight, 2)) if openmetrics_rank == 2 else (weight, 2)
            )
        for pattern, rank in (("text/plain", 2), ("text/*", 1), ("*/*", 0)):
            if media == pattern and rank >= text_rank:
                text, text_rank = max(text, weight) if rank == text_rank else weight, rank
    return openmetrics > text


@lru_cache(maxsize=64)
def wants_gzip(accept_encoding: str) -> bool:
    """Say whether a gzip answer may be sent."""
    weights = {coding: weight for coding, _, weight in _parse(accept_encoding)}
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _parse(header: str) -> _Weighted:
    found: _Weighted = []
    for item in header.split(","):
        name, *rest = (part.strip() for part in item.split(";"))
        parameters = dict(part.split("=", 1) for part in rest if "=" in part)
        try:
            weight = float(parameters.pop("q", "1"))
        except ValueError:
            weight = 0.0
        if name:
            found.append(
                (name.lower(), {key.lower(): value.strip('"') for key, value in parameters.items()}, weight)
            )
    return found
