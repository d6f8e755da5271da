// Do customers get what they ask for, and quickly? Fixed limits beside the error budgets: they say what hurts now.

local services = import '../lib/service.libsonnet';

// Looks of the exporter are no customers: health and database alerts speak of them.
local counted(signal) = signal.sparse;
local timed(signal) = std.objectHasAll(signal, 'quantile');

// The same alert for each service of which `has` holds. %(enough)s says that there were at least so many events in five
// minutes: of fewer the percentile is one unlucky customer. Looks come as often as they come.
local each(catalogue, has, part, fewest='1') = [
  part {
    service: service.name,
    words: {
      service: service.name,
      title: service.title,
      question: service.question,
      events: services.signal(catalogue, service).events,
      enough:
        if !counted(services.signal(catalogue, service)) then ''
        else '\nand on (service)\nservice:requests:rate5m{service="' + service.name + '"} * 300 >= ' + fewest,
    },
  }
  for service in services.with_signal(catalogue)
  if has(services.signal(catalogue, service))
];

local slow(catalogue, record, words, fewest) = each(
  catalogue, if record == 'mean' then function(signal) std.objectHas(signal, 'mean') else timed, {
    expr: 'service:latency_seconds:' + record + '{service="%(service)s"} > %(threshold)s%(enough)s',
    threshold: words + ' above %(limit)s for %(for)s',
    summary: '%(title)s is slow.',
    impact: 'Customers wait; some give up, and slow requests hold on to connections that others need.',
    panel: null,
  }, fewest
);
local on_panel(rules) = [rule { panel: 'service/' + rule.service + '/latency' } for rule in rules];

function(catalogue) {
  ErrorRateHigh: {
    'for': '5m',
    priority: 'p2',
    kind: 'symptom',
    unit: 'ratio',
    threshold: '0.05',
    rules: [
      rule { panel: 'service/' + rule.service + '/errors' }
      for rule in each(catalogue, counted, {
        // Five failures in five minutes at least: a share of next to nothing says nothing.
        expr: |||
          service:error_ratio:rate5m{service="%(service)s"} > %(threshold)s
          and on (service)
          service:errors:rate5m{service="%(service)s"} * 300 >= 5
        |||,
        value: '%(value)s of the %(events)s fail',
        threshold: 'over %(limit)s for %(for)s',
        summary: '%(title)s fails too often.',
        description: '%(value)s of the %(events)s of the last five minutes failed, over %(limit)s for %(for)s.',
        impact: '%(question)s Too many of them not.',
        action: 'Look at the latest deployment first and undo it if the errors began with it; then at the dependencies.',
      })
    ],
  },

  LatencyHigh: {
    'for': '10m',
    priority: 'p3',
    kind: 'symptom',
    performance: true,
    unit: 'seconds',
    threshold: '2',
    rules: on_panel([
      rule {
        value: 'p95 %(value)s',
        description: 'One in twenty %(events)s takes longer than %(value)s; over %(limit)s for %(for)s.',
        action: "Compare with the database's latency and with the vendors: the slow part is usually one of them.",
      }
      for rule in slow(catalogue, 'p95', 'p95', '20')
    ]),
  },

  LatencyTailHigh: {
    'for': '5m',
    priority: 'p2',
    kind: 'symptom',
    performance: true,
    unit: 'seconds',
    threshold: '3',
    warn: '1',
    enabled: false,
    rules: on_panel([
      rule {
        value: 'p99 %(value)s',
        description: 'One in a hundred %(events)s takes longer than %(value)s; over %(limit)s for %(for)s.',
        action: 'Find the few expensive requests: cold starts, large accounts, missing indexes.',
      }
      for rule in slow(catalogue, 'p99', 'p99', '100')
    ]),
  },

  LatencyMeanHigh: {
    'for': '10m',
    priority: 'p2',
    kind: 'symptom',
    performance: true,
    unit: 'seconds',
    threshold: '2',
    enabled: false,
    rules: on_panel([
      rule {
        value: 'mean %(value)s',
        description: 'The average of the %(events)s takes %(value)s; over %(limit)s for %(for)s.',
        action: 'Everything is slow, not some requests: look at the database, its connections and the load first.',
      }
      for rule in slow(catalogue, 'mean', 'mean', '5')
    ]),
  },
}
