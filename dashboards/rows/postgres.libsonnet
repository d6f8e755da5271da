// One Postgres server, in the order of an operator's questions: is it there, is it full, is it slow, is it growing?
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';
local limits = import '../lib/thresholds.libsonnet';

// Metrics of the server, and of its databases without the templates that every server carries.
local on(source, more='') = '{target="%s"%s}' % [source.target, more];
local databases(source, more='') = on(source, ', datname!~"template.*|"' + more);
local rate(metric, source) =
  'sum(rate(pg_stat_database_%s%s[$__rate_interval]))' % [metric, databases(source)];
local hitRatio(source) =
  '%(hit)s / (%(hit)s + %(read)s > 0)' % { hit: rate('blks_hit', source), read: rate('blks_read', source) };

// Without a connection or an open transaction Postgres has no row to count, so there is no series: that is a 0, as
// long as the server answers.
local orNone(expr, source) = expr + ' or 0 * max(pg_up%s == 1)' % on(source);
local orNoneIn(state, expr, source) =
  expr + ' or label_replace(0 * max(pg_up%s == 1), "state", "%s", "", "")' % [on(source), state];

local vitals(ctx, source) = [
  panels.stat(
    'postgres/%s/up' % source.target,
    'Server',
    what='Whether the exporter can connect and query.',
    good='Up.',
    act="Open the runbook: is the server gone, full, or does it refuse the exporter's role?",
    targets=[t.instant('pg_up' + on(source), 'server')],
    unit='none',
    links=[ctx.links.runbook('DatabaseDown')],
    mappings=states.up,
    background=true,
    text='value',
    noValue='not read',
  ),
  panels.stat(
    'postgres/%s/used' % source.target,
    'Connections used',
    what='Share of max_connections in use.',
    good='Under %d %%.' % (limits.connections.warn * 100),
    act='Find who holds them (states below); put a pooler in front or raise max_connections.',
    targets=[t.range(
      '(%s) / max(pg_settings_max_connections%s)'
      % [orNone('sum(pg_stat_activity_count%s)' % on(source), source), on(source)], 'used'
    )],
    unit='percentunit',
    links=[ctx.links.runbook('DatabaseDown')],
    decimals=0,
    max=1,
    sparkline=true,
    thresholds=[[null, colours.good], [limits.connections.warn, colours.warn], [limits.connections.bad, colours.bad]],
  ),
  panels.stat(
    'postgres/%s/longest' % source.target,
    'Oldest transaction',
    what='Age of the longest open transaction.',
    good='Seconds; up to %g s during reports.' % limits.transaction_seconds.warn,
    act='Idle in transaction: a client forgot to commit, end it. Active: a query without an index.',
    targets=[t.range(
      orNone('max(pg_stat_activity_max_tx_duration%s)' % on(source), source), 'age'
    )],
    unit='s',
    links=[ctx.links.runbook('DatabaseDown')],
    decimals=1,
    sparkline=true,
    thresholds=[
      [null, colours.good],
      [limits.transaction_seconds.warn, colours.warn],
      [limits.transaction_seconds.bad, colours.bad],
    ],
  ),
  panels.stat(
    'postgres/%s/cache' % source.target,
    'Cache hits',
    what='Share of blocks found in shared buffers rather than read from disk.',
    good='%d %% or more.' % (limits.cache_hit.warn * 100),
    act='A fall means that the working set outgrew the memory, or that a query reads whole tables.',
    targets=[t.range(hitRatio(source), 'hits')],
    unit='percentunit',
    links=[ctx.links.technical],
    decimals=2,
    max=1,
    sparkline=true,
    noValue='no reads',
    thresholds=[[null, colours.bad], [limits.cache_hit.bad, colours.warn], [limits.cache_hit.warn, colours.good]],
  ),
  panels.stat(
    'postgres/%s/total_size' % source.target,
    'Size',
    what='Size of all databases of the server.',
    good='Grows no faster than the number of customers.',
    act='A jump is an import, a table that is never cleaned, or bloat: look at the largest tables.',
    targets=[t.range('sum(pg_database_size_bytes%s)' % databases(source), 'size')],
    unit='bytes',
    links=[ctx.links.business],
    decimals=1,
    colour=colours.neutral,
    sparkline=true,
  ),
  panels.stat(
    'postgres/%s/version' % source.target,
    'Version',
    what='Version of the server.',
    good='The newest patch release of a version that is still supported.',
    act='Plan the update; patch releases need only a restart.',
    targets=[t.instant('pg_static' + on(source), '{{short_version}}')],
    unit='none',
    links=[ctx.links.scrapes],
    colour=colours.neutral,
    text='name',
  ),
];

