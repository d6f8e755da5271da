// One service level: is the promise kept, how fast is the budget spent, since when?
local colours = import '../lib/colours.libsonnet';
local dashboard = import '../lib/dashboard.libsonnet';
local known = import '../lib/known.libsonnet';
local layout = import '../lib/layout.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';
local slo = import '../rows/slo.libsonnet';

local of(metric) = metric + '{slo="$slo"}';
local remaining = of('slo:period_error_budget_remaining:ratio');

local vitals(ctx) =
  local now = slo.pace(ctx.slos, 'slo="$slo"', known.asked);
  [
    panels.stat(
      'slo/objective',
      'Promised',
      what='Share of events that are to be good.',
      good='A promise that customers notice when it is broken, and not before.',
      act='Never kept or always kept by far: change it in the platform file.',
      targets=[t.instant(of('slo:objective:ratio'), 'promised')],
      unit='percentunit',
      links=[ctx.links.executive, ctx.links.recorded],
      decimals=3,
      colour=colours.neutral,
    ),
    panels.stat(
      'slo/kept',
      'Kept',
      what='Share of the events of the whole period that were good.',
      good='At least what was promised.',
      act='Below it the promise is broken: reliability comes before features.',
      targets=[t.instant(slo.kept('slo="$slo"'), 'kept')],
      unit='percentunit',
      links=[ctx.links.executive, ctx.links.recorded],
      decimals=3,
      colour=colours.neutral,
      noValue='not known',
    ),
    panels.stat(
      'slo/left',
      'Budget left',
      what='Share of the error budget of the period that is unspent.',
      good='Above ' + numbers.percent(ctx.limits.budget_left.warn) + '.',
      act='Below it, ship with care; at zero, reliability comes first.',
      targets=[t.instant(remaining, 'left')],
      unit='percentunit',
      links=[ctx.links.executive, ctx.links.runbook('ErrorBudgetBurnSlow')],
      decimals=0,
      background=true,
      thresholds=slo.left(ctx),
      noValue='not known',
    ),
    panels.stat(
      'slo/pace',
      'Burn rate, 5 minutes',
      what='How many times faster than planned the budget was spent in the last five minutes.',
      good='Under 1×.',
      act='Above ' + slo.paging_text(ctx.slos) + ' somebody is paged: open the runbook.',
      targets=now.targets,
      unit='suffix:×',
      links=[ctx.links.runbook('ErrorBudgetBurnFast'), ctx.links.technical],
      decimals=1,
      thresholds=now.thresholds,
      overrides=now.overrides,
      noValue='not known',
    ),
    panels.stat(
      'slo/firing',
      'Alerts',
      what='How urgent the alerts about this service level are that fire now.',
      good='None.',
      act='Below it stands which, and since when: each has its runbook.',
      targets=[t.instant(known.worst_now('slo="$slo"'), 'worst')],
      unit='none',
      links=[ctx.links.firing, ctx.links.operations],
      background=true,
      mappings=states.alert,
      noValue='not known',
    ),
    panels.stat(
      'slo/count',
      'Failed in this period',
      what='Events that counted against the objective in the time shown; in a fault five minutes behind.',
      good='Few, spread evenly.',
      act='Find the minute with the most of them below.',
      targets=[t.instant('60 * sum_over_time(' + of('slo:events_bad:rate5m') + '[$__range:1m])', 'failed')],
      unit='locale',
      links=[ctx.links.technical, ctx.links.recorded],
      decimals=0,
      colour=colours.neutral,
      noValue='not known',
    ),
  ];

local pace(ctx) =
  [
    panels.timeseries(
      'slo/burning',
      'Burn rate over the windows that alert',
      what='How many times faster than planned the budget is spent, by powers of ten; an alert needs its window above its limit, dashed in the same colour.',
      good='All under 1×.',
      act='The shortest window shows what happens now, the longest whether it matters: open the runbook.',
      targets=slo.burn_targets(ctx.slos, 'slo="$slo"'),
      unit='suffix:×',
      links=[ctx.links.runbook('ErrorBudgetBurnFast'), ctx.links.rules],
      wish=14,
      fill=0,
      decimals=1,
      min=slo.least,
      log=true,
      overrides=slo.burn_looks(ctx.slos),
      noValue='not known',
    ),
    panels.timeseries(
      'slo/remaining',
      'Budget left',
      what='Share of the error budget that is unspent; drawn down to −100 %.',
      good='Above ' + numbers.percent(ctx.limits.budget_left.warn) + ', going up as old failures leave the period.',
      act='A step down is one incident; a steady slope is a fault that nobody has mended.',
      targets=[t.range(slo.course('slo="$slo"'), 'left')],
      unit='percentunit',
      links=[ctx.links.executive, ctx.links.runbook('ErrorBudgetBurnTrend')],
      wish=10,
      min=null,
      max=1,
      softMin=0,
      legend=false,
      colour=colours.neutral,
      thresholds=slo.left_lines(ctx),
      noValue='not known',
    ),
  ];

local events(ctx) = [
  panels.timeseries(
    'slo/bad',
    'Failed',
    what='Events that count against the objective, per minute; of each step the worst five minutes.',
    good='None, or a handful without a pattern.',
    act='Compare the moment they began with deployments (blue marks).',
    targets=[t.range(slo.failed('slo="$slo"'), 'failed')],
    unit='suffix: /min',
    links=[ctx.links.technical, ctx.links.recorded],
    style='bars',
    steps=100,
    colour=colours.bad,
    softMax=1,
    legend=false,
    noValue='not known',
  ),
  panels.timeseries(
    'slo/all',
    'All events',
    what='Events that are counted, good and bad, per minute.',
    good='The usual rhythm: with little traffic a single failure weighs much.',
    act='None at all: the signal is missing, and with it every alert of this service level.',
    targets=[t.range('60 * ' + known.line(of('slo:events_total:rate5m')), 'all')],
    unit='suffix: /min',
    links=[ctx.links.runbook('SliMissing'), ctx.links.recorded],
    colour=colours.neutral,
    legend=false,
    noValue='not known',
  ),
  panels.timeline(
    'slo/alerts',
    'Alerts of this service level',
    what='When its alerts fired, and how urgent they were.',
    good='No alert.',
    act='Fast and medium page; slow and trend ask for work this week.',
    targets=[t.range(
      known.or_none(known.worst('alertname', 'slo="$slo"'), known.ever(of('slo:events_total:rate5m')), 'alertname', 'No alert'),
      '{{alertname}}'
    )],
    mappings=states.alert,
    links=[ctx.links.firing, ctx.links.operations],
    wish=8,
    noValue='not known',
  ),
];

function(ctx) dashboard.new(
  ctx,
  'slo',
  'Service level',
  'One promise: is it kept, how fast is its error budget being spent, and since when?',
  [layout.section('', [vitals(ctx), pace(ctx), events(ctx)])],
  from='now-7d',
  refresh='5m',
  variables=[dashboard.choice(
    'slo', 'Service level', [[s.title, s.slo] for s in ctx.slos], 'The promise that this page is about.'
  )],
)
