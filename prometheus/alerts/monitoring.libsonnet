// Who watches the watchman? An alert that cannot fire looks exactly like a healthy platform.

local reason = import '../lib/reason.libsonnet';

function(catalogue) {
  ExporterDown: {
    'for': '1m',
    priority: 'p2',
    kind: 'meta',
    rules: [{
      service: 'platform-exporter',
      words: { exporter: catalogue.monitoring.exporter },
      // Both halves carry the label job alone, so that a target that vanishes does not start a second alert.
      expr: |||
        max by (job) (up{job="platform-exporter"}) == 0
        or
        absent(up{job="platform-exporter"})
      |||,
      value: '{{ if $value }}no such target{{ else }}scrape fails{{ end }}',
      threshold: 'no successful scrape for %(for)s',
      summary: 'Prometheus cannot read the exporter.',
      description: |||
        No scrape of %(exporter)s has succeeded for %(for)s
        ({{ if $value }}Prometheus has no such target{{ else }}the scrape fails{{ end }}).
      |||,
      impact: 'Every other alert of this platform is blind.',
      action: "See whether the exporter runs, then read the error on Prometheus' page of targets.",
      panel: 'exporter/targets',
    }],
  },

  SourceStale: {
    'for': '2m',
    priority: 'p3',
    kind: 'meta',
    rules: [
      {
        service: source.source,
        labels: { source: source.source },
        words: {
          source: source.source,
          title: source.title,
          every: source.every_seconds,
          limit: source.stale_after_seconds,
        },
        // The second half is a source that has never succeeded: it has no such time, and its value is 0.
        expr: |||
          time() - max by (source) (platform_exporter_source_last_success_timestamp_seconds{source="%(source)s"}) > %(limit)s
          or
          max by (source) (platform_exporter_source_up{source="%(source)s"}) == 0
          unless on (source)
          platform_exporter_source_last_success_timestamp_seconds
        |||,
        value: '{{ if $value }}{{ $value | humanizeDuration }} old{{ else }}never read{{ end }}',
        threshold: '{{ humanizeDuration %(limit)s }}',
        summary: '%(title)s is no longer being read.',
        description: '{{ if $value }}The last successful reading is {{ $value | humanizeDuration }} old'
                     + '{{ else }}No reading has succeeded yet{{ end }}; '
                     + 'one is due every {{ humanizeDuration %(every)s }} (reason: ' + reason + ').',
        impact: 'Panels and alerts that need this source have no data.',
        action: 'Run platform-exporter check: it names the missing grant, setting or network path.',
        panel: 'exporter/age',
      }
      for source in catalogue.sources
    ],
  },

  // Fires for ever. Whoever waits for its heartbeat outside raises the alarm when it stops.
  Watchdog: {
    priority: 'p4',
    kind: 'meta',
    rules: if catalogue.alerting.heartbeat == null then [] else [{
      service: 'prometheus',
      severity: 'none',
      expr: 'vector(1)',
      value: 'alive',
      threshold: 'always firing',
      summary: 'Alerts reach the outside world.',
      description: 'This alert always fires; when its heartbeat stops at the far end, alerting itself is broken.',
      impact: 'None while it fires.',
      action: 'Nothing while it fires; when the heartbeat stops, check Prometheus first and Alertmanager second.',
    }],
  },
}
