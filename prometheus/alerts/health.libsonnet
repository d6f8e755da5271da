// What does each product say of itself?

local reason = import '../lib/reason.libsonnet';

// The same alert for each endpoint, with what the endpoint is called. `panel` is that of the page: one for all endpoints,
// or a function of the endpoint.
local each(catalogue, part, panel=function(source) 'health/overall') = [
  part {
    service: source.service,
    labels: { source: source.source },
    words: { source: source.source, target: source.target, title: source.title },
    panel: panel(source),
  }
  for source in catalogue.sources
  if source.kind == 'health'
];

local components(source) = 'health/' + source.target + '/checks';
local durations(source) = 'health/durations';
local pool(source) = 'health/pool';

// " Failing: database, telnyx." or nothing.
local checks(status) =
  '{{ with query `health_check_status{target="%(target)s", status="' + status + '"} == 1` | sortByLabel "check" }} Checks: '
  + '{{ range $i, $check := . }}{{ if $i }}, {{ end }}{{ $check | label "check" }}{{ end }}.{{ end }}';

function(catalogue) {
  HealthUnhealthy: {
    'for': '2m',
    priority: 'p1',
    kind: 'symptom',
    rules: each(catalogue, {
      // 1 when the document says so, 0 when there is no usable document: both are down for whoever asks.
      expr: |||
        max by (target) (health_status{target="%(target)s", status="unhealthy"}) == 1
        or
        max by (target) (probe_success{target="%(target)s"}) == 0
      |||,
      value: '{{ if $value }}says unhealthy{{ else }}no usable answer{{ end }}',
      threshold: 'unhealthy or no usable answer for %(for)s',
      summary: '%(title)s is unhealthy.',
      description: 'For %(for)s the health endpoint {{ if $value }}has said unhealthy.' + checks('unhealthy')
                   + '{{ else }}has given no usable answer (reason: ' + reason + ').{{ end }}',
      impact: 'Customers are failing now, or will as soon as they touch the part that is down.',
      action: 'Read the health document itself, then go to the first check that is not healthy.',
    }),
  },

  HealthDegraded: {
    'for': '10m',
    priority: 'p3',
    kind: 'symptom',
    rules: each(catalogue, {
      expr: 'max by (target) (health_status{target="%(target)s", status="degraded"}) == 1',
      value: 'says degraded',
      threshold: 'degraded for %(for)s',
      summary: '%(title)s is degraded.',
      description: 'For %(for)s the health endpoint has said degraded.' + checks('degraded'),
      impact: 'Customers are served, but slowly or without some part.',
      action: 'Find the degraded check in the health document and mend it before it becomes an outage.',
    }),
  },

  HealthCheckUnhealthy: {
    'for': '2m',
    priority: 'p2',
    kind: 'cause',
    by_check: true,
    rules: each(catalogue, {
      expr: 'max by (target, check) (health_check_status{target="%(target)s"%(checks)s, status="unhealthy"}) == 1',
      value: 'says unhealthy',
      threshold: 'unhealthy for %(for)s',
      summary: 'A part of %(title)s is unhealthy.',
      description: 'For %(for)s the health document has called {{ $labels.check }} unhealthy.',
      impact: 'Whatever needs {{ $labels.check }} fails, even where the document as a whole is still content.',
      action: 'Read what the document says of {{ $labels.check }}, then look at that part itself.',
    }, components),
  },

  // Off unless a platform asks for it: many products call a part degraded all day.
  HealthCheckDegraded: {
    'for': '10m',
    priority: 'p3',
    kind: 'cause',
    by_check: true,
    enabled: false,
    rules: each(catalogue, {
      // Without the status: a part that is now degraded, now unhealthy, is never healthy.
      expr: 'max by (target, check) (health_check_status{target="%(target)s"%(checks)s, status=~"degraded|unhealthy"}) == 1',
      value: 'says degraded or worse',
      threshold: 'not healthy for %(for)s',
      summary: 'A part of %(title)s is not healthy.',
      description: 'For %(for)s the health document has called {{ $labels.check }} degraded or unhealthy.',
      impact: 'Whatever needs {{ $labels.check }} is slow, or fails in part.',
      action: 'Read what the document says of {{ $labels.check }}, then look at that part itself.',
    }, components),
  },

  HealthCheckSlow: {
    'for': '5m',
    priority: 'p3',
    kind: 'symptom',
    by_check: true,
    performance: true,
    unit: 'seconds',
    threshold: '1',
    rules: each(catalogue, {
      expr: 'max by (target, check) (health_check_duration_seconds{target="%(target)s"%(checks)s}) > %(threshold)s',
      threshold: 'over %(limit)s for %(for)s',
      summary: 'A part of %(title)s answers slowly.',
      description: 'By the health document, {{ $labels.check }} takes %(value)s to answer; over %(limit)s for %(for)s.',
      impact: 'Requests that need {{ $labels.check }} take at least as long.',
      action: 'Measure {{ $labels.check }} by hand, then look for load, locks or a distant region.',
    }, durations),
  },

  HealthPoolWaiting: {
    'for': '5m',
    priority: 'p3',
    kind: 'capacity',
    unit: 'number',
    threshold: '0',
    rules: each(catalogue, {
      expr: 'max by (target) (health_pool_connections{target="%(target)s", state="waiting"}) > %(threshold)s',
      value: '%(value)s waiting',
      threshold: 'more than %(limit)s for %(for)s',
      summary: 'Requests to %(title)s wait for a database connection.',
      description: "For %(for)s the product's pool has had requests waiting, now %(value)s: all its connections are taken.",
      impact: 'Those requests are slow, and fail when their time is up.',
      action: 'Find what holds the connections: long transactions first, then a pool that is too small.',
      dashboard: 'health',
    }, pool),
  },
}
