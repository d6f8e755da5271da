"""The past of a series that the exporter serves now: what its name says about how it moves, ending at its value."""

import re
from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

from exporter.demo.history.story import Story

Labels = Mapping[str, str]
Values = Sequence[float | None]
_Past = Callable[[Story, Labels, float], Values]

# Events per second at the demo's present pace, for counters that move with traffic: pattern → pace.
_PACES = {
    r"business_calls_total": {"completed": 0.68, "failed": 0.014, "missed": 0.007},
    r"business_(signups|subscriptions_cancelled)_total": {"": 0.00016},
    r"pg_stat_database_xact_commit": {"": 7.0},
    r"pg_stat_database_xact_rollback": {"": 0.02},
    r"pg_stat_database_blks_hit": {"": 900.0},
    r"pg_stat_database_blks_read": {"": 2.5},
    r"pg_stat_database_tup_(returned|fetched)": {"": 480.0},
    r"pg_stat_database_tup_inserted": {"": 1.6},
    r"pg_stat_database_tup_updated": {"": 2.4},
    r"pg_stat_database_tup_deleted": {"": 0.3},
    r"pg_stat_database_(deadlocks|conflicts)": {"": 0.0},
    r"pg_stat_database_temp_(files|bytes)": {"": 0.002},
    r"pg_stat_statements_calls_total": {"": 32.0},
    r"pg_stat_statements_rows_total": {"": 46.0},
    r"pg_stat_statements_exec_seconds_total": {"": 0.0025},
    r"pg_stat_statements_shared_blks_hit_total": {"": 640.0},
    r"pg_stat_statements_shared_blks_(read|dirtied)_total": {"": 1.5},
    r"pg_stat_statements_wal_bytes_total": {"": 3600.0},
    r"pg_wal_written_bytes_total": {"": 4200.0},
    r"pg_checkpoints_total": {"timed": 0.0011},
    r"pg_stat_statements_top_calls_total": {"": 32.0},
    r"pg_stat_statements_top_rows_total": {"": 46.0},
    r"pg_stat_statements_top_exec_seconds_total": {"": 0.0025},
    r"process_cpu_seconds_total": {"": 0.04},
    r"platform_exporter_(source_failures|series_dropped)_total": {"": 0.0},
}
_FIRST_LOOK = 0.03  # seconds; the first look at anything takes longer than all that follow
_SECONDS_OF_LIFE = 20.0  # of a counter that began with the demo, when it is seen first


def past(story: Story, name: str, labels: Labels, value: float, counter: bool) -> Values:
    """Return the value of one series at each moment of the story; None where there was none."""
    for pattern, shape in _PASTS:
        if pattern.fullmatch(name):
            return shape(story, labels, value)
    return _counter(story, labels, value, name) if counter else _level(story, labels, value)


def _counter(story: Story, labels: Labels, value: float, name: str) -> Values:
    pace = _pace(name, labels, value)
    done = story.until_now(story.traffic)
    total = pace * done[0]
    # Fewer than that by now: the counter began anew when the demo did, and its past ends where it likes.
    end = value if value >= total else total
    return [end - pace * left for left in done]


def _pace(name: str, labels: Labels, value: float) -> float:
    for pattern, paces in _PACES.items():
        if re.fullmatch(pattern, name):
            pace = next((pace for word, pace in paces.items() if word in labels.values()), paces.get("", 0.0))
            return pace * _part(name + labels["queryid"]) if "queryid" in labels else pace
    return min(value / _SECONDS_OF_LIFE, 1000.0)


def pace_of(name: str) -> float:
    """Return the events per second of a counter at the demo's present pace, over all its labels; 0 if not known."""
    return sum(
        sum(paces.values()) for pattern, paces in _PACES.items() if re.fullmatch(pattern, name) is not None
    )


def levelled(story: Story, value: float) -> Values:
    """Return a level that stays where it is."""
    return _level(story, {}, value)


def slowed(story: Story, value: float) -> Values:
    """Return a duration: longer while things go wrong."""
    return [value * slower for slower in story.slower]


def counted(story: Story, pace: float) -> Values:
    """Return a counter that moves with traffic and begins at 0."""
    done = story.until_now(story.traffic)
    return [pace * (done[0] - left) for left in done]


def _part(statement: str) -> float:
    """Share of one statement in all: some take much, most take little; always the same for the same statement."""
    rank = 1 + crc32(statement.encode()) % 17
    return 0.3 / rank


def invocations(story: Story, pace: float, status: str) -> Values:
    """Return a counter of a Worker's invocations: those that ended well, or those that threw an exception."""
    done = story.until_now(story.traffic)
    failed = story.until_now(story.failed)
    if status == "success":
        return [pace * ((done[0] - left) - (failed[0] - bad)) for left, bad in zip(done, failed, strict=True)]
    return [pace * (failed[0] - bad) for bad in failed]


