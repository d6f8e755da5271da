// Is something unusual for this hour of this day? Never a page: unusual is not broken.

local anomaly = import '../anomaly.libsonnet';

local traffic(catalogue, part) = [
  part {
    service: service.name,
    labels: { anomaly: 'traffic' },
    words: { service: service.name, title: service.title, anomaly: 'traffic' },
    dashboard: 'business',
    panel: 'demand/' + service.name,  // with the band
  }
  for service in anomaly.customers(catalogue)
];

// Where dashboards/rows/queries.libsonnet draws a counter. Of a query that is no more than a big number, the business page
// alone has a panel.
local drawn(query, metric) =
  local business = std.member(['business', 'executive'], query.view);
  local key = query.name + '/' + metric.name;
  {
    dashboard: if business then 'business' else query.view,
    panel:
      if std.get(query, 'panel') != 'stat' then 'query/' + key
      else if business then 'headline/' + key
      else null,
  };

local business(catalogue, part) = [
  part + drawn(entry.query, entry.metric) + {
    service: 'postgres.' + entry.query.database,
    labels: { anomaly: entry.metric.name, audience: 'business' },
    words: {
      service: 'postgres.' + entry.query.database,
      anomaly: entry.metric.name,
      title: std.get(entry.metric, 'title', entry.query.title),
    },
  }
  for entry in anomaly.counters(catalogue)
];

local outside = {
  expr: |||
    anomaly:level{service="%(service)s", anomaly="%(anomaly)s"} > anomaly:upper
    or
    anomaly:level{service="%(service)s", anomaly="%(anomaly)s"} < anomaly:lower
  |||,
  value: '{{ $value | humanize }} a second',
  threshold: 'outside the band for %(for)s',
};
local expected = '{{ with query `anomaly:expected{service="%(service)s", anomaly="%(anomaly)s"}` }}{{ . | first | value | humanize }}{{ end }}';

function(catalogue) {
  TrafficHigh: {
    'for': '30m',
    priority: 'p3',
    kind: 'anomaly',
    unit: 'factor',
    threshold: '2',
    rules: traffic(catalogue, {
      expr: |||
        anomaly:level{service="%(service)s", anomaly="traffic"}
        / on (service, anomaly)
        (anomaly:expected{service="%(service)s", anomaly="traffic"} > 0)
        > %(threshold)s
      |||,
      value: '%(value)s the usual',
      threshold: 'more than %(limit)s the usual for %(for)s',
      summary: '%(title)s gets unusually many requests.',
      description: '%(title)s gets %(value)s as many requests as at this hour of other weeks (of other days, in the first week).',
      impact: 'None by itself; the database and paid vendors feel it next.',
      action: 'Find out who: a campaign is welcome, a retry storm or abuse is not. Rate limits are the brake.',
    }),
  },

  TrafficUnusual: {
    'for': '30m',
    priority: 'p4',
    kind: 'anomaly',
    rules: traffic(catalogue, outside {
      summary: 'Traffic of %(title)s is not what it usually is.',
      description: '%(title)s gets {{ $value | humanize }} requests a second; at this hour ' + expected + ' are usual.',
      impact: 'None that is known.',
      action: 'Compare with the last deployment, with campaigns and with the calendar.',
    }),
  },

  BusinessUnusual: {
    'for': '1h',
    priority: 'p4',
    kind: 'anomaly',
    rules: business(catalogue, outside {
      summary: '%(title)s: not what is usual.',
      description: '%(anomaly)s grows by {{ $value | humanize }} a second; at this hour ' + expected + ' is usual.',
      impact: 'Customers may be unable to do what they came for, or somebody is using the product in an unusual way.',
      action: 'Try the step as a customer would, then compare with releases, prices and campaigns.',
    }),
  },
}
