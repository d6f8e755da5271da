"""What we render means, by prometheus-client's parsers, what prometheus-client's own rendering of it means."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import generate_latest, parser
from prometheus_client.core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.samples import Exemplar as ClientExemplar

from exporter.engine.exposition import Part, Renderer
from exporter.engine.families import Collected, Exemplar, Family, Samples
from tests.support.exposed import Drawn, collected, ours, pages, parts, theirs

Read = Counter[tuple[Hashable, ...]]


def read(parsed: Iterable[Metric]) -> Read:
    """Return all that a parser understood. A bound is a number, however it is spelt; exemplars are of a millisecond."""
    return Counter(
        (
            family.name,
            family.type,
            family.documentation,
            sample.name,
            frozenset(
                (label, repr(float(text)) if label == "le" else text) for label, text in sample.labels.items()
            ),
            repr(float(sample.value)),
            exemplar_read(sample.exemplar),
        )
        for family in parsed
        for sample in family.samples
    )


def exemplar_read(exemplar: ClientExemplar | None) -> Hashable:
    if exemplar is None:
        return None
    stamp = exemplar.timestamp
    return (
        frozenset(exemplar.labels.items()),
        repr(float(exemplar.value)),
        None if stamp is None else f"{float(stamp):.3f}",
    )


def text(body: bytes) -> list[Metric]:
    return list(parser.text_string_to_metric_families(body.decode()))


def openmetrics(body: bytes) -> list[Metric]:
    return list(openmetrics_parser.text_string_to_metric_families(body.decode()))  # type: ignore[no-untyped-call]  # no hints there


@given(pages)
def test_text_says_what_prometheus_clients_own_says(page: list[Drawn]) -> None:
    """Without the gauges `…_created`, which ours has in OpenMetrics alone: text 0.0.4 does not know them."""
    created = {f"{drawn.name}_created" for drawn in page}
    client = [family for family in text(generate_latest(theirs(page))) if family.name not in created]
    assert read(text(ours(page).text)) == read(client)


@given(pages)
def test_openmetrics_says_what_prometheus_clients_own_says(page: list[Drawn]) -> None:
    client = openmetrics(generate_openmetrics(theirs(page)))  # type: ignore[no-untyped-call]  # no hints there
    assert read(openmetrics(ours(page).openmetrics)) == read(client)


@given(pages)
def test_a_renderer_that_was_used_before_renders_the_same(page: list[Drawn]) -> None:
    used = Renderer()
    used.render(parts(collected(page)))
    used.render(parts(collected(page[:1])))
    assert used.render(parts(collected(page))) == ours(page)


ROWS = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), st.integers(0, 2).map(float), max_size=6
)


@given(st.lists(st.tuples(ROWS, ROWS, ROWS), min_size=2, max_size=4))
@example([({("a", "x"): 1.0}, {}, {}), ({("b", "x"): 1.0}, {}, {})])  # the values stay, their series do not
def test_figures_of_one_table_come_and_go_and_change(generations: list[tuple[Samples, ...]]) -> None:
    """Their families share the text of their labels as long as they have the same rows."""
    figures = [Family(name, "gauge", "A figure.", ("schema", "table")) for name in ("one", "two", "three")]
    used = Renderer()
    for rows in generations:
        drawn = [(figure, [Part(samples)]) for figure, samples in zip(figures, rows, strict=True)]
        assert used.render(drawn) == Renderer().render(drawn)


def test_what_only_openmetrics_shows_comes_and_goes_and_changes_while_the_value_stays() -> None:
    """A counter may begin anew and come to the same value."""
    jobs, used = Family("jobs_total", "counter", "Jobs."), Renderer()
    for part in (
        Part({(): 7.0}),
        *(Part({(): 7.0}, {(): created}) for created in (1.0, 2.0)),
        Part({(): 7.0}),
        *(Part({(): 7.0}, exemplars={(): Exemplar((("trace_id", trace),), 1.0)}) for trace in "ab"),
        Part({(): 7.0}),
    ):
        assert used.render([(jobs, [part])]) == Renderer().render([(jobs, [part])])


def test_help_and_type_of_both_formats() -> None:
    counter = Family("jobs_total", "counter", 'Jobs\n"done" \\ all')
    incumbent = Family("pg_stat_database_deadlocks", "counter", "Deadlocks.")
    out = Renderer().render([(counter, [Part({(): 1.0})]), (incumbent, [Part({(): 2.0})])])
    assert out.text.decode() == (
        '# HELP jobs_total Jobs\\n"done" \\\\ all\n# TYPE jobs_total counter\njobs_total 1.0\n'
        "# HELP pg_stat_database_deadlocks Deadlocks.\n# TYPE pg_stat_database_deadlocks counter\n"
        "pg_stat_database_deadlocks 2.0\n"
    )
    assert out.openmetrics.decode() == (
        '# HELP jobs Jobs\\n\\"done\\" \\\\ all\n# TYPE jobs counter\njobs_total 1.0\n'
        "# HELP pg_stat_database_deadlocks Deadlocks.\n# TYPE pg_stat_database_deadlocks unknown\n"
        "pg_stat_database_deadlocks 2.0\n# EOF\n"
    )
    assert out.series == 2


@pytest.mark.parametrize("name", ["", "1st", "with-hyphen", "with space"])
def test_a_family_with_a_bad_name_cannot_be_declared(name: str) -> None:
    with pytest.raises(ValueError, match="is not a metric name"):
        Family(name, "gauge", "x")


@pytest.mark.parametrize("labels", [("__reserved",), ("a-b",), ("twice", "twice")])
def test_a_family_with_bad_labels_cannot_be_declared(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="label"):
        Family("name", "gauge", "x", labels)


def test_the_last_label_of_a_summary_is_quantile() -> None:
    assert Family("name", "summary", "x", ("route", "quantile")).labels == ("route", "quantile")
    for labels in ((), ("route",), ("quantile", "route")):
        with pytest.raises(ValueError, match="the last label of a summary is quantile"):
            Family("name", "summary", "x", labels)


def test_le_is_no_label_of_a_histogram() -> None:
    assert Family("name", "gauge", "x", ("le",)).labels == ("le",)
    with pytest.raises(ValueError, match="le is the bound of a bucket"):
        Family("name", "histogram", "x", ("route", "le"))


def test_histogram_info_stateset_created_and_exemplars() -> None:
    """All the other types at once, read back by prometheus-client's strict OpenMetrics parser."""
    took = Family("took_seconds", "histogram", "Time taken.", ("route",))
    build = Family("build_info", "info", "Build.", ("version",))
    mode = Family("mode", "stateset", "Mode.", ("host", "mode"))
    jobs = Family("jobs_total", "counter", "Jobs.")
    out = Collected()
    trace = Exemplar((("trace_id", "4bf92f35"),), 0.7, 1795168800.5)
    out.observe(took, {0.5: 3, 1.0: 4, math.inf: 5}, 2.5, "/a", created=1795168000.0, exemplars={1.0: trace})
    out.set(build, 1, "1.2")
    out.set(mode, 1, "h", "on")
    out.set(mode, 0, "h", "off")
    out.set(jobs, 7, created=1795168000.25)
    rendered = Renderer().render(parts(out))
    families = {family.name: family for family in openmetrics(rendered.openmetrics)}
    assert {name: family.type for name, family in families.items()} == {
        "took_seconds": "histogram",
        "build": "info",
        "mode": "stateset",
        "jobs": "counter",
    }
    buckets = [sample for sample in families["took_seconds"].samples if sample.name == "took_seconds_bucket"]
    assert [(sample.labels["le"], sample.value) for sample in buckets] == [
        ("0.5", 3.0),
        ("1.0", 4.0),
        ("+Inf", 5.0),
    ]
    assert [sample.exemplar and sample.exemplar.labels for sample in buckets] == [
        None,
        {"trace_id": "4bf92f35"},
        None,
    ]
    assert [sample.value for sample in families["jobs"].samples] == [7.0, 1795168000.25]
    plain = {family.name: family.type for family in text(rendered.text)}
    assert plain == {"took_seconds": "histogram", "build_info": "gauge", "mode": "gauge", "jobs": "counter"}
    assert b"_created" not in rendered.text
    assert b"trace_id" not in rendered.text


