// Service levels: what was promised, what is left of the error budget, how fast it burns.
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';
local limits = import '../lib/thresholds.libsonnet';

local left = [[null, colours.bad], [limits.budget_left.bad, colours.warn], [limits.budget_left.warn, colours.good]];

local burn(ctx, slo) =
  local fast = slo.tiers[0];
  panels.timeseries(
    'slo/%s/burn' % slo.slo,
    slo.title + ' · burn rate',
    what='How many times faster than planned the error budget is spent, over the windows that alert; dashed: %s.'
         % std.join(', ', ['%g× (%s)' % [tier.factor, tier.tier] for tier in slo.tiers]),
    good='Under 1×: at this pace the budget lasts its %g days.' % slo.period_days,
    act='Above %g× the whole budget is gone in %s and %s is alerted: open the runbook.'
        % [fast.factor, fast.exhausted_in, fast.priority],
    targets=[
      t.range(
        'slo:sli_error:ratio_rate%s{slo="%s"} / on (slo) slo:error_budget:ratio{slo="%s"}'
        % [tier.long, slo.slo, slo.slo], 'over ' + tier.long
      )
      for tier in slo.tiers
    ],
    unit='suffix:×',
    links=[ctx.links.runbook('ErrorBudgetBurnFast'), ctx.links.rules],
    wish=10,
    fill=0,
    decimals=1,
    softMax=fast.factor * 1.1,
    thresholds=[[null, colours.good]] + [
      [tier.factor, if tier.severity == 'critical' then colours.bad else colours.warn]
      for tier in std.sort(slo.tiers, function(x) x.factor)
    ],
    overrides=[
      panels.named('over ' + slo.tiers[i].long, {
        color: panels.fixed([colours.bad, colours.orange, colours.purple, colours.sky][i % 4]),
      })
      for i in std.range(0, std.length(slo.tiers) - 1)
    ],
    noValue='no traffic',
  );

local remaining(ctx, slo, title, wish=7, height=8) = panels.timeseries(
  'slo/%s/remaining' % slo.slo,
  title,
  what='Share of the error budget of the last %g days that is still unspent; below zero it is overdrawn, drawn down to −100 %%.' % slo.period_days,
  good='Above %d %%: there is room for risk.' % (limits.budget_left.warn * 100),
  act='Below it, ship with care; at zero, reliability comes before features until it recovers.',
  targets=[t.range('clamp_min(slo:period_error_budget_remaining:ratio{slo="%s"}, -1)' % slo.slo, 'left')],
  unit='percentunit',
  links=[ctx.links.executive, ctx.links.runbook('ErrorBudgetBurnFast')],
  wish=wish,
  height=height,
  legend=false,
  min=null,
  max=1,
  softMin=0,
  colour=colours.neutral,
  thresholds=left,
  noValue='no traffic',
);

local events(ctx, slo) = panels.timeseries(
  'slo/%s/events' % slo.slo,
  slo.title + ' · failed requests',
  what='Events that count against the objective, per minute.',
  good='None, or a handful without a pattern; an alert needs at least %s of them.' % slo.minimum_bad_events,
  act='Compare the moment they began with deployments and with the state of the components below.',
  targets=[t.range('60 * slo:events_bad:rate5m{slo="%s"}' % slo.slo, 'failed')],
  unit='suffix: /min',
  links=[ctx.links.runbook('ErrorBudgetBurnFast'), ctx.links.recorded],
  wish=7,
  softMax=1,
  style='bars',
  colour=colours.bad,
  noValue='no traffic',
);

{
  budgetSteps: left,
  remaining:: remaining,
  section(ctx):: layout.section('Service levels', [
    [burn(ctx, slo), remaining(ctx, slo, slo.title + ' · budget left'), events(ctx, slo)]
    for slo in ctx.slos
  ]),
}
