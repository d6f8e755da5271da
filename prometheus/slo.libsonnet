// The SLO engine: every service level is two series in events per second, bad and total; the rest is one code path.
//
// A budget is a ratio of averages, never an average of ratios: the quiet night with every request failing weighs as
// little as its traffic, and an hour without traffic does not poison the month. Names follow Sloth where the meaning
// is the same.

local duration = import 'lib/duration.libsonnet';
local promql = import 'lib/promql.libsonnet';
local services = import 'lib/service.libsonnet';
local text = import 'lib/text.libsonnet';

// Up to here a window is read from the source itself: averages of rate5m lag a sudden outage by two minutes.
local direct_up_to = duration.seconds('1h');
// Long windows change slowly and cost the most: evaluating them each few seconds would buy nothing.
local long_window_interval = '30s';

local labels(slo) = { slo: slo.slo, service: slo.service, sli: slo.sli };
local record(name, expr, labels={}) =
  { record: name, expr: expr } + (if labels == {} then {} else { labels: labels });

// One entry an SLO: the catalogue's numbers with the signal they are measured on.
local levels(catalogue) = [
  {
    slo: slo,
    signal: if slo.sli == 'availability' then services.signal(catalogue, service)
    else error 'services.%s: no rule measures the SLI %s yet' % [service.name, slo.sli],
  }
  for service in catalogue.services
  for slo in service.slos
];

local windows(slos) = std.set(std.flatMap(
  function(slo) std.flatMap(function(tier) [tier.long, tier.short], slo.tiers) + ['5m'], slos
), duration.seconds);

local level_rules(level, windows) =
  [
    record('slo:objective:ratio', 'vector(' + level.slo.objective + ')', labels(level.slo)),
    record('slo:error_budget:ratio', 'vector(' + level.slo.budget + ')', labels(level.slo)),
    record('slo:events_bad:rate5m', level.signal.bad('5m'), labels(level.slo)),
    record('slo:events_total:rate5m', level.signal.total('5m'), labels(level.slo)),
  ] + [
    record('slo:sli_error:ratio_rate' + window, level.signal.error_ratio(window), labels(level.slo))
    for window in windows
    if duration.seconds(window) <= direct_up_to
  ];

local average_rule(window) = record('slo:sli_error:ratio_rate' + window, text.fill(|||
  avg_over_time(slo:events_bad:rate5m[%(window)s])
  /
  (avg_over_time(slo:events_total:rate5m[%(window)s]) > 0)
|||, text.places({ window: window })));

// One rule for all periods: two of one name would be duplicates, whatever they select.
local remaining_rule(periods, slos) =
  local ratio(period) = text.fill('slo:sli_error:ratio_rate%(period)s{%(slos)s}', text.places({
    period: period,
    slos: promql.matcher('slo', [slo.slo for slo in slos if slo.period == period]),
  }));
  local ratios = std.join(' or ', [ratio(period) for period in periods]);
  record(
    'slo:period_error_budget_remaining:ratio',
    '1 - ' + (if std.length(periods) == 1 then ratios else '(' + ratios + ')') + ' / slo:error_budget:ratio'
  );

function(catalogue)
  local all = levels(catalogue);
  local slos = [level.slo for level in all];
  local used = windows(slos);
  local periods = std.set([slo.period for slo in slos], duration.seconds);
  local averaged = std.set(
    [window for window in used if duration.seconds(window) > direct_up_to] + periods, duration.seconds
  );
  if std.length(slos) == 0 then [] else [
    {
      name: 'slo',
      // Stated, because the alerts count bad events as samples times this interval.
      interval: catalogue.monitoring.evaluation_interval,
      rules: std.flatMap(function(level) level_rules(level, used), all) + [
        record('slo:current_burn_rate:ratio', 'slo:sli_error:ratio_rate5m / slo:error_budget:ratio'),
      ],
    },
    {
      name: 'slo-long-windows',
      interval: long_window_interval,
      rules: [average_rule(window) for window in averaged]
             + [remaining_rule(periods, slos)],
    },
  ]