def test_states_that_come_mixed_are_written_together() -> None:
    mode, out = Family("mode", "stateset", "Mode.", ("host", "mode")), Collected()
    for state in ("on", "off"):
        for host in "ab":
            out.set(mode, state == "on", host, state)
    (family,) = openmetrics(Renderer().render(parts(out)).openmetrics)
    shown = [(sample.labels["host"], sample.labels["mode"], sample.value) for sample in family.samples]
    assert shown == [("a", "on", 1), ("a", "off", 0), ("b", "on", 1), ("b", "off", 0)]


def test_quantiles_that_come_mixed_are_written_together() -> None:
    took, out = Family("took_seconds", "summary", "Time taken.", ("host", "quantile")), Collected()
    for quantile in ("0.5", "0.99"):
        for host in "ab":
            out.set(took, 1, host, quantile)
    (family,) = openmetrics(Renderer().render(parts(out)).openmetrics)
    shown = [(sample.labels["host"], sample.labels["quantile"]) for sample in family.samples]
    assert shown == [("a", "0.5"), ("a", "0.99"), ("b", "0.5"), ("b", "0.99")]


@pytest.mark.parametrize("buckets", [{}, {1.0: 1}, {1.0: 2, math.inf: 1}, {math.inf: 1, 1.0: 1}])
def test_a_histogram_that_makes_no_sense_is_refused(buckets: dict[float, float]) -> None:
    with pytest.raises(ValueError, match="end with infinity"):
        Collected().observe(Family("h", "histogram", "H."), buckets, 1.0)


