// What a Postgres server keeps: tables, indexes, the write-ahead log, its copies, and whether vacuum keeps up.
local colours = import '../lib/colours.libsonnet';
local known = import '../lib/known.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';

// `server` is a matcher for the server, `target` its name.
function(ctx, server, target)
  local on = '{' + server + '}';
  local of = ctx.limits.of;
  local statements = ctx.links.statements(target);
  // Whether the exporter's question about this was answered.
  local answered(collector) = 'pg_scrape_collector_success{' + server + ', collector="' + collector + '"} == 1';
  local table(metric) = 'max by (relname) (' + metric + on + ')';
  local limit(alert) = [[null, colours.good], [of(alert), colours.bad]];
  // Numbers that run out: transaction ids, and multixact ids, which stand for several that lock one row.
  local ids(key, metric, title, what, alert) = panels.bars(
    'postgres/' + key,
    title,
    what='Share of the ' + what + ' that are used up before Postgres must stop, by database.',
    good='Under a fifth: autovacuum freezes old rows in time.',
    act='Above ' + numbers.percent(of(alert)) + ': vacuum freeze by hand, today.',
    targets=[
      t.instant('max by (datname) (pg_database_' + metric + '_ratio{' + server + ', limit="wraparound"})', '{{datname}}'),
    ],
    unit='percentunit',
    links=[ctx.links.runbook(alert), ctx.links.technical],
    alone='${__field.labels.datname}',
    max=1,
    decimals=1,
    thresholds=ctx.limits.steps(alert),
  );
  {
    tables: panels.table(
      'postgres/tables',
      'Largest tables',
      what='The largest tables with their indexes, their rows that nobody can see any more, and the estimated waste (–: not known).',
      good='The tables that you expect, with few dead rows.',
      act='Many dead rows: vacuum is held up or too slow. Much waste: pg_repack, or VACUUM FULL in a quiet hour.',
      targets=[
        t.table('topk(15, ' + table('pg_table_size_bytes') + ')'),
        t.table('max by (relname) (pg_stat_user_tables_n_live_tup' + on + ') and on (relname) topk(15, ' + table('pg_table_size_bytes') + ')'),
        t.table('max by (relname) (pg_stat_user_tables_n_dead_tup' + on + ') and on (relname) topk(15, ' + table('pg_table_size_bytes') + ')'),
        t.table('max by (relname) (pg_table_bloat_estimated_ratio' + on + ') and on (relname) topk(15, ' + table('pg_table_size_bytes') + ')'),
      ],
      join='relname',
      unit='short',
      columns=[
        ['relname', 'Table'],
        ['Value #A', 'Size'],
        ['Value #B', 'Rows'],
        ['Value #C', 'Dead'],
        ['Value #D', 'Waste'],
      ],
      links=[statements, ctx.links.runbook('DatabaseXminHeld'), ctx.links.business],
      sort='Size',
      wish=14,
      noValue='not known',
      overrides=[
        // The sum fits on a phone.
        panels.named('Size', { unit: 'bytes', decimals: 1, 'custom.width': 76 }),
        panels.named('Rows', { 'custom.width': 60 }),
        panels.named('Table', { 'custom.minWidth': 115 }),
        panels.named('Dead', { 'custom.width': 56 }),
        panels.named('Waste', { unit: 'percentunit', decimals: 0, 'custom.width': 56, noValue: '–' }),
      ],
    ),
    indexes: panels.stat(
      'postgres/indexes',
      'Indexes',
      what='Indexes that nobody uses, that double another, or that are broken, since statistics were reset.',
      good='None.',
      act='Drop unused and doubled ones, each costs every write; build broken ones anew with REINDEX CONCURRENTLY.',
      targets=[
        t.instant('sum(pg_indexes_unused' + on + ')', 'unused'),
        t.instant('sum(pg_indexes_duplicate' + on + ')', 'doubled'),
        t.instant('sum(pg_indexes_invalid' + on + ')', 'broken'),
      ],
      unit='none',
      links=[ctx.links.runbook('DatabaseIndexInvalid'), statements],
      wish=10,
      height=8,
      thresholds=[[null, colours.good], [1, colours.warn]],
    ),
    wal: panels.timeseries(
      'postgres/wal',
      'Write-ahead log written',
      what='Bytes per second written to the write-ahead log: the price of every change.',
      good='Moves with the rows written.',
      act='Far more than rows explain: full page images after frequent checkpoints, or an index on a busy column.',
      targets=[t.range('sum(rate(pg_wal_written_bytes_total' + on + '[$__rate_interval]))', 'written')],
      unit='Bps',
      links=[ctx.links.runbook('DatabaseWalLarge'), ctx.links.technical],
      colour=colours.neutral,
      legend=false,
    ),
    wal_size: panels.timeseries(
      'postgres/wal_size',
      'Size of the write-ahead log',
      what='Disk space that the write-ahead log takes.',
      good='Under max_wal_size, but for moments.',
      act='Growing: a replication slot or an archiver that fails holds it back; at the end the disk is full.',
      targets=[
        t.range('max(pg_wal_directory_bytes' + on + ')', 'size'),
        t.range('max(pg_settings_max_wal_size_bytes' + on + ')', 'max_wal_size'),
      ],
      unit='bytes',
      links=[ctx.links.runbook('DatabaseWalLarge'), ctx.links.runbook('DatabaseSlotRetains')],
      overrides=[panels.painted('size', colours.neutral), panels.limit('max_wal_size', colours.warn)],
    ),
    checkpoints: panels.timeseries(
      'postgres/checkpoints',
      'Checkpoints',
      what='Checkpoints in the hour before each moment: by the clock, and because the write-ahead log was full.',
      good='By the clock only.',
      act='Many that were requested: raise max_wal_size.',
      // Of the hour: one in five minutes would be spikes in a minute, and gaps in between.
      targets=[t.range('sum by (type) (increase(pg_checkpoints_total' + on + '[1h]))', '{{type}}')],
      unit='suffix: /hour',
      links=[ctx.links.runbook('DatabaseWalLarge'), ctx.links.technical],
      stack=true,
      decimals=0,
      softMax=5,
      overrides=[panels.painted('timed', colours.neutral), panels.painted('requested', colours.warn)],
    ),
    temp: panels.timeseries(
      'postgres/temp',
      'Temporary files',
      what='Bytes per second that queries wrote to temporary files because a sort or hash outgrew work_mem; dashed: what alerts.',
      good='None.',
      act='Find the query among the statements; give it an index, or its role more work_mem.',
      targets=[t.range('sum(rate(pg_stat_database_temp_bytes' + on + '[$__rate_interval]))', 'written')],
      unit='Bps',
      links=[ctx.links.runbook('DatabaseTempFiles'), statements],
      colour=colours.neutral,
      legend=false,
      softMax=1.1 * of('DatabaseTempFiles'),  // a line that is far below its limit is seen to be so
      thresholds=limit('DatabaseTempFiles'),
    ),
    temp_space: panels.timeseries(
      'postgres/temp_space',
      'Temporary files on disk',
      what='Size of the temporary files that running queries have open; they count as written only when they are closed. Dashed: what alerts.',
      good='None, or for moments.',
      act='Cancel the query that sorts so much; temp_file_limit ends the next one before the disk is full.',
      targets=[t.range('sum(pg_temp_files_bytes' + on + ')', 'open')],
      unit='bytes',
      links=[ctx.links.runbook('DatabaseTempSpace'), statements],
      wish=10,
      colour=colours.neutral,
      legend=false,
      softMax=1024,
      noValue='not known',
      thresholds=limit('DatabaseTempSpace'),
    ),
    sequences: panels.bars(
      'postgres/sequences',
      'Sequences that run out',
      what='Share of its numbers that each sequence has used, by the type of the column that they are for; the fullest ten, from half used on.',
      good='None is half used.',
      act='Above ' + numbers.percent(of('DatabaseSequenceExhausted'))
          + ' change its column to bigint; on a large table that takes days to prepare.',
      targets=[t.instant(known.or_none(
        'label_join(topk(10, max by (datname, schemaname, sequencename) (pg_sequence_used_ratio' + on
        + ')), "what", ".", "datname", "schemaname", "sequencename")',
        answered('sequences'),
        'what',
        'half used or more'
      ), '{{what}}')],
      unit='percentunit',
      links=[ctx.links.runbook('DatabaseSequenceExhausted'), ctx.links.technical],
      wish=14,
      alone='${__field.labels.what}',
      names='top',
      max=1,
      decimals=1,
      noValue='not known',
      mappings=panels.words([[0, 'none', colours.good]]),
      thresholds=ctx.limits.steps('DatabaseSequenceExhausted'),
    ),
    dead: panels.timeseries(
      'postgres/dead',
      'Dead rows',
      what='Share of the rows of all tables that nobody can see any more.',
      good='A sawtooth under a fifth: vacuum comes and cleans up.',
      act='Rising for hours: something old holds vacuum back, see the horizon beside.',
      targets=[t.range(
        'sum(pg_stat_user_tables_n_dead_tup' + on + ') / (sum(pg_stat_user_tables_n_live_tup' + on
        + ') + sum(pg_stat_user_tables_n_dead_tup' + on + ') > 0)', 'dead'
      )],
      unit='percentunit',
      links=[ctx.links.runbook('DatabaseXminHeld'), ctx.links.technical],
      colour=colours.neutral,
      legend=false,
      softMax=0.2,
    ),
    horizon: panels.timeseries(
      'postgres/horizon',
      'What holds vacuum back',
      what='Transactions since the oldest one that somebody may still need, by who needs it; dashed: what alerts.',
      good='Near zero.',
      act='The holder says whom to look for: a session, a prepared transaction, a replication slot, a standby.',
      targets=[t.range('max by (holder) (pg_xmin_horizon_age_xids' + on + ')', '{{holder}}')],
      unit='short',
      links=[ctx.links.runbook('DatabaseXminHeld'), ctx.links.runbook('DatabaseTransactionLong')],
      fill=0,
      softMax=1.1 * of('DatabaseXminHeld'),
      overrides=panels.apart(['backend', 'prepared_xact', 'slot', 'slot_catalog', 'standby']),
      thresholds=limit('DatabaseXminHeld'),
    ),
    wraparound: ids('wraparound', 'xid', 'Transaction ids used', 'transaction ids', 'DatabaseXidWraparound'),
    multixacts: ids('multixacts', 'mxid', 'Multixact ids used', 'multixact ids', 'DatabaseMxidWraparound'),
    workers: panels.timeseries(
      'postgres/vacuum_workers',
      'Autovacuum workers',
      what='Autovacuum workers at work, and how many there may be (dashed).',
      good='Some at times, rarely all.',
      act='All of them for hours: raise autovacuum_max_workers and the cost limit.',
      targets=[
        t.range('max(pg_autovacuum_workers' + on + ')', 'at work'),
        t.range('max(pg_autovacuum_workers_max' + on + ')', 'max'),
      ],
      unit='short',
      links=[ctx.links.runbook('DatabaseXidWraparound'), ctx.links.technical],
      decimals=0,
      overrides=[panels.painted('at work', colours.neutral), panels.limit('max', colours.warn)],
    ),
    permissions: panels.table(
      'postgres/permissions',
      'Missing grants',
      what='What the exporter may not read, and so cannot show.',
      good='None.',
      act='Give its role what the table names; platform-exporter check prints the SQL.',
      targets=[t.table(known.or_none(
        'max by (grant) (pg_exporter_permission_missing' + on + ' == 1)', 'pg_up' + on + ' == 1', 'grant', 'None is missing'
      ))],
      unit='none',
      columns=[['grant', 'Grant']],
      links=[ctx.links.runbook('DatabasePermissionMissing'), ctx.links.exporter],
      wish=8,
      noValue='not known',
    ),
  }
