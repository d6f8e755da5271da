// Which SQL takes the time of a Postgres server? From pg_stat_statements, by query id: texts stay in the database, unless
// the platform file asks for them.
local colours = import '../lib/colours.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';

// `server` is a matcher for the server.
function(ctx, server)
  local on = '{' + server + '}';
  local all(metric) = 'sum(rate(pg_stat_statements_' + metric + '_total' + on + '[$__rate_interval]))';
  // The six statements that took most of the time shown, chosen once for all of it, each by its rank: so each has a
  // colour of its own, whatever its id. "other" is what is left of all.
  local named = 'pg_stat_statements_top_exec_seconds_total{' + server + ', queryid!="other"}';
  local most(n) = 'topk(' + n + ', sum by (queryid) (increase(' + named + '[$__range] @ end())))';
  local taken(of) = 'sum by (queryid) (rate(' + named + '[$__rate_interval])) and on (queryid) (' + of + ')';
  local ranked(n) = taken(if n == 1 then most(1) else most(n) + ' unless on (queryid) ' + most(n - 1));
  local ranks = std.range(1, 6);
  local short = '"id", "$1", "queryid", ".*(.{5})"';  // of nineteen digits
  local over(metric) = 'sum by (queryid, user) (increase(pg_stat_statements_top_' + metric + '_total' + on + '[$__range]))';
  local texts = std.length([s for s in ctx.postgres if std.objectHas(s, 'texts')]) > 0;
  // With the text of each that has one.
  local told(statements) =
    if !texts then statements
    else
      local text = 'max by (queryid, query) (last_over_time(pg_stat_statements_query_info' + on + '[$__range]))';
      '(' + statements + ' * on (queryid) group_left (query) topk by (queryid) (1, ' + text + ') or label_replace('
      + statements + ' unless on (queryid) ' + text + ', "query", "all the others", "queryid", "other"))';
  local slow = ctx.limits.of('DatabaseStatementsSlow');
  local links = [ctx.links.runbook('DatabaseStatementSlow'), ctx.links.postgres('$target')];
  local line(key, title, what, good, act, expr, unit, more={}) = panels.timeseries(
    'statements/' + key,
    title,
    what=what,
    good=good,
    act=act,
    targets=[t.range(expr, title)],
    unit=unit,
    links=links,
    colour=colours.neutral,
    legend=false,
  ) + more;
  {
    calls: line(
      'calls',
      'Statements',
      'Statements per second, those of all users.',
      'Moves with traffic.',
      'Far more than traffic explains: a loop over single rows (N+1), or retries.',
      all('calls'),
      'count:/s'
    ),
    busy: line(
      'busy',
      'Time spent in statements',
      'Share of the time that is spent executing; 100 % is one session that always works, 200 % are two.',
      'Below 100 % for each processor core.',
      'Above it they wait for each other: find the statement that takes most, below.',
      all('exec_seconds'),
      'percentunit'
    ),
    mean: panels.timeseries(
      'statements/mean',
      'Mean time of a statement',
      what='Time of one statement on average; dashed: what alerts.',
      good='Flat, well under ' + numbers.seconds(slow) + '.',
      act='A step up is a new plan or a new statement: compare with deployments (blue marks).',
      targets=[t.range(all('exec_seconds') + ' / (' + all('calls') + ' > 0)', 'mean')],
      unit='s',
      links=[ctx.links.runbook('DatabaseStatementsSlow'), ctx.links.postgres('$target')],
      colour=colours.neutral,
      legend=false,
      thresholds=[[null, colours.good], [slow, colours.bad]],
    ),
    by_time: panels.timeseries(
      'statements/by_time',
      'Time by statement',
      what='Share of the time spent in each of the six statements that take most of the time shown, named by the last'
           + ' five digits of their query ids; "other" is all the rest; 100 % is one session that always works.',
      good='No single one takes most of the time.',
      act='Take the thickest: find it in the table below, look its text up in pg_stat_statements, then EXPLAIN it.',
      targets=[
        t.range('label_replace(' + ranked(n) + ', ' + short + ')', '…{{id}}')
        for n in ranks
      ] + [
        t.range(
          'clamp_min(' + all('exec_seconds') + ' - (sum(' + taken(most(std.length(ranks))) + ') or 0 * '
          + all('exec_seconds') + '), 0)', 'other'
        ),
      ],
      unit='percentunit',
      links=links,
      wish=16,
      height=9,
      stack=true,
      overrides=panels.queried(std.length(ranks)) + [panels.painted('other', colours.unknown)],
    ),
    kinds: panels.timeseries(
      'statements/kinds',
      'Blocks read and written',
      what='Blocks per second that statements found in memory, read, and made dirty.',
      good='Nearly all found in memory.',
      act='Reads rise: a statement scans what used to fit into memory.',
      targets=[
        t.range(all('shared_blks_hit'), 'found in memory'),
        t.range(all('shared_blks_read'), 'read'),
        t.range(all('shared_blks_dirtied'), 'made dirty'),
      ],
      unit='count:/s',
      links=links,
      height=9,
      fill=0,
      overrides=[
        panels.painted('found in memory', colours.neutral),
        panels.painted('read', colours.warn),
        panels.painted('made dirty', colours.accent),
      ],
    ),
    table: panels.table(
      'statements/table',
      'Statements that take most',
      what='For the time shown: how long each ran in all, how often, how long on average, and what it returned; named by'
           + ' the last five digits of its query id, as above.' + (if texts then ' SQL is read every few minutes.' else ''),
      good='What takes most is what the business needs most.',
      act='Long on average: an index. Often and short: ask once for many rows. Many rows: ask for fewer.',
      targets=[
        t.table('label_replace(' + told('topk(20, ' + over('exec_seconds') + ' > 0)') + ', ' + short + ')'),
        t.table(over('calls')),
        t.table(over('exec_seconds') + ' / (' + over('calls') + ' > 0)'),
        t.table(over('rows') + ' / (' + over('calls') + ' > 0)'),
        t.table(over('shared_blks_read')),
      ],
      join='queryid',
      unit='short',
      columns=[
        ['id', 'Statement'],  // a phone shows the first four columns, or the first three with texts
        ['Value #A', 'Time'],
      ] + (if texts then [['query', 'SQL']] else []) + [
        ['Value #B', 'Calls'],
        ['Value #C', 'Mean'],
        ['Value #D', 'Rows per call'],
        ['Value #E', 'Blocks read'],
        ['user 1', 'User'],
        ['queryid', 'Query id'],
      ],
      links=links,
      sort='Time',
      wish=24,
      height=12,
      overrides=[
        panels.named('Time', { unit: 's', decimals: 1 }),
        panels.named('Mean', { unit: 's', decimals: 1, 'custom.minWidth': 80 }),
        panels.named('Calls', { unit: 'short', decimals: 0 }),
        panels.named('Rows per call', { unit: 'short', decimals: 1 }),
        panels.named('Blocks read', { unit: 'short', decimals: 0 }),
      ] + (
        if !texts then []
        else [
          panels.named(heading, { 'custom.width': 84 })
          for heading in ['Statement', 'Time']
        ] + [
          panels.named(heading, { 'custom.width': 92 })
          for heading in ['Calls', 'Mean', 'Blocks read', 'User']
        ] + [
          panels.named('Rows per call', { 'custom.width': 110 }),
          panels.named('SQL', { 'custom.minWidth': 300, 'custom.inspect': true, noValue: 'not read (yet)' }),
          panels.named('Query id', { 'custom.width': 190 }),
        ]
      ),
    ),
    wal: line(
      'wal',
      'Write-ahead log of statements',
      'Bytes per second that statements wrote to the write-ahead log.',
      'Moves with the rows written.',
      'More than rows explain: updates of indexed columns, or full page images after checkpoints.',
      all('wal_bytes'),
      'Bps'
    ),
    temp: line(
      'temp',
      'Temporary files of statements',
      'Bytes per second that statements wrote to temporary files.',
      'None.',
      'A sort or hash outgrew work_mem: give it an index, or its role more memory.',
      all('temp_bytes_written'),
      'Bps'
    ),
    room: panels.stat(
      'statements/room',
      'Slots for statements used',
      what='Share of the statements that pg_stat_statements can keep which is in use.',
      good='Under 90 %.',
      act='Full: the rarest are thrown away and come back as new; raise pg_stat_statements.max, or use parameters.',
      targets=[t.instant(
        'max(pg_stat_statements_entries' + on + ') / max(pg_stat_statements_max' + on + ')', 'in use'
      )],
      unit='percentunit',
      links=links,
      wish=8,
      height=8,
      decimals=0,
      thresholds=[[null, colours.good], [0.9, colours.warn]],
    ),
  }