def test_creation_times_are_written_only_where_openmetrics_has_them() -> None:
    """Strict parsers refuse them elsewhere, and with them the whole scrape."""
    out = Collected()
    for name, kind in (("g", "gauge"), ("pg_stat_database_deadlocks", "counter"), ("u", "unknown")):
        out.set(Family(name, kind, "x"), 1, created=5.0, exemplar=Exemplar((("trace_id", "a"),), 1))  # type: ignore[arg-type]  # mypy sees str
    assert out.created == {}
    assert out.exemplars == {}


@pytest.mark.parametrize(
    "labels",
    [
        (("trace_id", "x" * 121),),
        (("a", "ü" * 64), ("b", "y" * 63)),
        (("1st", "x"),),
        (("a-b", "x"),),
        (("a", "x"), ("a", "y")),
        (("a", "x\0"),),
    ],
)
def test_an_exemplar_that_parsers_refuse_is_refused(labels: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ValueError, match="exemplar"):
        Exemplar(labels, 1.0)


@pytest.mark.parametrize("timestamp", [math.inf, math.nan])
def test_an_exemplar_was_at_some_time(timestamp: float) -> None:
    with pytest.raises(ValueError, match="no time of an exemplar"):
        Exemplar((), 1.0, timestamp)


def test_an_exemplar_may_have_128_characters() -> None:
    out = Collected()
    out.set(
        Family("jobs_total", "counter", "Jobs."), 1, exemplar=Exemplar((("id", "ü" * 126),), 1.0), created=2.0
    )
    (family,) = openmetrics(Renderer().render(parts(out)).openmetrics)
    assert [sample.value for sample in family.samples] == [1.0, 2.0]
    assert family.samples[0].exemplar is not None
    assert family.samples[0].exemplar.labels == {"id": "ü" * 126}
