"""What we render parses, by prometheus-client's own parsers, to what was put in."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from exporter.engine.exposition import Part, Renderer
from exporter.engine.families import Collected, Exemplar, Family, FamilyType, Samples

NAMES = st.from_regex(r"[a-z_:][a-z0-9_:]{0,12}", fullmatch=True)
LABELS = st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), max_size=3, unique=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.floats() | st.integers(-(10**15), 10**15).map(float)

Parsed = dict[tuple[str, frozenset[tuple[str, str]]], float]


@st.composite
def families(draw: st.DrawFn) -> list[tuple[Family, Samples]]:
    """Draw families with distinct names that do not collide with another's suffixes."""
    found: dict[str, tuple[Family, Samples]] = {}
    for stem in draw(st.lists(NAMES, max_size=5, unique=True)):
        kind: FamilyType = draw(st.sampled_from(["gauge", "counter", "unknown"]))
        name = f"{stem}x_total" if kind == "counter" else f"{stem}x"
        labels = tuple(draw(LABELS))
        keys = st.tuples(*(TEXT for _ in labels))
        values = VALUES if kind != "counter" else st.floats(min_value=0, allow_nan=False)
        samples = draw(st.dictionaries(keys, values, max_size=4))
        found[name] = Family(name, kind, draw(TEXT), labels), samples
    return list(found.values())


def parts(drawn: list[tuple[Family, Samples]]) -> list[tuple[Family, list[Part]]]:
    return [(family, [Part(samples)]) for family, samples in drawn]


def flat(rendered: list[tuple[Family, Samples]]) -> Parsed:
    return {
        (family.name, frozenset(zip(family.labels, labels, strict=True))): value
        for family, samples in rendered
        for labels, value in samples.items()
    }


def same(one: Parsed, other: Parsed) -> bool:
    return one.keys() == other.keys() and all(
        one[key] == other[key] or (math.isnan(one[key]) and math.isnan(other[key])) for key in one
    )


@given(families())
def test_text_parses_to_the_same_samples(drawn: list[tuple[Family, Samples]]) -> None:
    parsed = parser.text_string_to_metric_families(Renderer().render(parts(drawn)).text.decode())
    found = {(s.name, frozenset(s.labels.items())): s.value for family in parsed for s in family.samples}
    assert same(found, flat(drawn))


@given(families())
def test_openmetrics_parses_to_the_same_samples(drawn: list[tuple[Family, Samples]]) -> None:
    rendered = Renderer().render(parts(drawn)).openmetrics.decode()
    parsed = openmetrics_parser.text_string_to_metric_families(rendered)  # type: ignore[no-untyped-call]  # no hints there
    found = {(s.name, frozenset(s.labels.items())): s.value for family in parsed for s in family.samples}
    assert same(found, flat(drawn))


@given(families())
def test_a_renderer_that_was_used_before_renders_the_same(drawn: list[tuple[Family, Samples]]) -> None:
    used = Renderer()
    used.render(parts(drawn))
    used.render(parts(drawn[:1]))
    assert used.render(parts(drawn)) == Renderer().render(parts(drawn))


ROWS = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), st.integers(0, 2).map(float), max_size=6
)


@given(st.lists(st.tuples(ROWS, ROWS, ROWS), min_size=2, max_size=4))
def test_figures_of_one_table_come_and_go_and_change(generations: list[tuple[Samples, ...]]) -> None:
    """Their families share the text of their labels as long as they have the same rows."""
    figures = [Family(name, "gauge", "A figure.", ("schema", "table")) for name in ("one", "two", "three")]
    used = Renderer()
    for rows in generations:
        drawn = list(zip(figures, rows, strict=True))
        assert used.render(parts(drawn)) == Renderer().render(parts(drawn))


def test_help_and_type_of_both_formats() -> None:
    counter = Family("jobs_total", "counter", 'Jobs\n"done" \\ all')
    incumbent = Family("pg_stat_database_deadlocks", "counter", "Deadlocks.")
    out = Renderer().render(parts([(counter, {(): 1.0}), (incumbent, {(): 2.0})]))
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
    rendered = Renderer().render(
        [
            (family, [Part(samples, out.created.get(family, {}), out.exemplars.get(family, {}))])
            for family, samples in out
        ]
    )
    text = openmetrics_parser.text_string_to_metric_families(rendered.openmetrics.decode())  # type: ignore[no-untyped-call]  # no hints there
    families = {family.name: family for family in text}
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
    assert buckets[1].exemplar.labels == {"trace_id": "4bf92f35"}
    assert [sample.value for sample in families["jobs"].samples] == [7.0, 1795168000.25]
    plain = {
        family.name: family.type for family in parser.text_string_to_metric_families(rendered.text.decode())
    }
    assert plain == {"took_seconds": "histogram", "build_info": "gauge", "mode": "gauge", "jobs": "counter"}
    assert b"_created" not in rendered.text
    assert b"trace_id" not in rendered.text


def test_states_that_come_mixed_are_written_together() -> None:
    mode, out = Family("mode", "stateset", "Mode.", ("host", "mode")), Collected()
    for state in ("on", "off"):
        for host in "ab":
            out.set(mode, state == "on", host, state)
    rendered = Renderer().render([(mode, [Part(out.families[mode])])])
    text = openmetrics_parser.text_string_to_metric_families(rendered.openmetrics.decode())  # type: ignore[no-untyped-call]  # no hints there
    (family,) = text
    shown = [(sample.labels["host"], sample.labels["mode"], sample.value) for sample in family.samples]
    assert shown == [("a", "on", 1), ("a", "off", 0), ("b", "on", 1), ("b", "off", 0)]


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
    [(("trace_id", "x" * 121),), (("a", "ü" * 64), ("b", "y" * 63)), (("1st", "x"),), (("a-b", "x"),)],
)
def test_an_exemplar_that_openmetrics_forbids_is_refused(labels: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ValueError, match="exemplar"):
        Exemplar(labels, 1.0)


def test_an_exemplar_may_have_128_characters() -> None:
    out = Collected()
    out.set(
        Family("jobs_total", "counter", "Jobs."), 1, exemplar=Exemplar((("id", "ü" * 126),), 1.0), created=2.0
    )
    text = Renderer().render(
        [(family, [Part(samples, out.created[family], out.exemplars[family])]) for family, samples in out]
    )
    (family,) = openmetrics_parser.text_string_to_metric_families(text.openmetrics.decode())  # type: ignore[no-untyped-call]  # no hints there
    assert family.samples[0].exemplar.labels == {"id": "ü" * 126}
    assert [sample.value for sample in family.samples] == [1.0, 2.0]
