// Does each database answer, quickly, and does it let everybody in?

local databases = import '../lib/databases.libsonnet';
local reason = import '../lib/reason.libsonnet';

function(catalogue)
  local each(part) = databases.each(catalogue, part);
  {
    DatabaseDown: {
      'for': '1m',
      priority: 'p1',
      kind: 'cause',
      rules: each({
        expr: 'max by (target) (pg_up{target="%(target)s"}) == 0',
        value: 'pg_up {{ $value }}',
        threshold: 'pg_up 0 for %(for)s',
        summary: '%(title)s does not answer.',
        description: '%(title)s has refused or ignored every query for %(for)s (reason: ' + reason + ').',
        impact: 'Whatever reads or writes this database fails: %(dependents)s.',
        action: 'Connect by hand as the exporter does; the reason says where to look first.',
        panel: 'up',
      }),
    },

    // One outage is a change to down and one back; what DatabaseDown told of, and what is over, is not told here. It
    // waits longer than it looks back for a failure, so that no end of an outage makes it fire.
    DatabaseConnectionFailures: {
      'for': '4m',
      window: '10m',
      priority: 'p2',
      kind: 'cause',
      unit: 'count',
      threshold: '3',
      rules: each({
        expr: |||
          sum by (source) (increase(platform_exporter_source_failures_total{
            source="%(source)s", reason=~"dns|connect|tls|auth|timeout|too_many_connections|starting_up|pooler"
          }[%(window)s])) > %(threshold)s
          and max by (source) (changes(platform_exporter_source_up{source="%(source)s"}[%(window)s])) > 2
          and min by (source) (min_over_time(platform_exporter_source_up{source="%(source)s"}[3m])) == 0
          unless on (source) max_over_time(ALERTS{alertname="DatabaseDown", alertstate="firing", source="%(source)s"}[5m])
        |||,
        value: '%(value)s failed in %(window)s',
        threshold: 'more than %(limit)s in %(window)s',
        summary: 'Connections to %(title)s fail.',
        description: '%(value)s attempts of the exporter to reach %(title)s have failed within %(window)s, though not all of them.',
        impact: 'Applications fail to connect as often as the exporter does: %(dependents)s.',
        action: "The reason is on the exporter's landing page; a full pool and a restarting server are the usual ones.",
        dashboard: 'exporter',
        panel: 'failures',
      }),
    },

    DatabaseConnectionsHigh: {
      'for': '5m',
      priority: 'p2',
      kind: 'capacity',
      unit: 'ratio',
      threshold: '0.9',
      warn: '0.8',
      rules: each({
        expr: 'max by (target) (pg_connections_used_ratio{target="%(target)s"}) > %(threshold)s',
        value: '%(value)s of the connections in use',
        threshold: 'over %(limit)s for %(for)s',
        summary: '%(title)s is running out of connections.',
        description: '%(value)s of the connections that %(title)s accepts are in use, over %(limit)s for %(for)s.',
        impact: 'At 100% new connections are refused: %(dependents)s.',
        action: 'Count sessions by application and state; end those that idle, then find what opens so many.',
        panel: 'connections',
      }),
    },

    DatabaseLatencyHigh: {
      'for': '5m',
      priority: 'p2',
      kind: 'symptom',
      performance: true,
      unit: 'seconds',
      threshold: '1',
      warn: '0.2',
      rules: each({
        health: true,
        expr: 'max by (target) (pg_health_query_seconds{target="%(target)s"}) > %(threshold)s',
        value: '%(value)s for the simplest query',
        threshold: 'over %(limit)s for %(for)s',
        summary: '%(title)s answers slowly.',
        description: 'The simplest query takes %(value)s on %(title)s, over %(limit)s for %(for)s.',
        impact: 'Every request waits at least so long for each query it makes: %(dependents)s.',
        action: 'Look for load, waiting sessions and the disk; a query that touches no table should take milliseconds.',
        dashboard: 'postgres',
        panel: 'answer',
      }),
    },

    DatabaseStatementsSlow: {
      'for': '10m',
      priority: 'p3',
      kind: 'symptom',
      performance: true,
      unit: 'seconds',
      threshold: '0.5',
      rules: each({
        expr: |||
          sum by (target, datname) (rate(pg_stat_statements_exec_seconds_total{target="%(target)s"}[5m]))
          /
          (sum by (target, datname) (rate(pg_stat_statements_calls_total{target="%(target)s"}[5m])) > 0)
          > %(threshold)s
        |||,
        value: 'mean %(value)s',
        threshold: 'mean over %(limit)s for %(for)s',
        summary: 'Statements on %(title)s are slow on average.',
        description: 'The average statement in {{ $labels.datname }} takes %(value)s, over %(limit)s for %(for)s.',
        impact: 'Requests that ask this database are slow: %(dependents)s.',
        action: 'List the statements with the most total time of the last minutes; a new one is the first suspect.',
        dashboard: 'statements',
        panel: 'mean',
      }),
    },

    DatabaseStatementSlow: {
      'for': '15m',
      window: '15m',
      priority: 'p4',
      kind: 'cause',
      performance: true,
      unit: 'seconds',
      threshold: '1',
      rules: each({
        expr: |||
          sum by (target, datname, queryid) (rate(pg_stat_statements_top_exec_seconds_total{target="%(target)s", queryid!="other"}[%(window)s]))
          /
          (sum by (target, datname, queryid) (rate(pg_stat_statements_top_calls_total{target="%(target)s", queryid!="other"}[%(window)s])) > 0)
          > %(threshold)s
        |||,
        value: 'mean %(value)s',
        threshold: 'mean over %(limit)s for %(for)s',
        summary: 'A statement on %(title)s is slow.',
        description: 'Statement {{ $labels.queryid }} in {{ $labels.datname }} takes %(value)s on average.',
        impact: 'The requests that make it are slow, and it holds a connection meanwhile.',
        action: 'Find its text in pg_stat_statements by this queryid and look at its plan.',
        dashboard: 'statements',
        panel: 'by_time',
      }),
    },

    DatabaseHealthDegraded: {
      'for': '5m',
      priority: 'p3',
      kind: 'symptom',
      rules: each({
        health: true,
        // Without the label: one that is now degraded, now unhealthy, is never healthy.
        expr: 'max by (target) (pg_health_status{target="%(target)s", status=~"degraded|unhealthy"}) == 1',
        value: '{{ with query `pg_health_status{target="%(target)s", status="unhealthy"} == 1` }}unhealthy{{ else }}degraded{{ end }}',
        threshold: 'not healthy for %(for)s',
        summary: '%(title)s is not healthy.',
        description: 'By its test of connecting, reading and writing, %(title)s has not been healthy for %(for)s.',
        impact: 'Slow or failing: %(dependents)s.',
        action: 'See which of connect, query and write is slow; a slow write alone is the disk or a lock.',
        dashboard: 'postgres',
        panel: 'health',
      }),
    },

    DatabaseDataCorrupt: {
      'for': '0m',
      priority: 'p1',
      kind: 'cause',
      rules: each({
        // The time rather than the counter: that one may begin above 0, and nothing would be seen to grow.
        expr: 'time() - max by (target, datname) (pg_stat_database_checksum_last_failure_timestamp_seconds{target="%(target)s"}) < 3600',
        value: 'damaged pages, found {{ $value | humanizeDuration }} ago',
        threshold: 'any',
        summary: 'Data of %(title)s are damaged.',
        description: 'Pages of {{ $labels.datname }} have failed their checksum within the last hour.',
        impact: 'Data are lost or wrong, and the damage may spread with every write and every backup.',
        action: 'Stop writing, keep every backup there is, and call whoever owns the database now.',
        dashboard: 'postgres',
        panel: 'damage',
      }),
    },

    DatabaseRestarted: {
      'for': '0m',
      priority: 'p4',
      kind: 'cause',
      rules: each({
        awake: true,
        expr: 'max by (target) (changes(pg_postmaster_start_time_seconds{target="%(target)s"}[15m])) > 0',
        value: 'restarts in 15m: {{ $value }}',
        threshold: 'any',
        summary: '%(title)s has restarted.',
        description: '%(title)s has started anew within the last 15 minutes.',
        impact: 'Every connection was cut; caches are cold for a while.',
        action: "If nobody planned it, read the server's log from before the start: out of memory, crash or provider.",
        dashboard: 'postgres',
        panel: 'running',
      }),
    },

    DatabasePermissionMissing: {
      'for': '15m',
      priority: 'p4',
      kind: 'meta',
      rules: each({
        expr: 'max by (target, grant) (pg_exporter_permission_missing{target="%(target)s"}) == 1',
        value: 'missing',
        threshold: 'missing for %(for)s',
        summary: 'The monitoring role of %(title)s lacks a permission.',
        description: "The exporter's role has no {{ $labels.grant }} on %(title)s.",
        impact: 'Some figures are missing or too small, and the alerts that need them stay silent.',
        action: 'Run platform-exporter check: it prints the very GRANT.',
        dashboard: 'postgres',
        panel: 'permissions',
      }),
    },

    DatabaseCollectorFailing: {
      'for': '15m',
      priority: 'p3',
      kind: 'meta',
      rules: each({
        expr: 'min by (target, collector) (pg_scrape_collector_success{target="%(target)s"}) == 0',
        value: 'fails',
        threshold: 'fails for %(for)s',
        summary: 'Part of %(title)s is no longer being read.',
        description: 'The collector {{ $labels.collector }} has failed on %(title)s for %(for)s.',
        impact: 'Its series are missing, and the alerts that need them stay silent.',
        action: "The reason is in the exporter's log and in pg_scrape_collector_failing; locks and permissions are the usual ones.",
        dashboard: 'postgres',
        panel: 'collectors',
      }),
    },
  }
