// Is it proved, and not only believed, that alerts reach people?

function(catalogue) {
  local drill = catalogue.alerting.drill,

  DrillFailed: {
    'for': '1m',
    priority: 'p2',
    kind: 'meta',
    rules: if drill == null then [] else [{
      service: 'alertmanager',
      expr: 'min by (channel) (platform_exporter_drill_success) == 0',
      value: 'did not arrive',
      threshold: 'every channel gets its message',
      summary: 'A drill did not reach one of the channels.',
      description: 'The last drill sent a marked alert through Alertmanager; nothing of it arrived in {{ $labels.channel }}.',
      impact: 'A real alert would not arrive there either.',
      action: 'Run platform-exporter drill: it says what was accepted where, and what was refused.',
      dashboard: 'operations',
      panel: 'exporter/drill',
    }],
  },

  DrillOverdue: {
    'for': '5m',
    priority: 'p3',
    kind: 'meta',
    rules: if drill == null then [] else [{
      service: 'alertmanager',
      words: { every: drill.every, limit: drill.overdue_seconds },
      // Without a drill at all, the time counts from the start of the exporter.
      expr: |||
        time() - max(platform_exporter_drill_last_timestamp_seconds) > %(limit)s
        or
        time() - min(process_start_time_seconds{job="platform-exporter"}) > %(limit)s
        unless on ()
        platform_exporter_drill_last_timestamp_seconds
      |||,
      value: '{{ $value | humanizeDuration }}',
      threshold: 'one every %(every)s',
      summary: 'No drill has taken place for too long.',
      description: 'The last drill was {{ $value | humanizeDuration }} ago; one is due every %(every)s.',
      impact: 'Nobody knows whether alerts still reach people.',
      action: 'Run platform-exporter drill by hand, then read the log of the exporter for why it does not.',
      dashboard: 'operations',
      panel: 'exporter/drill',
    }],
  },
}
