// Does Prometheus itself work: its configuration, its rules, its storage, its targets?

local own = { service: 'prometheus', panel: 'exporter/targets' };

function(catalogue) {
  TargetDown: {
    'for': '5m',
    priority: 'p3',
    kind: 'meta',
    rules: [own {
      // One of several exporters is a target like others; of the last one ExporterDown speaks.
      expr: |||
        min by (job, instance) (up{job!~"node|alertmanager"}) == 0
        unless on (job)
        max by (job) (up{job="platform-exporter"}) == 0
      |||,
      value: 'scrape fails',
      threshold: 'no successful scrape for %(for)s',
      summary: 'A target cannot be scraped.',
      description: 'No scrape of {{ $labels.instance }} (job {{ $labels.job }}) has succeeded for %(for)s.',
      impact: 'What it would have said is missing from panels and alerts.',
      action: "Read the error on Prometheus' page of targets.",
    }],
  },

  PrometheusReloadFailed: {
    'for': '5m',
    priority: 'p3',
    kind: 'meta',
    rules: [own {
      // A failed scrape must not look like a success.
      expr: 'max by (instance) (max_over_time(prometheus_config_last_reload_successful[5m])) == 0',
      value: 'refused',
      threshold: 'refused for %(for)s',
      summary: 'Prometheus has refused its configuration.',
      description: 'The last reload of {{ $labels.instance }} failed; for %(for)s it has been working with the files before.',
      impact: 'New rules and targets have no effect, and a restart would fail.',
      action: 'Run promtool check config on the files it reads, mend, reload.',
      dashboard: 'exporter',
      panel: null,
    }],
  },

  RuleFailures: {
    'for': '5m',
    priority: 'p2',
    kind: 'meta',
    rules: [own {
      expr: 'sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[5m])) > 0',
      value: '{{ $value | humanize }} failures in 5m',
      threshold: 'any for %(for)s',
      summary: 'Prometheus cannot evaluate some rules.',
      description: 'Rules of {{ $labels.rule_group }} have failed for %(for)s.',
      impact: 'Alerts and recorded series of these rules are missing: an outage would go unnoticed.',
      action: "Read the error on Prometheus' page of rules; two series with the same labels are the usual reason.",
      dashboard: 'operations',
      panel: 'exporter/rules',
    }],
  },

  RuleEvaluationsMissed: {
    'for': '15m',
    priority: 'p3',
    kind: 'meta',
    rules: [own {
      expr: 'sum by (rule_group) (increase(prometheus_rule_group_iterations_missed_total[15m])) > 0',
      value: '{{ $value | humanize }} missed in 15m',
      threshold: 'any for %(for)s',
      summary: 'Prometheus is too slow for its rules.',
      description: 'Rules of {{ $labels.rule_group }} take longer than their interval; rounds have been skipped for %(for)s.',
      impact: 'Alerts come late, and averages over time have gaps.',
      action: "See the durations on Prometheus' page of rules; give it more CPU, or evaluate less often.",
      dashboard: 'operations',
      panel: 'exporter/rules',
    }],
  },

  PrometheusStorageFailing: {
    'for': '5m',
    priority: 'p2',
    kind: 'meta',
    rules: [own {
      expr: |||
        sum by (instance) (increase(prometheus_tsdb_compactions_failed_total[1h]))
        +
        sum by (instance) (increase(prometheus_tsdb_wal_corruptions_total[1h]))
        > 0
      |||,
      value: '{{ $value | humanize }} failures in an hour',
      threshold: 'any',
      summary: 'Prometheus cannot keep its data.',
      description: 'Compactions have failed or the write-ahead log was damaged on {{ $labels.instance }} within the last hour.',
      impact: 'The disk fills up, or recent data are lost at the next restart.',
      action: "Check the disk's free space and health first, then Prometheus' log.",
      dashboard: 'exporter',
      panel: null,
    }],
  },
}
