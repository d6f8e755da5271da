"""The past of a series that the exporter serves now: what its name says about how it moves, ending at its value."""

import re
from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

from exporter.demo.history.customers import still_to_come
from exporter.demo.history.story import DAY, USUAL_FAILURES, Story
from exporter.demo.world.product import PRICES

Labels = Mapping[str, str]
Values = Sequence[float | None]
_Past = Callable[[Story, Labels, float], Values]

# Events per second at the demo's present pace, for counters that move with traffic: pattern → pace. What has several
# series is either told apart by a label's value, or shares the pace of them all (see `shares`).
_PACES = {
    r"business_calls_total": {"completed": 0.686, "failed": 0.0091, "missed": 0.0049},
    r"pg_stat_database_xact_commit": {"": 7.6},
    r"pg_stat_database_xact_rollback": {"": 0.0},
    r"pg_stat_database_blks_hit": {"": 150.0},
    r"pg_stat_database_blks_read": {"": 0.04},
    r"pg_stat_database_tup_returned": {"": 1860.0},
    r"pg_stat_database_tup_fetched": {"": 51.0},
    r"pg_stat_database_tup_inserted": {"": 1.3},
    r"pg_stat_database_tup_updated": {"": 2.5},
    r"pg_stat_database_tup_deleted": {"": 0.0},
    r"pg_stat_database_(deadlocks|conflicts)": {"": 0.0},
    r"pg_stat_database_temp_(files|bytes)": {"": 0.0},
    r"pg_stat_statements_(top_)?calls_total": {"": 28.0},
    r"pg_stat_statements_(top_)?rows_total": {"": 52.0},
    r"pg_stat_statements_(top_)?exec_seconds_total": {"": 0.0014},
    r"pg_stat_statements_shared_blks_hit_total": {"": 137.0},
    r"pg_stat_statements_shared_blks_read_total": {"": 0.003},
    r"pg_stat_statements_shared_blks_dirtied_total": {"": 0.5},
    r"pg_stat_statements_wal_bytes_total": {"": 1100.0},
    r"pg_wal_written_bytes_total": {"": 1e5},
    r"pg_checkpoints_total": {"timed": 1 / 300},  # by checkpoint_timeout
    r"process_cpu_seconds_total": {"": 0.01},
    r"platform_exporter_(source_failures|series_dropped)_total": {"": 0.0},
}
_BY_THE_CLOCK = ("pg_checkpoints_total",)
"""Counters that go on whatever customers do."""
_FAILED_CALLS = {"completed": -0.686, "failed": 0.686}
"""What becomes of calls while requests fail: share that failed → calls per second more or less."""
_PRICES = {plan: cents / 100 for plan, cents in PRICES.items()}
_FIRST_LOOK = 0.03  # seconds; the first look at anything takes longer than all that follow
_CHECKS = {"database": 0.009, "redis": 0.006, "external_apis": 0.013}
"""Seconds that the product's own checks take when nothing else starts at the same time."""
_SECONDS_OF_LIFE = 20.0  # of a counter that began with the demo, when it is seen first
_AGES = {"health.": 2.0, "postgres.": 2.0}
"""Seconds since a source was read, by the beginning of its name."""
_OTHER_AGES = 4.0


def past(story: Story, name: str, labels: Labels, value: float, counter: bool, share: float = 1.0) -> Values:
    """Return the value of one series at each moment of the story; None where there was none.

    `share` is its part in the pace of a counter (see `shares`).
    """
    for pattern, shape in _PASTS:
        if pattern.fullmatch(name):
            return shape(story, labels, value)
    return _counter(story, labels, value, name, share) if counter else _level(story, labels, value)


def _counter(story: Story, labels: Labels, value: float, name: str, share: float) -> Values:
    """Count backwards from what is served: a counter that began with the demo was below zero, and so never falls."""
    pace = share * _pace(name, labels, value)
    if name in _BY_THE_CLOCK:
        rate = [1.0] * len(story.times)
    else:
        of_database = name.startswith("pg_") and "seconds" in name
        slowed_down = story.slower_check("database") if of_database else [1.0] * len(story.times)
        rate = [
            traffic * (1 + 0.15 * drift) * slower
            for traffic, drift, slower in zip(story.traffic, story.drift(name), slowed_down, strict=True)
        ]
    return [value - pace * left for left in story.until_now(rate)]


