// One Postgres server, in the order of an operator's questions: is it there, is it full, is it slow, is it growing?
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';
local copies = import 'postgres_copies.libsonnet';
local health = import 'postgres_health.libsonnet';
local sessions = import 'postgres_sessions.libsonnet';
local storage = import 'postgres_storage.libsonnet';

// The panels of one server. `target` is its name, or the variable of the drill-down; `key` begins their keys; `detail`
// leads to the drill-down, and is null on it.
local parts(ctx, key, target, detail) =
  local limits = ctx.limits;
  local server = 'target="' + target + '"';
  local on = '{' + server + '}';
  local user_databases = '{' + server + ', datname!~"template.*|"}';  // each server carries templates
  local rate_over(metric, window) = 'sum(rate(pg_stat_database_' + metric + user_databases + window + '))';
  local rate(metric) = rate_over(metric, '[$__rate_interval]');
  local touched_over(window) = '(' + rate_over('blks_hit', window) + ' + ' + rate_over('blks_read', window) + ')';
  local hits_over(window) = rate_over('blks_hit', window) + ' / (' + touched_over(window) + ' > 0)';
  local hits = hits_over('[$__rate_interval]');
  // Without a connection or an open transaction Postgres has no row to count, so there is no series: that is a 0, as
  // long as the server answers.
  local answers = '0 * max(pg_up' + on + ' == 1)';
  local or_none(expr) = expr + ' or ' + answers;
  local or_none_in(state, expr) = expr + ' or label_replace(' + answers + ', "state", "' + state + '", "", "")';
  local down = ctx.links.runbook('DatabaseDown');
  local statements = ctx.links.statements(target);
  {
    up: panels.stat(
      key + '/up',
      'Server',
      what='Whether the exporter can connect and query.',
      good='Up.',
      act="Open the runbook: is the server gone, full, or does it refuse the exporter's role?",
      targets=[t.instant('pg_up' + on, 'server')],
      unit='none',
      links=[down, detail],
      mappings=states.up,
      background=true,
      text='value',
      noValue='not read',
    ),
    used: panels.stat(
      key + '/used',
      'Connections used',
      what='Share of max_connections in use.',
      good='Under ' + numbers.percent(limits.connections.warn) + '.',
      act='Find who holds them (states below); put a pooler in front or raise max_connections.',
      targets=[t.range(
        '(' + or_none('sum(pg_stat_activity_count' + on + ')') + ') / max(pg_settings_max_connections' + on + ')', 'used'
      )],
      unit='percentunit',
      links=[detail, ctx.links.runbook('DatabaseConnectionsHigh')],
      decimals=0,
      max=1,
      sparkline=true,
      thresholds=limits.steps_of(limits.connections),
    ),
    longest: panels.stat(
      key + '/longest',
      'Oldest transaction',
      what='Age of the longest open transaction.',
      good='Seconds; up to ' + numbers.seconds(limits.transaction_seconds.warn) + ' during reports.',
      act='Idle in transaction: a client forgot to commit, end it. Active: a query without an index.',
      targets=[t.instant(or_none('max(pg_stat_activity_max_tx_duration' + on + ')'), 'age')],
      unit='s',
      links=[detail, ctx.links.runbook('DatabaseTransactionLong')],
      decimals=1,
      thresholds=limits.steps_of(limits.transaction_seconds),
    ),
    cache: panels.stat(
      key + '/cache',
      'Cache hits',
      what='Share of blocks found in shared buffers rather than read from disk.',
      good=numbers.percent(limits.cache_hit.warn) + ' or more.',
      act='A fall means that the working set outgrew the memory, or that a query reads whole tables.',
      targets=[t.range(hits, 'hits')],
      // Just after a start, or when nobody works, nothing is asked for: that is no share, and not missing either.
      now='(' + hits_over('[5m]') + ' or (' + touched_over('[5m]') + ' == 0) - 1) and on () (max(pg_up' + on + ') == 1)',
      mappings=panels.words([[-1, 'nothing read', colours.unknown]]),
      unit='percentunit',
      links=[detail, statements],
      decimals=2,
      max=1,
      sparkline=true,
      thresholds=[[null, colours.bad], [limits.cache_hit.bad, colours.warn], [limits.cache_hit.warn, colours.good]],
    ),
    total_size: panels.stat(
      key + '/total_size',
      'Size',
      what='Size of all databases of the server.',
      good='Grows no faster than the number of customers.',
      act='A jump is an import, a table that is never cleaned, or bloat: look at the largest tables.',
      targets=[t.range('sum(pg_database_size_bytes' + user_databases + ')', 'size')],
      unit='bytes',
      links=[detail, ctx.links.operations],
      decimals=1,
      sparkline=true,
      thresholds=[[null, colours.neutral]],  // the line is even, the number legible in its colour; without one it is grey
    ),
    version: panels.stat(
      key + '/version',
      'Version',
      what='Version of the server.',
      good='The newest patch release of a version that is still supported.',
      act='Plan the update; patch releases need only a restart.',
      targets=[t.table('pg_static' + on)],
      unit='none',
      links=[detail, ctx.links.runbook('DatabaseRestarted')],
      colour=colours.neutral,
      text='value',
      noValue='not known',
      overrides=[panels.named('short_version', { unit: 'string' })],
    ) + { options+: { reduceOptions+: { fields: '/^short_version$/' } } },
    connections: panels.timeseries(
      key + '/connections',
      'Connections by state',
      what='Connections by what they are doing; max_connections is drawn (dashed) once a quarter of it is in use.',
      good='Mostly idle, a few active, hardly any idle in transaction; no dashed line in sight.',
      act='Near the line new clients are refused: find the client that leaks connections, or put a pooler in front.',
      targets=[
        t.range(or_none_in(
          'idle', 'sum by (state) (pg_stat_activity_count{' + server + ', state!~"disabled|fastpath.*"})'
        ), '{{state}}'),
        // Always drawn, it would flatten the few that are used.
        t.range(
          'max(pg_settings_max_connections' + on + ') < 4 * sum(pg_stat_activity_count' + on + ')', 'max_connections'
        ),
      ],
      unit='short',
      links=[detail, ctx.links.runbook('DatabaseConnectionsHigh')],
      stack=true,
      decimals=0,
      overrides=panels.worded(colours.of_label('state')) + [panels.limit('max_connections')],
    ),
    transactions: panels.timeseries(
      key + '/transactions',
      'Transactions',
      what='Transactions per second that were committed and rolled back.',
      good='Commits follow traffic; rollbacks are few.',
      act="Many rollbacks are errors in the application or conflicts between transactions: read the server's log.",
      targets=[t.range(rate('xact_commit'), 'committed'), t.range(rate('xact_rollback'), 'rolled back')],
      unit='count:/s',
      links=[detail, statements],
      overrides=[panels.painted('committed', colours.neutral), panels.painted('rolled back', colours.bad)],
    ),
    ages: panels.timeseries(
      key + '/ages',
      'Oldest transaction by state',
      what='Age of the longest open transaction, by what its connection is doing; dashed: limits.',
      good='Sawtooth under ' + numbers.seconds(limits.transaction_seconds.warn) + '.',
      act='A straight rising line is one stuck transaction: it holds locks and keeps vacuum from cleaning up.',
      targets=[t.range(
        or_none_in('active', 'max by (state) (pg_stat_activity_max_tx_duration{' + server + ', state!~"idle|disabled|fastpath.*"})'), '{{state}}'
      )],
      unit='dthms',
      links=[detail, ctx.links.runbook('DatabaseTransactionLong')],
      softMax=10,
      overrides=panels.worded(colours.of_label('state')),
      thresholds=limits.steps_of(limits.transaction_seconds),
    ),
    rows: panels.timeseries(
      key + '/rows',
      'Rows written',
      what='Rows inserted, updated and deleted per second.',
      good='Moves with the business: calls, sign-ups, payments.',
      act='Writes without traffic are a job or a migration; updates far above inserts need a look at vacuum.',
      targets=[
        t.range(rate('tup_inserted'), 'inserted'),
        t.range(rate('tup_updated'), 'updated'),
        t.range(rate('tup_deleted'), 'deleted'),
      ],
      unit='count:/s',
      links=[detail, statements],
      stack=true,
      overrides=[
        panels.painted('inserted', colours.neutral),
        panels.painted('updated', colours.blue),
        panels.painted('deleted', colours.accent),
      ],
    ),
    hit_ratio: panels.timeseries(
      key + '/hit_ratio',
      'Cache hit ratio',
      what='Share of blocks found in shared buffers, over time; dashed: limits.',
      good='Above ' + numbers.percent(limits.cache_hit.warn) + '.',
      act='Look for the query that began when it fell; more memory helps only when all queries suffer.',
      targets=[t.range(hits, 'hits')],
      unit='percentunit',
      links=[detail, statements],
      min=null,
      max=1,
      colour=colours.neutral,
      legend=false,
      thresholds=[[null, colours.bad], [limits.cache_hit.bad, colours.warn], [limits.cache_hit.warn, colours.good]],
    ),
    trouble: panels.timeseries(
      key + '/trouble',
      'Deadlocks, conflicts, temporary files',
      what='Events that should be rare, per minute.',
      good='Zero.',
      act='Deadlocks: lock rows in one order. Temporary files: a sort outgrew work_mem. Conflicts: queries on a replica were cancelled.',
      targets=[
        t.range('60 * ' + rate('deadlocks'), 'deadlocks'),
        t.range('60 * ' + rate('conflicts'), 'conflicts'),
        t.range('60 * ' + rate('temp_files'), 'temporary files'),
      ],
      unit='suffix: /min',
      links=[detail, ctx.links.runbook('DatabaseDeadlocks')],
      softMax=1,
      overrides=[
        panels.painted('deadlocks', colours.bad),
        panels.painted('conflicts', colours.accent),
        panels.painted('temporary files', colours.warn),
      ],
    ),
    sizes: panels.timeseries(
      key + '/sizes',
      'Size by database',
      what='Size of each database on disk.',
      good='Grows no faster than the number of customers.',
      act='A jump is an import, a table that is never cleaned, or bloat.',
      targets=[t.range('sum by (datname) (pg_database_size_bytes' + user_databases + ')', '{{datname}}')],
      unit='bytes',
      links=[ctx.links.business, down],
      stack=true,
      overrides=panels.by_name,
    ),
    reads: panels.timeseries(
      key + '/reads',
      'Rows read',
      what='Rows fetched through indexes, and rows and index entries read by scans, per second.',
      good='The two move together.',
      act='Scans far above fetches: a query reads whole tables; find it among the statements.',
      targets=[t.range(rate('tup_fetched'), 'fetched by index'), t.range(rate('tup_returned'), 'read by scans')],
      unit='count:/s',
      links=[statements, ctx.links.technical],
      fill=0,
      overrides=[panels.painted('fetched by index', colours.neutral), panels.painted('read by scans', colours.warn)],
    ),
    collectors: panels.table(
      key + '/collectors',
      'Collectors',
      what='What the exporter asks this server, and how long each question takes.',
      good='Every collector ran, in milliseconds.',
      act='Not run: a grant or a setting is missing; platform-exporter check names it.',
      targets=[
        t.table('max by (collector) (pg_scrape_collector_success' + on + ')'),
        t.table('max by (collector) (pg_scrape_collector_duration_seconds' + on + ')'),
      ],
      join='collector',
      unit='none',
      columns=[['collector', 'Collector'], ['Value #A', 'State'], ['Value #B', 'Time']],
      links=[ctx.links.exporter, ctx.links.runbook('DatabaseCollectorFailing')],
      wish=16,
      height=10,
      sort='Time',
      overrides=[
        panels.named('Collector', { 'custom.minWidth': 225 }),  // stat_progress_create_index
        panels.named('State', {
          mappings: panels.words([[0, 'Failed', colours.bad], [1, 'Ran', colours.good]]),
          'custom.cellOptions': { type: 'color-text' },
          'custom.width': 62,
        }),
        panels.named('Time', { unit: 's', decimals: 1, 'custom.width': 72 }),
      ],
    ),
  };