local load(ctx, source) = [
  panels.timeseries(
    'postgres/%s/connections' % source.target,
    'Connections by state',
    what='Connections by what they are doing, against max_connections (dashed).',
    good='Mostly idle, a few active, hardly any idle in transaction; far below the dashed line.',
    act='Near the line new clients are refused: find the client that leaks connections, or put a pooler in front.',
    targets=[
      t.range(orNoneIn(
        'idle', 'sum by (state) (pg_stat_activity_count%s)' % on(source, ', state!~"disabled|fastpath.*"'), source
      ), '{{state}}'),
      t.range('max(pg_settings_max_connections%s)' % on(source), 'max'),
    ],
    unit='short',
    links=[ctx.links.runbook('DatabaseDown')],
    stack=true,
    worded=true,
    decimals=0,
    overrides=[panels.limit('max')],
  ),
  panels.timeseries(
    'postgres/%s/transactions' % source.target,
    'Transactions',
    what='Transactions per second that were committed and rolled back.',
    good='Commits follow traffic; rollbacks are few.',
    act="Many rollbacks are errors in the application or conflicts between transactions: read the server's log.",
    targets=[t.range(rate('xact_commit', source), 'committed'), t.range(rate('xact_rollback', source), 'rolled back')],
    unit='ops',
    links=[ctx.links.business],
    overrides=[
      panels.named('committed', { color: panels.fixed(colours.neutral) }),
      panels.named('rolled back', { color: panels.fixed(colours.bad) }),
    ],
  ),
  panels.timeseries(
    'postgres/%s/ages' % source.target,
    'Oldest transaction by state',
    what='Age of the longest open transaction, by what its connection is doing; dashed: limits.',
    good='Sawtooth under %g s.' % limits.transaction_seconds.warn,
    act='A straight rising line is one stuck transaction: it holds locks and keeps vacuum from cleaning up.',
    targets=[t.range(
      orNoneIn(
        'active', 'max by (state) (pg_stat_activity_max_tx_duration%s)' % on(source, ', state!="idle"'), source
      ), '{{state}}'
    )],
    unit='s',
    links=[ctx.links.runbook('DatabaseDown')],
    worded=true,
    thresholds=[
      [null, colours.good],
      [limits.transaction_seconds.warn, colours.warn],
      [limits.transaction_seconds.bad, colours.bad],
    ],
  ),
];

local work(ctx, source) = [
  panels.timeseries(
    'postgres/%s/rows' % source.target,
    'Rows written',
    what='Rows inserted, updated and deleted per second.',
    good='Moves with the business: calls, sign-ups, payments.',
    act='Writes without traffic are a job or a migration; updates far above inserts need a look at vacuum.',
    targets=[
      t.range(rate('tup_inserted', source), 'inserted'),
      t.range(rate('tup_updated', source), 'updated'),
      t.range(rate('tup_deleted', source), 'deleted'),
    ],
    unit='ops',
    links=[ctx.links.business],
    stack=true,
    overrides=[
      panels.named('inserted', { color: panels.fixed(colours.neutral) }),
      panels.named('updated', { color: panels.fixed(colours.blue) }),
      panels.named('deleted', { color: panels.fixed(colours.accent) }),
    ],
  ),
  panels.timeseries(
    'postgres/%s/hit_ratio' % source.target,
    'Cache hit ratio',
    what='Share of blocks found in shared buffers, over time; dashed: limits.',
    good='Above %d %%.' % (limits.cache_hit.warn * 100),
    act='Look for the query that began when it fell; more memory helps only when all queries suffer.',
    targets=[t.range(hitRatio(source), 'hits')],
    unit='percentunit',
    links=[ctx.links.scrapes],
    min=null,
    max=1,
    noValue='no reads',
    colour=colours.neutral,
    legend=false,
    thresholds=[[null, colours.bad], [limits.cache_hit.bad, colours.warn], [limits.cache_hit.warn, colours.good]],
  ),
  panels.timeseries(
    'postgres/%s/trouble' % source.target,
    'Deadlocks, conflicts, temporary files',
    what='Events that should be rare, per minute.',
    good='Zero.',
    act='Deadlocks: lock rows in one order. Temporary files: a sort outgrew work_mem. Conflicts: queries on a replica were cancelled.',
    targets=[
      t.range('60 * ' + rate('deadlocks', source), 'deadlocks'),
      t.range('60 * ' + rate('conflicts', source), 'conflicts'),
      t.range('60 * ' + rate('temp_files', source), 'temporary files'),
    ],
    unit='suffix: /min',
    links=[ctx.links.runbook('DatabaseDown')],
    softMax=1,
    overrides=[
      panels.named('deadlocks', { color: panels.fixed(colours.bad) }),
      panels.named('conflicts', { color: panels.fixed(colours.accent) }),
      panels.named('temporary files', { color: panels.fixed(colours.warn) }),
    ],
  ),
];

function(ctx, source) layout.section('Database: ' + source.title, [
  vitals(ctx, source),
  load(ctx, source),
  work(ctx, source),
])