def _level(story: Story, labels: Labels, value: float) -> Values:
    return [value] * len(story.times)


def _wobbling(story: Story, labels: Labels, value: float) -> Values:
    return [value * (1 + 0.05 * wobble) for wobble in story.noise]


def _growing(story: Story, labels: Labels, value: float) -> Values:
    # Whole things stay whole: customers, users.
    digits = 0 if value > 20 and value == int(value) else 2
    return [round(value * growth, digits) for growth in story.growth]


def _busy(story: Story, labels: Labels, value: float) -> Values:
    """Sessions: a few at all times, one more now and then."""
    return [max(0.0, value + (wobble > 1.8) - (wobble < -1.8)) if value else 0.0 for wobble in story.noise]


def _duration(story: Story, labels: Labels, value: float) -> Values:
    usual = min(value or 0.004, _FIRST_LOOK)
    return [usual * slower for slower in story.slower]


def _short(story: Story, labels: Labels, value: float) -> Values:
    """Ages of transactions: fractions of a second, now and then some seconds."""
    return [
        0.004 * slower + (2.5 if wobble > 2.4 else 0.0)
        for slower, wobble in zip(story.slower, story.noise, strict=True)
    ]


def _database_up(story: Story, labels: Labels, value: float) -> Values:
    return story.database_up


def _source_up(story: Story, labels: Labels, value: float) -> Values:
    return story.database_up if labels.get("source", "").startswith("postgres.") else [1.0] * len(story.times)


def _one_hot(story: Story, labels: Labels, value: float) -> Values:
    """The state of a component, or of the whole document."""
    mine = {"healthy": 0, "degraded": 1, "unhealthy": 2}.get(labels.get("status", ""), -1)
    return [float(code == mine) for code in story.statuses(labels.get("check"))]


def _probe(story: Story, labels: Labels, value: float) -> Values:
    return [float(code < 2) for code in story.statuses()]


def _http_status(story: Story, labels: Labels, value: float) -> Values:
    return [503.0 if code == 2 else 200.0 for code in story.statuses()]


def _today(story: Story, labels: Labels, value: float) -> Values:
    """What was counted since midnight (UTC)."""
    pace = next(
        (pace for word, pace in _PACES["business_calls_total"].items() if word in labels.values()), 0.1
    )
    return since_midnight(story, pace)


def since_midnight(story: Story, pace: float) -> list[float]:
    """Return what is counted each day anew (UTC), at a pace per second at the start."""
    counted, total, day = [], 0.0, -1.0
    before = story.times[0]
    for time, traffic in zip(story.times, story.traffic, strict=True):
        if time // 86400 != day:
            day, total = time // 86400, 0.0
        total += pace * traffic * (time - before)
        before = time
        counted.append(float(round(total)))
    return counted


def _recently(story: Story, labels: Labels, value: float) -> Values:
    """Times of what happens again and again: a moment ago."""
    return [time - 0.5 + 0.2 * wobble for time, wobble in zip(story.times, story.noise, strict=True)]


def _deployed(story: Story, labels: Labels, value: float) -> Values:
    return story.deployed()


def _tickets(story: Story, labels: Labels, value: float) -> Values:
    """They pile up over the night and with failures, and are answered by day."""
    return [
        float(round(value * growth * (1.25 - 0.25 * min(traffic, 1.6)) + 60 * failing))
        for growth, traffic, failing in zip(story.growth, story.traffic, story.failing, strict=True)
    ]


_PASTS: tuple[tuple[re.Pattern[str], _Past], ...] = tuple(
    (re.compile(pattern), shape)
    for pattern, shape in (
        (r"business_calls_today", _today),
        (r"business_support_tickets_open", _tickets),
        (r"business_\w+_seconds_avg", _wobbling),
        (r"business_(?!\w+_total$)\w+", _growing),
        (r"pg_up", _database_up),
        (r"pg_database_size_bytes", _growing),
        (r"pg_table_\w*size\w*bytes", _growing),
        (r"pg_(stat_activity_count|sessions\w*|backends)", _busy),
        (r"pg_stat_activity_max_tx_duration|pg_oldest_\w+_age_seconds", _short),
        (r"platform_exporter_source_up", _source_up),
        (r"\w*last_success_timestamp_seconds|cloudflare_window_end_timestamp_seconds", _recently),
        (r"platform_exporter_snapshot_timestamp_seconds", _recently),
        (r"health_start_time_seconds", _deployed),
        (r"health_(check_)?status", _one_hot),
        (r"probe_success", _probe),
        (r"probe_http_status_code", _http_status),
        (r"health_pool_connections", _busy),
        (r"(?!process_)\w*(duration|time|render)_seconds|pg_health_\w+_seconds", _duration),
        (r"process_resident_memory_bytes", _wobbling),
    )
)
