// The SLO engine: every service level is two series in events per second, bad and total; the rest is one code path.
//
// A budget is a ratio of averages, never an average of ratios: the quiet night with every request failing weighs as
// little as its traffic, and an hour without traffic does not poison the month. Names follow Sloth where the meaning
// is the same.

local duration = import 'lib/duration.libsonnet';
local maintenance = import 'lib/maintenance.libsonnet';
local policy = import 'lib/policy.libsonnet';
local promql = import 'lib/promql.libsonnet';
local services = import 'lib/service.libsonnet';
local spans = import 'lib/windows.libsonnet';

// Long windows change slowly and cost the most: evaluating them each few seconds would buy nothing.
local long_window_interval = '30s';

local labels(slo) = { slo: slo.slo, service: slo.service, sli: slo.sli };
local record(name, expr, labels={}) =
  { record: name, expr: expr } + (if labels == {} then {} else { labels: labels });

// One entry an SLO: the catalogue's numbers with the signal they are measured on.
local levels(catalogue) = [
  {
    slo: slo,
    signal: signal,
    factor: maintenance.factor(catalogue, service.name),
    averaged: signal.averaged,
    maintained: maintenance.has(catalogue, service.name),
  }
  for service in catalogue.services
  for slo in service.slos
  for signal in [services.level(catalogue, service, slo)]
];

local windows(slos) = std.set(std.flatMap(
  function(slo) std.flatMap(function(tier) [tier.long, tier.short], slo.tiers), slos
) + ['1h'], duration.seconds);

local indented(expr) = '(\n  ' + std.strReplace(expr, '\n', '\n  ') + '\n)';
local lasting(expr, factor) = if factor == '' then expr else indented(expr) + factor;

local named(slos) = '{' + promql.matcher('slo', [slo.slo for slo in slos]) + '}';

// Failed by all over a window, of the recorded rates.
local average(catalogue, window, slos) =
  local over(metric) = 'avg_over_time(' + metric + slos + '[' + spans.range(catalogue, window) + '])';
  over('slo:events_bad:rate5m') + '\n/\n(' + over('slo:events_total:rate5m') + ' > 0)';

// What the source says of the last hour includes the maintenance in it; the recorded rates leave it out.
local direct(catalogue, level, window) =
  local ratio = services.ratio(level.signal.bad(window), level.signal.total(window));
  if !level.maintained then ratio
  else
    indented(ratio + maintenance.unless_within(level.slo.service, duration.seconds(window) + 300))
    + '\nor on ()\n' + indented(average(catalogue, window, named([level.slo])));

local level_rules(catalogue, level, windows) =
  local own = if level.slo.sli == 'latency' then level.signal.records else {};
  [record(name, own[name], { service: level.slo.service }) for name in std.objectFields(own)]
  + [
    record('slo:objective:ratio', 'vector(' + level.slo.objective + ')', labels(level.slo)),
    record('slo:error_budget:ratio', 'vector(' + level.slo.budget + ')', labels(level.slo)),
    record('slo:time_period:days', 'vector(' + level.slo.period_days + ')', labels(level.slo)),
    record('slo:events_bad:rate5m', lasting(level.signal.bad('5m'), level.factor), labels(level.slo)),
    record('slo:events_total:rate5m', lasting(level.signal.total('5m'), level.factor), labels(level.slo)),
  ] + (
    if level.averaged then [] else [
      record(
        'slo:sli_error:ratio_rate' + window,
        direct(catalogue, level, window),
        labels(level.slo)
      )
      for window in windows
      if window != '5m' && spans.direct(window)
    ]
  );

local average_rule(catalogue, window, slos) =
  record('slo:sli_error:ratio_rate' + window, average(catalogue, window, slos));

// One rule for all periods: two of one name would be duplicates, whatever they select.
local remaining_rule(periods, slos) =
  local ratio(period) =
    'slo:sli_error:ratio_rate' + period + named([slo for slo in slos if slo.period == period]);
  local ratios = std.join(' or ', [ratio(period) for period in periods]);
  record(
    'slo:period_error_budget_remaining:ratio',
    '1 - ' + (if std.length(periods) == 1 then ratios else '(' + ratios + ')') + ' / slo:error_budget:ratio'
  );

// What is left of the budget, spent as fast as in the last hour; nothing is said while nothing is spent.
local exhaustion_rule = record('slo:time_to_exhaustion:seconds', |||
  clamp_min(slo:period_error_budget_remaining:ratio, 0) * slo:time_period:days * 86400
  /
  ((slo:sli_error:ratio_rate1h > 0) / slo:error_budget:ratio)
|||);

function(catalogue)
  local all = levels(catalogue);
  local slos = [level.slo for level in all];
  local averaged = [level.slo for level in all if level.averaged];
  local used = windows(slos);
  local short = [w for w in used if w != '5m' && spans.direct(w)];
  local periods = std.set([slo.period for slo in slos], duration.seconds);
  local long = std.set([w for w in used if !spans.direct(w)] + periods, duration.seconds);
  if std.length(slos) == 0 then [] else [
    {
      name: 'slo',
      interval: catalogue.monitoring.evaluation_interval,
      rules: std.flatMap(function(level) level_rules(catalogue, level, used), all)
             + [record(
               'slo:sli_error:ratio_rate5m', 'slo:events_bad:rate5m\n/\n(slo:events_total:rate5m > 0)'
             )]
             + (if std.length(averaged) == 0 then [] else [average_rule(catalogue, w, named(averaged)) for w in short])
             + [record('slo:current_burn_rate:ratio', 'slo:sli_error:ratio_rate5m / slo:error_budget:ratio')],
    },
    {
      name: 'slo-long-windows',
      interval: long_window_interval,
      rules: [average_rule(catalogue, window, '') for window in long]
             + [remaining_rule(periods, slos), policy.rule, exhaustion_rule],
    },
  ]
