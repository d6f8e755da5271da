// Who watches the watchman? An alert that cannot fire looks exactly like a healthy platform.

local reason = import '../lib/reason.libsonnet';

local exporter = { service: 'platform-exporter' };

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

  SeriesDropped: {
    'for': '5m',
    priority: 'p4',
    kind: 'meta',
    rules: [exporter {
      expr: 'sum by (family) (increase(platform_exporter_series_dropped_total[15m])) > 0',
      value: '{{ $value | humanize }} samples in 15m',
      threshold: 'any for %(for)s',
      summary: 'The exporter leaves series out.',
      description: 'A bound on the number of series, or two sources with the same series, has cost samples of {{ $labels.family }}.',
      impact: 'What is beyond the bound is summed up under "other" or missing; nothing else is harmed.',
      action: 'See which label of {{ $labels.family }} has so many values; raise limits.series only if they are wanted.',
      dashboard: 'exporter',
      panel: 'exporter/dropped',
    }],
  },

  StateStoreDown: {
    'for': '5m',
    priority: 'p3',
    kind: 'meta',
    rules: [exporter {
      expr: 'min by (job) (platform_exporter_state_up) == 0',
      value: 'not usable',
      threshold: 'not usable for %(for)s',
      summary: 'The exporter cannot use its state store.',
      description: 'For %(for)s reading or writing the state has failed on at least one exporter (reason: state).',
      impact: 'Counters over windows, such as those of Cloudflare, stand still; they catch up afterwards.',
      action: "Check the disk of the SQLite file, or the database that holds the state, then the exporter's log.",
      dashboard: 'exporter',
      panel: 'exporter/state',
    }],
  },

  LeaderMissing: {
    'for': '5m',
    priority: 'p3',
    kind: 'meta',
    rules: [exporter {
      expr: 'sum by (job) (platform_exporter_leader) != 1',
      value: '{{ $value }} leaders',
      threshold: 'not exactly one for %(for)s',
      summary: 'The exporters do not agree on a leader.',
      description: 'For %(for)s {{ $value }} exporters have been asking the exclusive sources; it must be exactly one.',
      impact: 'With none, APIs and probes are not asked; with two, they are asked twice.',
      action: 'See that all exporters share one state store in Postgres and reach it.',
      dashboard: 'exporter',
      panel: 'exporter/leader',
    }],
  },

  ExporterReloadFailed: {
    'for': '5m',
    priority: 'p3',
    kind: 'meta',
    rules: [exporter {
      expr: 'min by (job) (platform_exporter_config_last_reload_successful) == 0',
      value: 'refused',
      threshold: 'refused for %(for)s',
      summary: 'The exporter has refused its platform file.',
      description: 'The last reload failed; for %(for)s the exporter has been working with the file before.',
      impact: 'Whatever was changed has no effect, and a restart would fail.',
      action: 'Run platform-exporter check: it names file, line, key and remedy.',
      dashboard: 'exporter',
      panel: 'exporter/config',
    }],
  },

  ExporterRestarts: {
    'for': '5m',
    priority: 'p3',
    kind: 'meta',
    unit: 'number',
    threshold: '3',
    rules: [exporter {
      expr: 'max by (job) (changes(process_start_time_seconds{job="platform-exporter"}[1h])) > %(threshold)s',
      value: '%(value)s restarts in an hour',
      threshold: 'more than %(limit)s in an hour',
      summary: 'The exporter restarts again and again.',
      description: 'It has started %(value)s times within the last hour.',
      impact: 'Gaps in every series, and late alerts.',
      action: 'Read the last lines of its log before each start; an out-of-memory kill leaves none, see dmesg.',
      panel: 'exporter/memory',
    }],
  },

  RulesOutdated: {
    'for': '15m',
    priority: 'p3',
    kind: 'meta',
    rules: if !std.objectHas(catalogue, 'hash') then [] else [exporter {
      words: { hash: catalogue.hash },
      expr: 'max by (platform_hash) (platform_exporter_platform_info{platform_hash!="%(hash)s"}) == 1',
      value: 'exporter {{ $labels.platform_hash }}, rules %(hash)s',
      threshold: 'another file for %(for)s',
      summary: 'Rules and exporter are of different platform files.',
      description: 'The exporter has read a platform file ({{ $labels.platform_hash }}) that is not the one these rules were made from (%(hash)s).',
      impact: 'Alerts, routes and dashboards speak of what the file said before.',
      action: 'Run platform-exporter generate, then reload Prometheus and Alertmanager; or reload the exporter.',
      dashboard: 'exporter',
    }],
  },
}
