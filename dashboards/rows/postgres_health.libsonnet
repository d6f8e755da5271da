// Is a Postgres server well: since when does it run, are its data whole, how fast does it answer?
local colours = import '../lib/colours.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';

// `server` is a matcher for the server.
function(ctx, server)
  local on = '{' + server + '}';
  local checked = std.length([s for s in ctx.postgres if std.get(s, 'health', false)]) > 0;
  {
    running: panels.stat(
      'postgres/running',
      'Runs for',
      what='Time since the server started.',
      good='Days: nobody restarted it but for an update.',
      act="Minutes, and nobody planned it: read the server's log from before the start.",
      targets=[t.instant('time() - max(pg_postmaster_start_time_seconds' + on + ')', 'time')],
      unit='s',
      links=[ctx.links.runbook('DatabaseRestarted'), ctx.links.technical],
      decimals=1,
      noValue='not known',
      // As long as DatabaseRestarted looks back.
      thresholds=[[null, colours.warn], [900, colours.good]],
    ),
    damage: panels.stat(
      'postgres/damage',
      'Damaged pages',
      what='Pages whose checksum was wrong since statistics were reset, and when the last one was found.',
      good='None.',
      act='Stop writing, keep every backup there is, and open the runbook. Checksums are off: pg_checksums turns them on.',
      targets=[
        t.instant(
          'sum(pg_stat_database_checksum_failures_total' + on + ') or -1 * max(pg_scrape_collector_success{'
          + server + ', collector="stat_database_checksums"} == 1)', 'pages'
        ),
        t.instant('1000 * max(pg_stat_database_checksum_last_failure_timestamp_seconds' + on + ')', 'found'),
      ],
      unit='none',
      links=[ctx.links.runbook('DatabaseDataCorrupt'), ctx.links.technical],
      decimals=0,
      noValue='not known',
      thresholds=[[null, colours.good], [1, colours.bad]],
      mappings=panels.words([[-1, 'Checksums off', colours.unknown], [0, 'None', colours.good]]),
      overrides=[panels.named('found', { unit: 'dateTimeFromNow' })],
    ),

    // Of the health check that a platform file may ask for.
    answer: if !checked then null else panels.timeseries(
      'postgres/answer',
      'Time to connect, query and write',
      what='How long the parts of the health check took, network included: opening the connection in use, the simplest query, one row and its commit. Dashed: what alerts for the query.',
      good='Milliseconds, and the way there.',
      act='All slow: the network or the machine. The write alone: the disk, a lock, or a synchronous standby that is gone.',
      targets=[
        t.range('max(pg_health_' + part + '_seconds' + on + ')', part)
        for part in ['connect', 'query', 'write']
      ],
      unit='s',
      links=[ctx.links.runbook('DatabaseLatencyHigh'), ctx.links.technical],
      wish=14,
      height=7,
      fill=0,
      softMax=0.05,
      noValue='not measured',
      overrides=panels.apart(['connect', 'query', 'write']),
      thresholds=ctx.limits.steps('DatabaseLatencyHigh'),
    ),
    health: if !checked then null else panels.timeline(
      'postgres/health',
      'Health by its check',
      what='Whether connecting, querying and writing stayed within the times that the platform file allows.',
      good='One unbroken bar of Healthy.',
      act='See beside which part is slow; unhealthy without any time is a server that does not answer.',
      targets=[t.range(states.worst('pg_health_status', 'target', server), '{{target}}')],
      mappings=states.check,
      overrides=[panels.named(s.target, { displayName: s.title }) for s in ctx.postgres],
      links=[ctx.links.runbook('DatabaseHealthDegraded'), ctx.links.technical],
      wish=10,
      height=7,
      noValue='not measured',
    ),
  }
