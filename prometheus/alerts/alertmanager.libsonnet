// Does the news get through? Alertmanager, and the way to it and from it.

local own = { service: 'alertmanager', panel: 'exporter/targets' };

function(catalogue) {
  AlertmanagerDown: {
    'for': '3m',
    priority: 'p2',
    kind: 'meta',
    rules: [own {
      expr: 'max by (job) (up{job="alertmanager"}) == 0\nor\nabsent(up{job="alertmanager"})',
      value: '{{ if $value }}no such target{{ else }}scrape fails{{ end }}',
      threshold: 'no successful scrape for %(for)s',
      summary: 'Alertmanager does not answer.',
      description: 'No scrape of Alertmanager has succeeded for %(for)s.',
      impact: 'Nobody is told of anything. This alert itself is seen on dashboards only; the missing heartbeat is what calls.',
      action: 'Start Alertmanager; if it refuses, run amtool check-config on its configuration.',
    }],
  },

  AlertmanagerReloadFailed: {
    'for': '5m',
    priority: 'p3',
    kind: 'meta',
    rules: [own {
      expr: 'max by (instance) (max_over_time(alertmanager_config_last_reload_successful[5m])) == 0',
      value: 'refused',
      threshold: 'refused for %(for)s',
      summary: 'Alertmanager has refused its configuration.',
      description: 'The last reload of {{ $labels.instance }} failed; for %(for)s it has been routing by the file before.',
      impact: 'New channels, routes and windows have no effect, and a restart would fail.',
      action: "Run amtool check-config on the generated file; a secret's file that is missing is the usual reason.",
      dashboard: 'exporter',
      panel: null,
    }],
  },

  NotificationsFailing: {
    'for': '5m',
    window: '15m',
    priority: 'p2',
    kind: 'meta',
    unit: 'ratio',
    threshold: '0.01',
    rules: [own {
      expr: |||
        sum by (integration) (rate(alertmanager_notifications_failed_total[%(window)s]))
        /
        (sum by (integration) (rate(alertmanager_notifications_total[%(window)s])) > 0)
        > %(threshold)s
      |||,
      value: '%(value)s of the notifications fail',
      threshold: 'over %(limit)s for %(for)s',
      summary: 'Alertmanager cannot deliver.',
      description: '%(value)s of the notifications by {{ $labels.integration }} have failed for %(for)s.',
      impact: 'People who rely on {{ $labels.integration }} hear of nothing.',
      action: "Read Alertmanager's log for the reason; a revoked webhook, key or password is the usual one.",
      dashboard: 'operations',
      panel: 'exporter/notifications',
    }],
  },

  // Off unless a platform asks for it, for a channel that is not among those that fail. Alertmanager has no "if that fails,
  // then": this is what says it.
  PageUndelivered: {
    'for': '30s',
    window: '2m',
    priority: 'p1',
    kind: 'meta',
    unit: 'ratio',
    threshold: '0.5',
    enabled: false,
    rules: [own {
      // Attempts, for Alertmanager counts a notification as failed only when it has given up, minutes later.
      expr: |||
        sum by (integration) (increase(alertmanager_notification_requests_failed_total{integration=~"email|pagerduty|slack"}[%(window)s]))
        /
        (sum by (integration) (increase(alertmanager_notification_requests_total{integration=~"email|pagerduty|slack"}[%(window)s])) > 0)
        > %(threshold)s
        and on ()
        ALERTS{alertstate="firing", priority="p1", alertname!~"PageUndelivered|Unresolved"}
      |||,
      value: '%(value)s of the attempts fail',
      threshold: 'over %(limit)s for %(for)s, while something of p1 fires',
      summary: 'An urgent alert fires, and one of the ways to tell of it fails.',
      description: |||
        For %(for)s %(value)s of the attempts to deliver by {{ $labels.integration }} have failed, while
        {{ with query `count by (alertname, service) (ALERTS{alertstate="firing", priority="p1", alertname!~"PageUndelivered|Unresolved"})` | sortByLabel "alertname" }}
        {{- range $i, $alert := . }}{{ if $i }}, {{ end }}{{ $alert | label "alertname" }} of {{ $alert | label "service" }}{{ end }}
        {{- end }} fires.
      |||,
      impact: 'People who rely on {{ $labels.integration }} do not know.',
      action: 'Go to what fires first; then see why {{ $labels.integration }} fails.',
      dashboard: 'operations',
      panel: 'exporter/notifications',
    }],
  },

  PrometheusCannotNotify: {
    'for': '5m',
    priority: 'p2',
    kind: 'meta',
    rules: [own {
      expr: |||
        max by (instance) (max_over_time(prometheus_notifications_alertmanagers_discovered[5m])) < 1
        or
        max by (instance) (increase(prometheus_notifications_dropped_total[5m])) > 0
      |||,
      value: '{{ if $value }}{{ $value | humanize }} alerts dropped{{ else }}no Alertmanager known{{ end }}',
      threshold: 'any for %(for)s',
      summary: 'Prometheus cannot hand over its alerts.',
      description: |||
        For %(for)s {{ $labels.instance }}
        {{ if $value }}has been dropping alerts, {{ $value | humanize }} in five minutes
        {{- else }}has known no Alertmanager{{ end }}.
      |||,
      impact: 'Nobody is told of anything that Prometheus finds.',
      action: 'Check the address under alerting in prometheus.yml, and that Alertmanager answers there.',
      dashboard: 'operations',
      panel: 'exporter/notifications',
    }],
  },
}