{
  // The row of the technical view.
  section(ctx, source)::
    local p = parts(ctx, 'postgres/' + source.target, source.target, ctx.links.postgres(source.target));
    layout.section('Database: ' + source.title, [
      [p.up, p.used, p.longest, p.cache, p.total_size, p.version],
      [p.connections, p.transactions, p.ages],
      [p.rows, p.hit_ratio, p.trouble],
    ]),

  // The whole drill-down, for the server chosen in the variable `target`.
  sections(ctx)::
    local server = 'target="$target"';
    local p = parts(ctx, 'postgres', '$target', null);
    local who = sessions(ctx, server, '$target');
    local kept = storage(ctx, server, '$target');
    local copied = copies(ctx, server);
    local well = health(ctx, server);
    [
      layout.section('Is it there?', [
        [p.up, well.running, p.used, p.longest],
        [p.cache, p.total_size, well.damage, p.version],
        [well.answer, well.health],
      ]),
      layout.section('Who is connected, and who waits?', [
        [p.connections, who.applications, who.waiting],
        [who.oldest, who.ended, who.locks],
      ]),
      layout.section('Is anybody blocked?', [[who.blocked_now, who.blocked, who.wait, who.blockers]]),
      layout.section('What does it do?', [[p.transactions, p.rows, p.reads], [p.hit_ratio, kept.temp, p.trouble]]),
      layout.section('What grows?', [[kept.tables, kept.indexes], [p.sizes, kept.wal, kept.wal_size], [kept.sequences, kept.temp_space]]),
      layout.section('Does vacuum keep up?', [[kept.dead, kept.horizon, kept.workers], [kept.wraparound, kept.multixacts, kept.checkpoints]]),
      layout.section('Are its copies good?', [[copied.archiver, copied.lag, copied.slots], [copied.receiver, copied.behind]]),
      layout.section('Can these figures be believed?', [[p.collectors, kept.permissions]]),
    ],
}
