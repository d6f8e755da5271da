// Who is connected to a Postgres server, what do they wait for, and who holds up the others?
local colours = import '../lib/colours.libsonnet';
local known = import '../lib/known.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';

// What sessions wait for, and the strengths of locks, in the words of Postgres.
local waits = ['IO', 'Lock', 'LWLock', 'IPC', 'BufferPin', 'Timeout', 'Extension'];
local modes = [
  'accesssharelock',
  'rowexclusivelock',
  'rowsharelock',
  'shareupdateexclusivelock',
  'sharelock',
  'sharerowexclusivelock',
  'exclusivelock',
];
local kinds = ['relation', 'transactionid', 'tuple', 'extend', 'advisory', 'object', 'virtualxid'];

// `server` is a matcher for the server, `target` its name.
function(ctx, server, target)
  local on = '{' + server + '}';
  local of = ctx.limits.of;
  local statements = ctx.links.statements(target);
  // Whether the exporter's question about this was answered.
  local answered(collector) = 'pg_scrape_collector_success{' + server + ', collector="' + collector + '"} == 1';
  // What exists only while somebody waits, by a label: each that was there in the time shown is 0 in the other steps, or
  // Grafana would draw a single sample as wide as it can, which is an hour.
  local counted(metric, label, collector, word) =
    local asked = answered(collector);
    t.range(known.or_none(
      'sum by (' + label + ') (' + metric + on + ') or 0 * sum by (' + label + ') (last_over_time(' + metric + on
      + '[$__range] @ end())) and on () (' + asked + ')',
      asked,
      label,
      word
    ), '{{' + label + '}}');
  local limit(alert) = [[null, colours.good], [of(alert), colours.bad]];
  {
    applications: panels.timeseries(
      'postgres/applications',
      'Connections by application',
      what='Sessions by the name that the client gave itself; the largest twenty, and the others together.',
      good='The applications that you know, each with as many connections as its pool has.',
      act='One that grows without traffic leaks connections: mend its pool before max_connections is reached.',
      targets=[t.range(known.or_none(
        'label_replace(sum by (application_name) (pg_sessions_by_application' + on
        + '), "application_name", "without a name", "application_name", "")',
        answered('sessions_by_application'),
        'application_name',
        'nobody is connected'
      ), '{{application_name}}')],
      unit='short',
      links=[statements, ctx.links.runbook('DatabaseConnectionsHigh')],
      stack=true,
      decimals=0,
      overrides=panels.by_name + [panels.absent('nobody is connected'), panels.painted('other', colours.unknown)],
    ),
    waiting: panels.timeseries(
      'postgres/waiting',
      'Active sessions that wait',
      what='Sessions in the middle of a query that wait, by what they wait for.',
      good='None, or single ones now and then.',
      act='Lock: see who blocks. IO: the working set outgrew the memory. LWLock: too many sessions at once.',
      targets=[counted('pg_sessions_waiting', 'wait_event_type', 'sessions_waiting', 'nobody waits')],
      unit='short',
      links=[statements, ctx.links.runbook('DatabaseBlocked')],
      style='bars',
      stack=true,
      decimals=0,
      softMax=5,
      overrides=panels.apart(waits) + [panels.absent('nobody waits')],
    ),
    ended: panels.timeseries(
      'postgres/ended',
      'Sessions that ended badly',
      what='Sessions per minute that were abandoned by their client, ended by a fatal error, or killed.',
      good='None.',
      act='Abandoned: the network or a pooler drops connections. Fatal: read the log of the server.',
      targets=[
        t.range('60 * sum(rate(pg_stat_database_sessions_' + kind + '_total' + on + '[$__rate_interval]))', kind)
        for kind in ['abandoned', 'fatal', 'killed']
      ],
      unit='suffix: /min',
      links=[ctx.links.runbook('DatabaseConnectionFailures'), ctx.links.technical],
      softMax=1,
      overrides=[
        panels.painted('abandoned', colours.warn),
        panels.painted('fatal', colours.bad),
        panels.painted('killed', colours.accent),
      ],
    ),
    // Bars of six hours are a pixel wide each: this one is not overlooked.
    blocked_now: panels.stat(
      'postgres/blocked_now',
      'Blocked now',
      what='Sessions that wait now for a lock that somebody else holds, and for how long the first of them has.',
      good='Nobody, or for moments.',
      act='Above ' + numbers.seconds(of('DatabaseBlocked')) + ' customers wait, too: find the root blocker on the right, and end it.',
      targets=[
        t.instant('sum(pg_blocked_sessions' + on + ') or 0 * max(' + answered('blocked') + ')', 'sessions wait'),
        t.instant('max(pg_blocked_longest_wait_seconds' + on + ')', 'longest wait'),
      ],
      unit='none',
      links=[ctx.links.runbook('DatabaseBlocked'), ctx.links.firing],
      wish=5,
      height=8,
      decimals=0,
      background=true,
      text='value_and_name',
      noValue='not known',
      thresholds=[[null, colours.good], [1, colours.warn]],
      mappings=panels.words([[0, 'Nobody', colours.good]]),
      overrides=[panels.named('longest wait', {
        unit: 's',
        decimals: 1,
        thresholds: panels.steps(limit('DatabaseBlocked'), 'blocked_now'),
        mappings: panels.words([[0, 'None', colours.good]]),
      })],
    ),
    blocked: panels.timeseries(
      'postgres/blocked',
      'Blocked sessions',
      what='Sessions that wait for a lock that somebody else holds, by kind of lock.',
      good='None, or for moments.',
      act='Find the root blocker beside: a transaction that was forgotten, or a migration that takes a strong lock.',
      targets=[counted('pg_blocked_sessions', 'locktype', 'blocked', 'nobody is blocked')],
      unit='short',
      links=[ctx.links.runbook('DatabaseBlocked'), ctx.links.firing],
      style='bars',
      stack=true,
      decimals=0,
      softMax=5,
      overrides=panels.apart(kinds) + [panels.absent('nobody is blocked')],
    ),
    wait: panels.timeseries(
      'postgres/wait',
      'Longest wait for a lock',
      what='How long the session that has waited longest for a lock has waited; dashed: what alerts.',
      good='Under a second.',
      act='Above ' + numbers.seconds(of('DatabaseBlocked')) + ' end the root blocker, or cancel the migration.',
      targets=[t.range('max(pg_blocked_longest_wait_seconds' + on + ')', 'wait')],
      unit='dthms',
      links=[ctx.links.runbook('DatabaseBlocked'), ctx.links.firing],
      colour=colours.neutral,
      legend=false,
      softMax=std.max(20, of('DatabaseBlocked')),
      thresholds=limit('DatabaseBlocked'),
    ),
    blockers: panels.timeseries(
      'postgres/blockers',
      'Root blockers',
      what='Sessions that hold up others and wait for nobody themselves, by what they are doing.',
      good='None.',
      act='Idle in transaction: nobody works there; end it. Active: wait, or cancel it.',
      targets=[counted('pg_root_blockers', 'state', 'root_blockers', 'nobody blocks')],
      unit='short',
      links=[ctx.links.runbook('DatabaseBlocked'), ctx.links.runbook('DatabaseIdleInTransaction')],
      style='bars',
      stack=true,
      decimals=0,
      softMax=5,
      overrides=panels.worded(colours.of_label('state')) + [panels.absent('nobody blocks')],
    ),
    oldest: panels.timeseries(
      'postgres/oldest',
      'Oldest transaction and query',
      what='Age of the oldest of each kind; dashed: limits of transactions.',
      good='Seconds; up to ' + numbers.seconds(of('DatabaseIdleInTransaction')) + ' for reports.',
      act='A straight rising line is one stuck session: it holds locks and keeps vacuum from cleaning up.',
      targets=[
        t.range('max(pg_oldest_transaction_age_seconds' + on + ')', 'transaction'),
        t.range('max(pg_oldest_query_age_seconds' + on + ')', 'query'),
        t.range('max(pg_oldest_idle_in_transaction_age_seconds' + on + ')', 'idle in transaction'),
      ],
      unit='dthms',
      links=[ctx.links.runbook('DatabaseTransactionLong'), ctx.links.runbook('DatabaseQueryLong')],
      fill=0,
      softMax=10,
      thresholds=ctx.limits.steps_of(ctx.limits.transaction_seconds),
      overrides=[
        panels.painted('transaction', colours.neutral),
        panels.painted('query', colours.sky),
        panels.painted('idle in transaction', colours.warn),
      ],
    ),
    locks: panels.timeseries(
      'postgres/locks',
      'Locks by mode',
      what='Locks held or waited for, by mode.',
      good='Mostly access share and row exclusive, moving with traffic.',
      act='Access exclusive stops every reader: a migration; run it with a lock_timeout.',
      targets=[t.range(known.or_none(
        'sum by (mode) (pg_locks_count' + on + ') > 0', 'pg_locks_count' + on, 'mode', 'no locks'
      ), '{{mode}}')],
      unit='short',
      links=[ctx.links.runbook('DatabaseLocksMany'), ctx.links.runbook('DatabaseBlocked')],
      stack=true,
      decimals=0,
      softMax=5,
      overrides=panels.apart(modes) + [panels.painted('accessexclusivelock', colours.bad), panels.absent('no locks')],
    ),
  }
