"""`name[]`: exactly the families asked for, in both formats; content negotiation of what clients really send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families as text_families

from exporter.engine.exposition import Exposition, Part, Renderer
from exporter.engine.families import Collected, Family
from exporter.server.negotiate import wants_gzip, wants_openmetrics
from exporter.server.selection import MOST_NAMES, BadSelectionError, Index, names

GAUGE = Family("alpha_bytes", "gauge", "Bytes.\n# HELP gamma_total no family\n", ("kind",))
COUNTER = Family("beta_total", "counter", "Events.")
HISTOGRAM = Family("delta_seconds", "histogram", "Time.", ("kind",))
INFO = Family("epsilon_info", "info", "Facts.", ("version",))
ALL = {family.name for family in (GAUGE, COUNTER, HISTOGRAM, INFO)}


@pytest.fixture(scope="module")
def body() -> Exposition:
    out = Collected()
    out.set(GAUGE, 1, 'x\n# HELP evil_total y\n# TYPE evil_total counter\nevil_total{a="b"} 1')
    out.set(COUNTER, 2)
    out.observe(HISTOGRAM, {0.1: 1, float("inf"): 2}, 3.0, "a")
    out.set(INFO, 1, "1.0")
    return Renderer().render([(family, [Part(samples)]) for family, samples in out])


def text(body: Exposition, *wanted: str) -> set[str]:
    selected = Index(body.text, openmetrics=False).select([name.encode() for name in wanted])
    assert selected in body.text or len(wanted) > 1
    return {sample.name for family in text_families(selected.decode()) for sample in family.samples}


def openmetrics(body: Exposition, *wanted: str) -> set[str]:
    selected = Index(body.openmetrics, openmetrics=True).select([name.encode() for name in wanted])
    families = openmetrics_families(selected.decode())  # type: ignore[no-untyped-call]  # the library has no types
    return {sample.name for family in families for sample in family.samples}


HISTOGRAM_SAMPLES = {"delta_seconds_bucket", "delta_seconds_count", "delta_seconds_sum"}


@pytest.mark.parametrize("select", [text, openmetrics])
def test_one_family_by_the_name_of_its_samples(select, body: Exposition) -> None:  # type: ignore[no-untyped-def]  # two functions
    assert select(body, "alpha_bytes") == {"alpha_bytes"}
    assert select(body, "beta_total") == {"beta_total"}
    assert select(body, "delta_seconds") == HISTOGRAM_SAMPLES
    assert select(body, "delta_seconds_bucket") == HISTOGRAM_SAMPLES
    assert select(body, "epsilon_info") == {"epsilon_info"}
    assert select(body, "beta", "evil_total", "gamma_total", "") == set()
    assert select(body, "beta_total", "alpha_bytes", "beta_total") == {"alpha_bytes", "beta_total"}


@given(chosen=st.sets(st.sampled_from(sorted(ALL))))
def test_all_names_give_the_whole_body_and_order_is_the_bodys(body: Exposition, chosen: set[str]) -> None:
    wanted = [name.encode() for name in chosen]
    selected = Index(body.text, openmetrics=False).select(wanted)
    rest = Index(body.text, openmetrics=False).select([name.encode() for name in ALL - chosen])
    assert len(selected) + len(rest) == len(body.text)
    assert Index(body.openmetrics, openmetrics=True).select(wanted).endswith(b"# EOF\n")
    if chosen == ALL:
        assert selected == body.text
        assert Index(body.openmetrics, openmetrics=True).select(wanted) == body.openmetrics


def test_empty_bodies() -> None:
    assert Index(b"", openmetrics=False).select([b"a"]) == b""
    assert Index(b"# EOF\n", openmetrics=True).select([b"a"]) == b"# EOF\n"


def test_queries() -> None:
    assert names(b"name[]=a&name%5B%5D=b&name=c&other=d&name[]=") == [b"a", b"b", b""]
    assert names(b"%6e%61me[]=a&n%61me%5b%5D=b") == [b"a", b"b"]
    assert names(b"format=prometheus") == []
    assert names(b"other=%C3%A9") == []
    assert len(names(b"&".join([b"name[]=a"] * MOST_NAMES))) == MOST_NAMES
    with pytest.raises(BadSelectionError, match="at most 64"):
        names(b"&".join([b"name[]=a"] * (MOST_NAMES + 1)))


PROMETHEUS_3_5 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;"
    "version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
NATIVE_HISTOGRAMS = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    + PROMETHEUS_3_5
)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (PROMETHEUS_3_5, True),
        (NATIVE_HISTOGRAMS, True),
        ("text/plain;version=1.0.0;q=0.9,application/openmetrics-text;version=1.0.0;q=0.5", True),
        ("text/plain;version=0.0.4;q=0.9,text/plain;q=0.1,application/openmetrics-text;q=0.5", False),
        ("application/openmetrics-text;version=1.0.0;Q=0.1,text/plain", False),
        ('text/plain;x="a,application/openmetrics-text",*/*;q=0.1', False),
        ("application/openmetrics-text;q=nan,text/plain;q=0.1", False),
        ("application/openmetrics-text;q=5,text/plain;q=0.1", False),
    ],
)
def test_openmetrics_is_chosen_by_weight_of_what_we_write(accept: str, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted


@pytest.mark.parametrize(
    ("accept_encoding", "wanted"),
    [
        ("x-gzip", True),
        ("gzip;q=0.5,identity;q=1", False),
        ("gzip, identity", True),
        ("*;q=0.5, gzip;q=0", False),
        ("identity;q=0, *", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
    ],
)
def test_gzip_is_sent_unless_less_welcome(accept_encoding: str, wanted: bool) -> None:
    assert wants_gzip(accept_encoding) is wanted


@given(st.text())
def test_any_header_is_understood(header: str) -> None:
    assert wants_openmetrics(header) in (True, False)
    assert wants_gzip(header) in (True, False)
