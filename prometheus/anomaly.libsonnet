// What is normal at this hour? A level and a band around what other days and weeks had, for whatever has a rhythm.
//
//   anomaly:level      what is going on now: mean of half an hour, per second
//   anomaly:expected   median of the same half hour of the three weeks before; of the three days before, while there is
//                      no week yet; absent during the first day
//   anomaly:upper      the band: the expected level, and whichever is wider of half of it and three times what the level
//   anomaly:lower      has been off lately; never below zero
//
// Labels: `anomaly` says what is counted (traffic, or the name of a counter of the team's own), `service` whose it is.
// Public holidays and launches are not known to it, so it never pages.

local services = import 'lib/service.libsonnet';

local level(anomaly, service, expr) = {
  record: 'anomaly:level',
  expr: expr,
  labels: { anomaly: anomaly, service: service },
};

local customers(catalogue) = [
  service
  for service in services.with_signal(catalogue)
  if services.signal(catalogue, service).counts_customers
];

// Counters of the team's own that show business: sign-ups, orders, calls.
local counters(catalogue) = [
  { query: query, metric: metric }
  for query in catalogue.queries
  for metric in query.metrics
  if metric.type == 'counter'
];

local median(offsets) =
  'quantile without (before) (\n  0.5,\n  ' + std.join('\n  or\n  ', [
    'label_replace(anomaly:level offset ' + offset + ', "before", "' + offset + '", "", "")'
    for offset in offsets
  ]) + '\n)';

local band(sign) = 'anomaly:expected ' + sign + |||

  (
    0.5 * anomaly:expected > 3 * stddev_over_time(anomaly:residual[1d])
    or
    3 * stddev_over_time(anomaly:residual[1d])
    or
    0.5 * anomaly:expected
  )
|||;

{
  customers:: customers,
  counters:: counters,
  groups(catalogue)::
    local levels =
      [
        level('traffic', service.name, 'avg_over_time(service:requests:rate5m{service="' + service.name + '"}[30m])')
        for service in customers(catalogue)
      ] + [
        level(
          entry.metric.name,
          'postgres.' + entry.query.database,
          'sum(rate(' + entry.metric.name + '{target="' + entry.query.database + '"}[30m]))'
        )
        for entry in counters(catalogue)
      ];
    if std.length(levels) == 0 then [] else [{
      name: 'anomaly',
      // Seasons change slowly.
      interval: '1m',
      rules: levels + [
        {
          record: 'anomaly:expected',
          expr: median(['7d', '14d', '21d']) + '\nor\n' + median(['1d', '2d', '3d']),
        },
        { record: 'anomaly:residual', expr: 'anomaly:level - anomaly:expected' },
        { record: 'anomaly:upper', expr: band('+') },
        { record: 'anomaly:lower', expr: 'clamp_min(\n  ' + std.strReplace(std.rstripChars(band('-'), '\n'), '\n', '\n  ') + ',\n  0\n)' },
      ],
    }],
}
