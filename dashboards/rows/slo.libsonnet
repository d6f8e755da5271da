// Service levels: what was promised, what is left of the error budget, how fast it burns.
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';

local left(ctx) =
  local limits = ctx.limits.budget_left;
  [[null, colours.bad], [limits.bad, colours.warn], [limits.warn, colours.good]];

// The same limits as lines: each is painted in what begins below it.
local left_lines(ctx) =
  local limits = ctx.limits.budget_left;
  [[null, colours.unknown], [limits.bad, colours.bad], [limits.warn, colours.warn]];

local window_colours = [colours.bad, colours.orange, colours.purple, colours.sky];

// The burn rate over each window that alerts. `matcher` selects the SLO, `slo` gives windows and limits.
local burn_targets(slo, matcher) = [
  t.range(
    'slo:sli_error:ratio_rate' + tier.long + '{' + matcher + '} / on (slo) slo:error_budget:ratio{' + matcher + '}',
    'over ' + tier.long
  )
  for tier in slo.tiers
];
local burn_colours(slo) = std.mapWithIndex(
  function(i, tier) panels.painted('over ' + tier.long, window_colours[i % 4]), slo.tiers
);
local burn_steps(slo) = [[null, colours.good]] + [
  [tier.factor, if tier.severity == 'critical' then colours.bad else colours.warn]
  for tier in std.sort(slo.tiers, function(x) x.factor)
];

local burn(ctx, slo) =
  local fast = slo.tiers[0];
  local word = [pair[1] for pair in ctx.priorities if pair[0] == fast.priority][0];
  panels.timeseries(
    'slo/' + slo.slo + '/burn',
    slo.title + ' · burn rate',
    what='How many times faster than planned the error budget is spent, over the windows that alert; dashed: '
         + std.join(', ', [numbers.text(tier.factor, 1) + '× (' + tier.tier + ')' for tier in slo.tiers]) + '.',
    good='Under 1×: at this pace the budget lasts its ' + numbers.text(slo.period_days) + ' days.',
    act='Above ' + numbers.text(fast.factor, 1) + '× the whole budget is gone in ' + fast.exhausted_in + ' and '
        + word + ' is alerted: open the runbook.',
    targets=burn_targets(slo, 'slo="' + slo.slo + '"'),
    unit='suffix:×',
    links=[ctx.links.slo(slo.slo), ctx.links.runbook('ErrorBudgetBurnFast'), ctx.links.rules],
    wish=10,
    fill=0,
    decimals=1,
    softMax=fast.factor * 1.1,
    thresholds=burn_steps(slo),
    overrides=burn_colours(slo),
    noValue='not known',
  );

local remaining(ctx, slo, title, wish=7, height=8) =
  local warn = numbers.percent(ctx.limits.budget_left.warn);
  panels.timeseries(
    'slo/' + slo.slo + '/remaining',
    title,
    what='Share of the error budget of the last ' + numbers.text(slo.period_days)
         + ' days that is still unspent; below zero it is overdrawn, drawn down to −100 %.',
    good='Above ' + warn + ': there is room for risk.',
    act='Below it, ship with care; at zero, reliability comes before features until it recovers.',
    targets=[t.range('clamp_min(slo:period_error_budget_remaining:ratio{slo="' + slo.slo + '"}, -1)', 'left')],
    unit='percentunit',
    links=[ctx.links.slo(slo.slo), ctx.links.executive, ctx.links.runbook('ErrorBudgetBurnFast')],
    wish=wish,
    height=height,
    legend=false,
    min=null,
    max=1,
    softMin=0,
    colour=colours.neutral,
    thresholds=left_lines(ctx),
    noValue='not known',
  );

local events(ctx, slo) = panels.timeseries(
  'slo/' + slo.slo + '/events',
  slo.title + ' · failed',
  what='Events that count against the objective, per minute.',
  good='None, or a handful without a pattern; an alert needs at least ' + slo.minimum_bad_events + ' of them.',
  act='Compare the moment they began with deployments and with the state of the components below.',
  targets=[t.range('60 * slo:events_bad:rate5m{slo="' + slo.slo + '"}', 'failed')],
  unit='suffix: /min',
  links=[ctx.links.slo(slo.slo), ctx.links.runbook('ErrorBudgetBurnFast'), ctx.links.recorded],
  wish=7,
  softMax=1,
  style='bars',
  colour=colours.bad,
  legend=false,
  noValue='not known',
);

// Each service level in a colour and under a title of its own.
local apart(ctx) =
  panels.apart([slo.slo for slo in ctx.slos])
  + [panels.named(slo.slo, { displayName: slo.title }) for slo in ctx.slos];

// Share of the events of the whole period that were good. Not from its long window, which is recorded by the minute: what
// is left of the budget is known from the first look on.
local kept(matcher) =
  '1 - slo:error_budget:ratio{' + matcher + '} * (1 - slo:period_error_budget_remaining:ratio{' + matcher + '})';

{
  kept:: kept,
  left:: left,
  left_lines:: left_lines,
  apart:: apart,
  remaining:: remaining,
  burn_targets:: burn_targets,
  burn_colours:: burn_colours,
  burn_steps:: burn_steps,
  section(ctx):: layout.section('Service levels', [
    [burn(ctx, slo), remaining(ctx, slo, slo.title + ' · budget left'), events(ctx, slo)]
    for slo in ctx.slos
  ]),
}
