// Does each database keep what it has: replication, slots, write-ahead log, archive, numbers that run out?

local databases = import '../lib/databases.libsonnet';

function(catalogue)
  local each(part) = databases.each(catalogue, part);
  local wraparound(ids, what, panel) = {
    'for': '15m',
    priority: 'p2',
    kind: 'capacity',
    unit: 'ratio',
    threshold: '0.5',
    warn: '0.25',
    rules: each({
      expr: 'max by (target, datname) (pg_database_' + ids + '_ratio{target="%(target)s", limit="wraparound"}) > %(threshold)s',
      value: '%(value)s used up',
      threshold: 'over %(limit)s for %(for)s',
      summary: '%(title)s uses up its ' + what + '.',
      description: '{{ $labels.datname }} has used up %(value)s of the ' + what + ' since it was last frozen; 10% is normal.',
      impact: 'Shortly before 100% the server refuses every write until it has been vacuumed, which takes hours.',
      action: 'Find what stops autovacuum (long transactions, slots, prepared ones), then VACUUM (FREEZE) the oldest tables.',
      dashboard: 'postgres',
      panel: panel,
    }),
  };
  {
    DatabaseReplicaLag: {
      'for': '5m',
      priority: 'p2',
      kind: 'cause',
      unit: 'seconds',
      threshold: '300',
      warn: '30',
      rules: each({
        expr: 'max by (target) (pg_standby_lag_seconds{target="%(target)s"} or on (target) pg_replication_lag_seconds{target="%(target)s"}) > %(threshold)s',
        value: '%(value)s behind',
        threshold: 'over %(limit)s for %(for)s',
        summary: '%(title)s, a replica, lags behind.',
        description: '%(title)s shows what its primary had %(value)s ago.',
        impact: 'Readers see old data, and a failover would lose as much.',
        action: "Look for a long query on the replica that holds up replay, then for the network and the primary's load.",
        dashboard: 'postgres',
        panel: 'behind',
      }),
    },

    DatabaseStandbyLag: {
      'for': '5m',
      priority: 'p3',
      kind: 'cause',
      unit: 'bytes',
      threshold: '1073741824',
      rules: each({
        expr: 'max by (target, application_name) (pg_replication_lag_bytes{target="%(target)s"}) > %(threshold)s',
        value: '%(value)s behind',
        threshold: 'over %(limit)s for %(for)s',
        summary: 'A standby of %(title)s lags behind.',
        description: '{{ $labels.application_name }} has yet to replay %(value)s of the log of %(title)s.',
        impact: 'A failover would lose it; the primary keeps the log meanwhile, and its disk fills.',
        action: 'See on the standby whether it receives slowly or replays slowly: network or a long query.',
        dashboard: 'postgres',
        panel: 'lag',
      }),
    },

    DatabaseWalReceiverDown: {
      'for': '5m',
      priority: 'p2',
      kind: 'cause',
      rules: each({
        expr: |||
          max by (target) (pg_wal_receiver_up{target="%(target)s"}) == 0
          and on (target)
          max by (target) (pg_replication_is_replica{target="%(target)s"}) == 1
        |||,
        value: 'disconnected',
        threshold: 'disconnected for %(for)s',
        summary: '%(title)s, a replica, receives nothing.',
        description: '%(title)s has had no connection to its primary for %(for)s.',
        impact: 'Readers see data that grow older and older, and a failover would lose the rest.',
        action: "Read the replica's log: password, network, or a log segment that the primary has removed.",
        dashboard: 'postgres',
        panel: 'receiver',
      }),
    },

    DatabaseSlotInactive: {
      'for': '30m',
      priority: 'p3',
      kind: 'cause',
      rules: each({
        expr: 'max by (target, slot_name) (pg_replication_slot_active{target="%(target)s"}) == 0',
        value: 'nobody reads it',
        threshold: 'inactive for %(for)s',
        summary: 'Nobody reads a replication slot of %(title)s.',
        description: 'The slot {{ $labels.slot_name }} has been inactive for %(for)s.',
        impact: 'The server keeps every byte of log for it until the disk is full.',
        action: "Start its consumer again, or drop the slot: select pg_drop_replication_slot('{{ $labels.slot_name }}').",
        dashboard: 'postgres',
        panel: 'slots',
      }),
    },

    DatabaseSlotRetains: {
      'for': '5m',
      priority: 'p2',
      kind: 'capacity',
      unit: 'bytes',
      threshold: '21474836480',
      warn: '5368709120',
      rules: each({
        expr: 'max by (target, slot_name) (pg_replication_slot_retained_bytes{target="%(target)s"}) > %(threshold)s',
        value: '%(value)s kept',
        threshold: 'over %(limit)s for %(for)s',
        summary: 'A replication slot of %(title)s holds back much log.',
        description: 'The slot {{ $labels.slot_name }} keeps %(value)s of write-ahead log from being removed.',
        impact: 'The disk fills; when it is full the server stops.',
        action: 'Make its consumer catch up, or drop the slot; max_slot_wal_keep_size bounds it for the next time.',
        dashboard: 'postgres',
        panel: 'slots',
      }),
    },

    DatabaseSlotUnsafe: {
      'for': '1m',
      priority: 'p2',
      kind: 'capacity',
      unit: 'bytes',
      threshold: '1073741824',
      below: true,
      rules: each({
        expr: 'min by (target, slot_name) (pg_replication_slot_safe_wal_size_bytes{target="%(target)s"}) < %(threshold)s',
        value: '%(value)s left',
        threshold: 'less than %(limit)s for %(for)s',
        summary: 'A replication slot of %(title)s is about to be lost.',
        description: 'After %(value)s more of log the slot {{ $labels.slot_name }} is invalidated.',
        impact: 'Its consumer then has to start over with a full copy.',
        action: 'Make the consumer catch up now, or raise max_slot_wal_keep_size if the disk has room.',
        dashboard: 'postgres',
        panel: 'slots',
      }),
    },

    DatabaseWalLarge: {
      'for': '10m',
      priority: 'p3',
      kind: 'capacity',
      unit: 'bytes',
      threshold: '21474836480',
      rules: each({
        expr: 'max by (target) (pg_wal_directory_bytes{target="%(target)s"}) > %(threshold)s',
        threshold: 'over %(limit)s for %(for)s',
        summary: 'The write-ahead log of %(title)s is large.',
        description: 'pg_wal of %(title)s holds %(value)s.',
        impact: 'It shares a disk with the data; when that is full the server stops.',
        action: 'Something holds it back: a slot, a failing archive, or a checkpoint that cannot keep up. Never delete files by hand.',
        dashboard: 'postgres',
        panel: 'wal_size',
      }),
    },

    DatabaseArchivingFails: {
      'for': '10m',
      priority: 'p2',
      kind: 'cause',
      rules: each({
        expr: 'max by (target) (pg_archiver_failing{target="%(target)s"}) == 1',
        value: 'fails',
        threshold: 'fails for %(for)s',
        summary: 'The log of %(title)s is not being archived.',
        description: 'The last attempt to archive a log segment of %(title)s failed, and has for %(for)s.',
        impact: 'The backup ends at the last segment archived, and pg_wal grows until the disk is full.',
        action: "Run the archive_command by hand as the server's user: credentials and a full target are the usual reasons.",
        dashboard: 'postgres',
        panel: 'archiver',
      }),
    },

    DatabaseXidWraparound: wraparound('xid', 'transaction ids', 'wraparound'),
    DatabaseMxidWraparound: wraparound('mxid', 'multixact ids', 'multixacts'),

    DatabaseXminHeld: {
      'for': '15m',
      priority: 'p3',
      kind: 'cause',
      unit: 'number',
      threshold: '10000000',
      rules: each({
        expr: 'max by (target, holder) (pg_xmin_horizon_age_xids{target="%(target)s"}) > %(threshold)s',
        value: '%(value)s transactions behind',
        threshold: 'more than %(limit)s for %(for)s',
        summary: 'Dead rows of %(title)s cannot be removed.',
        description: 'A {{ $labels.holder }} holds back vacuum for %(value)s transactions.',
        impact: 'Tables and indexes grow and get slow although nothing is added.',
        action: 'End it: the oldest session, prepared transaction, slot or standby, whichever the label names.',
        dashboard: 'postgres',
        panel: 'horizon',
      }),
    },

    DatabaseSequenceExhausted: {
      'for': '15m',
      priority: 'p2',
      kind: 'capacity',
      unit: 'ratio',
      threshold: '0.9',
      warn: '0.75',
      rules: each({
        expr: 'max by (target, datname, schemaname, sequencename) (pg_sequence_used_ratio{target="%(target)s"}) > %(threshold)s',
        value: '%(value)s used up',
        threshold: 'over %(limit)s',
        summary: 'A sequence of %(title)s is running out.',
        description: '{{ $labels.schemaname }}.{{ $labels.sequencename }} in {{ $labels.datname }} has used up %(value)s of its numbers.',
        impact: 'At 100% every insert that needs it fails.',
        action: 'Plan the change of the column to bigint now: on a large table it takes days to prepare.',
        dashboard: 'postgres',
        panel: 'sequences',
      }),
    },

    DatabaseIndexInvalid: {
      'for': '1h',
      priority: 'p4',
      kind: 'cause',
      rules: each({
        expr: 'max by (target, datname) (pg_indexes_invalid{target="%(target)s"}) > 0',
        value: '{{ $value }} indexes',
        threshold: 'any for %(for)s',
        summary: 'An index of %(title)s is invalid.',
        description: '{{ $value }} indexes in {{ $labels.datname }} are invalid: a concurrent build has failed.',
        impact: 'Queries do not use them, and writes pay for them.',
        action: 'Drop it and build it again with CREATE INDEX CONCURRENTLY, or REINDEX INDEX CONCURRENTLY.',
        dashboard: 'postgres',
        panel: 'indexes',
      }),
    },
  }
