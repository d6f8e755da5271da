// Is somebody in the way: long transactions, locks, deadlocks, spilled sorts?

local databases = import '../lib/databases.libsonnet';

function(catalogue)
  local each(part) = databases.each(catalogue, part);
  // Ages of the oldest of something, in each database of the server.
  local oldest(metric, part) = each({ dashboard: 'postgres', panel: 'oldest' } + part + {
    expr: 'max by (target, datname) (' + metric + '{target="%(target)s"}) > %(threshold)s',
    threshold: 'over %(limit)s for %(for)s',
  });
  {
    DatabaseQueryLong: {
      'for': '1m',
      priority: 'p3',
      kind: 'cause',
      performance: true,
      unit: 'seconds',
      threshold: '300',
      rules: oldest('pg_oldest_query_age_seconds', {
        value: 'runs for %(value)s',
        summary: 'A query on %(title)s runs for long.',
        description: 'A query in {{ $labels.datname }} has been running for %(value)s.',
        impact: 'It takes CPU and disk from others, and keeps vacuum from cleaning up behind it.',
        action: 'See what it is in pg_stat_activity; ask its owner, or cancel it with pg_cancel_backend(pid).',
      }),
    },

    DatabaseTransactionLong: {
      'for': '1m',
      priority: 'p3',
      kind: 'cause',
      unit: 'seconds',
      threshold: '1800',
      rules: oldest('pg_oldest_transaction_age_seconds', {
        value: 'open for %(value)s',
        summary: 'A transaction on %(title)s is open for long.',
        description: 'A transaction in {{ $labels.datname }} has been open for %(value)s.',
        impact: 'Its locks stay, and dead rows pile up everywhere on the server until it ends.',
        action: 'Find it in pg_stat_activity by xact_start; end it with pg_terminate_backend(pid) if nobody needs it.',
      }),
    },

    DatabaseIdleInTransaction: {
      'for': '1m',
      priority: 'p3',
      kind: 'cause',
      unit: 'seconds',
      threshold: '300',
      rules: oldest('pg_oldest_idle_in_transaction_age_seconds', {
        value: 'idle for %(value)s',
        summary: 'A session on %(title)s idles inside a transaction.',
        description: 'A session in {{ $labels.datname }} has done nothing inside an open transaction for %(value)s.',
        impact: 'It holds locks and a connection for nothing; others wait behind it.',
        action: 'End it, then find the code that forgets to commit; idle_in_transaction_session_timeout ends such by itself.',
      }),
    },

    DatabasePreparedOld: {
      'for': '5m',
      priority: 'p3',
      kind: 'cause',
      unit: 'seconds',
      threshold: '3600',
      rules: oldest('pg_prepared_transaction_oldest_age_seconds', {
        value: 'prepared %(value)s ago',
        summary: 'A prepared transaction on %(title)s is left behind.',
        description: 'A transaction in {{ $labels.datname }} was prepared %(value)s ago and neither committed nor rolled back.',
        impact: 'It survives restarts, holds its locks, and keeps vacuum from cleaning up.',
        action: 'Ask its coordinator; then COMMIT PREPARED or ROLLBACK PREPARED by its gid in pg_prepared_xacts.',
        panel: 'horizon',
      }),
    },

    DatabaseDeadlocks: {
      'for': '0m',
      window: '10m',
      priority: 'p3',
      kind: 'cause',
      unit: 'count',
      threshold: '0',
      rules: each({
        expr: 'sum by (target, datname) (increase(pg_stat_database_deadlocks{target="%(target)s"}[%(window)s])) > %(threshold)s',
        value: '%(value)s in %(window)s',
        threshold: 'more than %(limit)s in %(window)s',
        summary: 'Transactions on %(title)s block each other for good.',
        description: 'Deadlocks in {{ $labels.datname }} within %(window)s: %(value)s. Postgres ended one side of each.',
        impact: 'The requests on that side failed, unless the application repeats them.',
        action: "The server's log names both statements; have them take their locks in the same order.",
        panel: 'trouble',
      }),
    },

    DatabaseBlocked: {
      'for': '1m',
      priority: 'p2',
      kind: 'cause',
      unit: 'seconds',
      threshold: '60',
      rules: oldest('pg_blocked_longest_wait_seconds', {
        value: 'waits for %(value)s',
        summary: 'Sessions on %(title)s wait for a lock.',
        description: 'The longest wait for a lock in {{ $labels.datname }} has lasted %(value)s.',
        impact: 'Those requests hang, hold their connections, and soon there are none left: %(dependents)s.',
        action: 'Find who is at the root with pg_blocking_pids() and end that session.',
        panel: 'wait',
      }),
    },

    DatabaseLocksMany: {
      'for': '5m',
      priority: 'p3',
      kind: 'capacity',
      unit: 'number',
      threshold: '3000',
      rules: each({
        expr: 'sum by (target) (pg_locks_count{target="%(target)s"}) > %(threshold)s',
        value: '%(value)s locks',
        threshold: 'more than %(limit)s for %(for)s',
        summary: 'Many locks are held on %(title)s.',
        description: '%(value)s locks are held, more than %(limit)s for %(for)s; the table has room for a few times max_connections * 64.',
        impact: 'When the lock table is full, statements fail with "out of shared memory".',
        action: 'Find the transaction that touches so many tables or partitions; raise max_locks_per_transaction if it must.',
        dashboard: 'postgres',
        panel: 'locks',
      }),
    },

    DatabaseTempFiles: {
      'for': '15m',
      priority: 'p4',
      kind: 'capacity',
      unit: 'bytes',
      threshold: '10485760',
      rules: each({
        expr: 'sum by (target, datname) (rate(pg_stat_database_temp_bytes{target="%(target)s"}[15m])) > %(threshold)s',
        value: '%(value)s a second',
        threshold: 'over %(limit)s a second for %(for)s',
        summary: 'Queries on %(title)s spill to disk.',
        description: 'Sorts and hashes in {{ $labels.datname }} write %(value)s a second to temporary files.',
        impact: 'These queries are slow, and their files take disk from everybody.',
        action: 'Find them with pg_stat_statements (temp_blks_written); an index or a larger work_mem for them helps.',
        dashboard: 'postgres',
        panel: 'temp',
      }),
    },

    DatabaseTempSpace: {
      'for': '5m',
      priority: 'p3',
      kind: 'capacity',
      unit: 'bytes',
      threshold: '10737418240',
      rules: each({
        expr: 'sum by (target) (pg_temp_files_bytes{target="%(target)s"}) > %(threshold)s',
        threshold: 'over %(limit)s for %(for)s',
        summary: 'Temporary files of %(title)s take much space.',
        description: '%(value)s of the disk of %(title)s are temporary files of running queries.',
        impact: 'If they fill the disk, the server stops.',
        action: 'Cancel the query that sorts so much; set temp_file_limit so that it fails alone next time.',
        dashboard: 'postgres',
        panel: 'temp_space',
      }),
    },
  }