def _pace(name: str, labels: Labels, value: float) -> float:
    for pattern, paces in _PACES.items():
        if re.fullmatch(pattern, name):
            return next((pace for word, pace in paces.items() if word in labels.values()), paces.get("", 0.0))
    return min(value / _SECONDS_OF_LIFE, 1000.0)


def shares(name: str, labels: Sequence[Labels]) -> list[float]:
    """Return the share of each series in a counter's pace: statements share it, some take much and most little."""
    weights = [
        1 / (1 + crc32((name + of["queryid"]).encode()) % 17) if "queryid" in of else 0.0 for of in labels
    ]
    whole = sum(weights)
    return [weight / whole if weight else 1.0 for weight in weights]


def calls(story: Story, status: str) -> list[float]:
    """Return the calls per second that ended with a status: those that should have been completed fail with the API."""
    paces = _PACES["business_calls_total"]
    pace, more = paces.get(status, 0.0), _FAILED_CALLS.get(status, 0.0)
    # Of those that end badly by themselves there are more on some days; those that are completed are the rest.
    of_bad = {
        bad: [paces[bad] * (0.25 * d + 0.04 * w) for d, w in zip(story.drift(bad), story.noise, strict=True)]
        for bad in ("failed", "missed")
    }
    own = of_bad.get(status) or [-sum(parts) for parts in zip(*of_bad.values(), strict=True)]
    return [
        traffic * max(0.0, pace + lucky + more * max(0.0, failing - 3 * USUAL_FAILURES))
        for traffic, failing, lucky in zip(story.traffic, story.failing, own, strict=True)
    ]


def _calls(story: Story, labels: Labels, value: float) -> Values:
    return [value - left for left in story.until_now(calls(story, labels.get("status", "")))]


def levelled(story: Story, value: float) -> Values:
    """Return a level that stays where it is."""
    return _level(story, {}, value)


def slowed(story: Story, value: float) -> Values:
    """Return a duration: longer while things go wrong."""
    return [value * slower for slower in story.slower]


def counted(story: Story, pace: float, key: str) -> Values:
    """Return a counter that moves with traffic and is 0 when the demo starts, so that it never falls."""
    return [
        -pace * left
        for left in story.until_now(
            [t * (1 + 0.1 * d) for t, d in zip(story.traffic, story.drift(key), strict=True)]
        )
    ]


def invocations(story: Story, pace: float, status: str) -> Values:
    """Return a counter of a Worker's invocations: those that ended well, or those that threw an exception."""
    failed = story.until_now(story.failed)
    if status == "success":
        return [
            -pace * (left - bad) for left, bad in zip(story.until_now(story.traffic), failed, strict=True)
        ]
    return [-pace * bad for bad in failed]


def _level(story: Story, labels: Labels, value: float) -> Values:
    return [value] * len(story.times)


def _wobbling(story: Story, labels: Labels, value: float) -> Values:
    return [value * (1 + 0.05 * wobble) for wobble in story.noise]


def _growing(story: Story, labels: Labels, value: float) -> Values:
    # Whole things stay whole: users, bytes.
    digits = 0 if value > 20 and value == int(value) else 2
    drifts = story.drift("".join(labels.values()))
    return [
        round(value * growth * (1 + 0.02 * drift), digits)
        for growth, drift in zip(story.growth, drifts, strict=True)
    ]


def _filling(story: Story, labels: Labels, value: float) -> Values:
    return [float(round(value * growth)) for growth in story.growth]


def _averaged(story: Story, labels: Labels, value: float) -> Values:
    """Means over days: they turn slowly."""
    return [value * (1 + 0.04 * drift) for drift in story.drift("mean")]


def _customers(story: Story, labels: Labels, value: float) -> Values:
    return [max(0.0, value - left) for left in still_to_come(story, plan=labels.get("plan"))]


def _revenue(story: Story, labels: Labels, value: float) -> Values:
    plan = labels.get("plan", "")
    return [max(0.0, value - _PRICES[plan] * left) for left in still_to_come(story, plan=plan)]


def _signups(story: Story, labels: Labels, value: float) -> Values:
    return [value - left for left in still_to_come(story, 1)]


def _cancellations(story: Story, labels: Labels, value: float) -> Values:
    return [value + left for left in still_to_come(story, -1)]


