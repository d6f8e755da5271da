// The copies of a Postgres server: the archive of its log, its standbys and their slots, and, where it is one itself, how
// far it is behind.
local colours = import '../lib/colours.libsonnet';
local known = import '../lib/known.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';

// `server` is a matcher for the server.
function(ctx, server)
  local on = '{' + server + '}';
  local of = ctx.limits.of;
  // Whether the exporter's question about this was answered.
  local answered(collector) = 'pg_scrape_collector_success{' + server + ', collector="' + collector + '"} == 1';
  local limit(alert) = [[null, colours.good], [of(alert), colours.bad]];
  local replica = 'max(pg_replication_is_replica' + on + ')';
  {
    archiver: panels.stat(
      'postgres/archiver',
      'Archiving',
      what='Whether the last attempt to archive a segment of the write-ahead log failed, and how many wait.',
      good='Works, none waits.',
      act='Failing: backups have a hole, and the log fills the disk; read archive_command in the log.',
      targets=[
        t.instant(
          'max(pg_archiver_failing' + on + ') or on () -1 * max(' + answered('stat_archiver') + ')', 'state'
        ),
        t.instant('max(pg_archiver_pending_files' + on + ')', 'waiting'),
      ],
      unit='none',
      links=[ctx.links.runbook('DatabaseArchivingFails'), ctx.links.runbook('DatabaseWalLarge')],
      wish=8,
      height=6,
      text='value_and_name',
      thresholds=[[null, colours.good], [10, colours.warn]],
      overrides=[panels.named('state', {
        mappings: panels.words([
          [-1, 'Not set up', colours.unknown],
          [0, 'Works', colours.good],
          [1, 'Fails', colours.bad],
        ]),
      })],
      noValue='not known',
    ),
    lag: panels.timeseries(
      'postgres/lag',
      'Replication lag',
      what='How far each standby is behind, in bytes of write-ahead log.',
      good='Kilobytes.',
      act='Growing: the standby or the network is too slow; its readers see old data.',
      targets=[t.range(known.or_none(
        'max by (application_name) (pg_replication_lag_bytes' + on + ')',
        answered('replication_lag'),
        'application_name',
        'no standby'
      ), '{{application_name}}')],
      unit='bytes',
      links=[ctx.links.runbook('DatabaseStandbyLag'), ctx.links.runbook('DatabaseReplicaLag')],
      height=6,
      fill=0,
      softMax=1024,
      overrides=panels.by_name + [panels.absent('no standby')],
      thresholds=limit('DatabaseStandbyLag'),
    ),
    slots: panels.timeseries(
      'postgres/slots',
      'Log kept for replication slots',
      what='Write-ahead log that each slot keeps from being removed; dashed: what alerts.',
      good='Megabytes, for slots that somebody reads.',
      act='A slot that nobody reads fills the disk: drop it.',
      targets=[t.range(known.or_none(
        'max by (slot_name) (pg_replication_slot_retained_bytes' + on + ')',
        answered('replication_slot'),
        'slot_name',
        'no slot'
      ), '{{slot_name}}')],
      unit='bytes',
      links=[ctx.links.runbook('DatabaseSlotRetains'), ctx.links.runbook('DatabaseSlotInactive')],
      height=6,
      fill=0,
      softMax=1024,
      overrides=panels.by_name + [panels.absent('no slot')],
      thresholds=limit('DatabaseSlotRetains'),
    ),
    receiver: panels.stat(
      'postgres/receiver',
      'From its primary',
      what='Whether a replica receives the write-ahead log of its primary.',
      good='Streams; a primary receives none.',
      act="Nothing comes: read the replica's log for a password, the network, or a segment that the primary has removed.",
      targets=[t.instant(
        '(max(pg_wal_receiver_up' + on + ') and on () ' + replica + ' == 1) or (' + replica + ' == 0) - 1', 'state'
      )],
      unit='none',
      links=[ctx.links.runbook('DatabaseWalReceiverDown'), ctx.links.technical],
      wish=8,
      height=6,
      background=true,
      mappings=panels.words([
        [-1, 'Is a primary', colours.neutral],
        [0, 'Nothing comes', colours.bad],
        [1, 'Streams', colours.good],
      ]),
      noValue='not known',
    ),
    behind: panels.timeseries(
      'postgres/behind',
      'Behind its primary',
      what='How old at most is what a replica shows; dashed: what alerts.',
      good='Under a second, or the time between two commits of the primary.',
      act='Look for a long query on the replica that holds up replay, then for the network.',
      targets=[t.range(known.or_none(
        'label_replace(max(pg_standby_lag_seconds' + on + ' or on (target) pg_replication_lag_seconds' + on + ') and on () '
        + replica + ' == 1, "role", "behind", "", "")',
        'pg_replication_is_replica' + on + ' == 0',
        'role',
        'no replica'
      ), '{{role}}')],
      unit='s',
      links=[ctx.links.runbook('DatabaseReplicaLag'), ctx.links.technical],
      wish=16,
      height=6,
      softMax=1,
      overrides=[panels.painted('behind', colours.neutral), panels.absent('no replica')],
      noValue='not known',
      thresholds=ctx.limits.steps('DatabaseReplicaLag'),
    ),
  }