def _busy(story: Story, labels: Labels, value: float) -> Values:
    """Sessions: a few at all times, one more now and then."""
    return [max(0.0, value + (wobble > 1.8) - (wobble < -1.8)) if value else 0.0 for wobble in story.noise]


def _duration(story: Story, labels: Labels, value: float) -> Values:
    usual = min(value or 0.004, _FIRST_LOOK)
    return [usual * steady for steady in story.steady]


def _answer(story: Story, labels: Labels, value: float) -> Values:
    """The product's own: as slow as it was."""
    return slowed(story, min(value or 0.004, _FIRST_LOOK))


def _check(story: Story, labels: Labels, value: float) -> Values:
    check = labels.get("check", "")
    usual = _CHECKS.get(check, _FIRST_LOOK / 2)
    return [usual * slower for slower in story.slower_check(check)]


def _short(story: Story, labels: Labels, value: float) -> Values:
    """Ages of transactions: over before anybody looks, now and then some seconds."""
    return [2.5 if wobble > 2.4 else 0.0 for wobble in story.noise]


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
    return today(story, calls(story, labels.get("status", "")), value)


def today(story: Story, rates: Sequence[float], value: float) -> list[float]:
    """Return what is counted each day anew (UTC), `rates` a second; the last day ends at `value`."""
    counted, total, day = [], 0.0, -1.0
    before = story.times[0]
    for time, rate in zip(story.times, rates, strict=True):
        if time // DAY != day:
            day, total = time // DAY, 0.0
        total += rate * (time - before)
        before = time
        counted.append(total)
    # The product's tables were filled without the noise of this story.
    scale = value / total if total and story.now // DAY == day else 1.0
    return [
        float(round(count * (scale if time // DAY == day else 1.0)))
        for count, time in zip(counted, story.times, strict=True)
    ]


def _recently(story: Story, labels: Labels, value: float) -> Values:
    """Times of what happens again and again: a moment ago."""
    source = labels.get("source", "")
    age = next((age for start, age in _AGES.items() if source.startswith(start)), _OTHER_AGES)
    return [time - age + 0.2 * wobble for time, wobble in zip(story.times, story.noise, strict=True)]


def _deployed(story: Story, labels: Labels, value: float) -> Values:
    return story.deployed()


def _tickets(story: Story, labels: Labels, value: float) -> Values:
    return open_tickets(story, value)


def open_tickets(story: Story, value: float) -> list[float]:
    """Return how many wait for an answer: they pile up over the night and with failures, and are answered by day."""
    return [
        float(round(value * growth * (1.25 - 0.25 * min(traffic, 1.6) + 0.15 * drift) + 10 * failing))
        for growth, traffic, failing, drift in zip(
            story.growth, story.traffic, story.failing, story.drift("tickets"), strict=True
        )
    ]


_PASTS: tuple[tuple[re.Pattern[str], _Past], ...] = tuple(
    (re.compile(pattern), shape)
    for pattern, shape in (
        (r"business_calls_total", _calls),
        (r"business_signups_total", _signups),
        (r"business_subscriptions_cancelled_total", _cancellations),
        (r"business_organizations", _customers),
        (r"business_mrr_dollars", _revenue),
        (r"business_calls_today", _today),
        (r"business_support_tickets_open", _tickets),
        (r"business_(\w+_seconds_avg|calls_per_user)", _averaged),  # calls and users grow alike
        (r"business_(?!\w+_total$)\w+", _growing),
        (r"pg_up", _database_up),
        (r"pg_(database|table)_\w*size\w*", _filling),
        (r"pg_(stat_activity_count|sessions\w*|backends)", _busy),
        (r"pg_stat_activity_max_tx_duration|pg_oldest_\w+_age_seconds", _short),
        (r"platform_exporter_source_up", _source_up),
        (r"\w*last_success_timestamp_seconds", _recently),
        (r"platform_exporter_snapshot_timestamp_seconds", _recently),
        (r"health_start_time_seconds", _deployed),
        (r"health_(check_)?status", _one_hot),
        (r"probe_success", _probe),
        (r"probe_http_status_code", _http_status),
        (r"health_pool_connections", _busy),
        (r"health_check_duration_seconds", _check),
        (r"probe_duration_seconds", _answer),
        (r"(?!process_)\w*(duration|time|render)_seconds|pg_health_\w+_seconds", _duration),
        (r"process_resident_memory_bytes", _wobbling),
    )
)
