// Service levels: what was promised, what is left of the error budget, how fast it burns.
local duration = import '../../prometheus/lib/duration.libsonnet';
local colours = import '../lib/colours.libsonnet';
local known = import '../lib/known.libsonnet';
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

// Selects those of `levels` whose names are `names`, by `matcher` too; not said where these are all.
local selecting(levels, names, matcher) =
  local among = if std.length(names) == std.length(levels) then '' else 'slo=~"' + std.join('|', names) + '"';
  '{' + std.join(', ', [m for m in [matcher, among] if m != '']) + '}';

// Windows that alert on any of `levels`, from the shortest, each with its limits: [{factor, names}, …], the names of the
// service levels that have it. Objectives of different periods differ in both.
local windows(levels) =
  local tiers = [tier { slo: level.slo } for level in levels for tier in level.tiers];
  local longs = std.set([tier.long for tier in tiers], duration.seconds);
  [
    local here = [tier for tier in tiers if tier.long == long];
    {
      long: long,
      names: [tier.slo for tier in here],
      limits: [
        { factor: factor, names: [tier.slo for tier in here if tier.factor == factor] }
        for factor in std.set([tier.factor for tier in here])
      ],
    }
    for long in longs
  ];

// The burn rate over each window that alerts, the highest of each step, up to now: a short one is seen on a page of a
// month, one that only begins, too. `matcher` selects one of `levels`. An outage burns a thousand times faster than the slowest limit: drawn by powers of ten, from `least` up.
// Limits are series: a logarithmic axis of Grafana ends at the highest of these, and leaves out lines above it.
local least = 0.1;
local limit_of(window) = 'limit of ' + window.long;
local burn_targets(levels, matcher) =
  local all = windows(levels);
  // Every window is recorded for every service level: the longest is there as long as any.
  local known_at = 'slo:sli_error:ratio_rate' + all[std.length(all) - 1].long;
  [
    local these = selecting(levels, w.names, matcher);
    t.range(
      'clamp_min(' + known.largest('slo:sli_error:ratio_rate' + w.long + these)
      + ' / on (slo) slo:error_budget:ratio' + these + ', ' + numbers.text(least) + ')',
      'over ' + w.long
    )
    for w in all
  ] + [
    t.range(std.join(' or ', [
      numbers.text(limit.factor) + ' + 0 * ' + known.largest(known_at + selecting(levels, limit.names, matcher))
      for limit in w.limits
    ]), limit_of(w))
    for w in all
  ];
local burn_looks(levels) = std.flattenArrays(std.mapWithIndex(
  function(i, w)
    local colour = window_colours[i % 4];
    [
      panels.painted('over ' + w.long, colour),
      panels.limit(limit_of(w), colour),
      panels.named(limit_of(w), {
        'custom.lineWidth': 1,
        'custom.hideFrom': { legend: true, tooltip: false, viz: false },
      }),
    ],
  windows(levels)
));

// Where a burn rate pages somebody: [{factor, names, days}, …], the names of the service levels that have it.
local paging(levels) = [
  local these = [level for level in levels if level.tiers[0].factor == factor];
  { factor: factor, names: [level.slo for level in these], days: these[0].period_days }
  for factor in std.set([level.tiers[0].factor for level in levels])
];

// The same in words: "14.4×", or "1.44× (3 days), 14.4× (30 days)".
local paging_text(levels) =
  local all = paging(levels);
  std.join(', ', [
    numbers.text(p.factor) + '×' + (if std.length(all) == 1 then '' else ' (' + numbers.text(p.days) + ' days)')
    for p in all
  ]);

// A card of how fast budgets burn: a number for each limit that pages, since each has colours of its own. `asked` makes
// the query of a selector of the current burn rate.
local pace_name(levels, p) =
  if std.length(paging(levels)) == 1 then 'burn' else 'of ' + numbers.text(p.days) + ' days';
local pace_steps(p) = [[null, colours.good], [1, colours.warn], [p.factor, colours.bad]];
local pace(levels, matcher, asked) = {
  targets: [
    t.instant(asked('slo:current_burn_rate:ratio' + selecting(levels, p.names, matcher)), pace_name(levels, p))
    for p in paging(levels)
  ],
  thresholds: pace_steps(paging(levels)[0]),
  overrides: [
    panels.named(pace_name(levels, p), { thresholds: panels.steps(pace_steps(p), 'pace') })
    for p in paging(levels)[1:]
  ],
};

// Current burn rates over time, the highest of each step, and where they page, by powers of ten.
local pages_at(levels, p) = if std.length(paging(levels)) == 1 then 'pages' else 'pages, ' + pace_name(levels, p);
local pace_targets(levels, matcher) =
  local burn(selector) = known.largest('slo:current_burn_rate:ratio' + selector);
  [t.range('clamp_min(' + burn('{' + matcher + '}') + ', ' + numbers.text(least) + ')', '{{slo}}')] + [
    t.range(numbers.text(p.factor) + ' + 0 * max(' + burn(selecting(levels, p.names, matcher)) + ')', pages_at(levels, p))
    for p in paging(levels)
  ];
local pace_looks(levels) = [panels.limit(pages_at(levels, p)) for p in paging(levels)];

local burn(ctx, slo) =
  local fast = slo.tiers[0];
  local word = [pair[1] for pair in ctx.priorities if pair[0] == fast.priority][0];
  panels.timeseries(
    'slo/' + slo.slo + '/burn',
    slo.title + ' · burn rate',
    what='How many times faster than planned the error budget is spent, by powers of ten, over the windows that alert; dashed: '
         + std.join(', ', [numbers.text(tier.factor) + '× (' + tier.tier + ')' for tier in slo.tiers]) + '.',
    good='Under 1×: at this pace the budget lasts its ' + numbers.text(slo.period_days) + ' days.',
    act='Above ' + numbers.text(fast.factor) + '× the whole budget is gone in ' + fast.exhausted_in + ' and '
        + word + ' is alerted: open the runbook.',
    targets=burn_targets([slo], 'slo="' + slo.slo + '"'),
    unit='suffix:×',
    links=[ctx.links.slo(slo.slo), ctx.links.runbook('ErrorBudgetBurnFast'), ctx.links.rules],
    wish=10,
    fill=0,
    decimals=1,
    min=least,
    log=true,
    overrides=burn_looks([slo]),
    noValue='not known',
  );

// What is left, drawn down to −100 %. Each point looks at the whole step that begins there: the last whole step of a page
// of a month is up to an hour ago, and the curve would not know of the fault that the card beside it already counts.
local course(matcher) =
  'clamp_min(' + known.line('slo:period_error_budget_remaining:ratio{' + matcher + '}') + ', -1)';

local remaining(ctx, slo, title, wish=7, height=8) =
  local warn = numbers.percent(ctx.limits.budget_left.warn);
  panels.timeseries(
    'slo/' + slo.slo + '/remaining',
    title,
    what='Share of the error budget of the last ' + numbers.text(slo.period_days)
         + ' days that is still unspent; below zero it is overdrawn, drawn down to −100 %.',
    good='Above ' + warn + ': there is room for risk.',
    act='Below it, ship with care; at zero, reliability comes before features until it recovers.',
    targets=[t.range(course('slo="' + slo.slo + '"'), 'left')],
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

// Failed events per minute. A step may be longer than the five minutes of the rate: whatever failed in it is seen.
local failed(matcher) =
  local series = 'slo:events_bad:rate5m{' + matcher + '}';
  '60 * ' + known.largest(series);

local events(ctx, slo) = panels.timeseries(
  'slo/' + slo.slo + '/events',
  slo.title + ' · failed',
  what='Events that count against the objective, per minute; of each step the worst five minutes.',
  good='None, or a handful without a pattern; an alert needs at least ' + slo.minimum_bad_events + ' of them.',
  act='Compare the moment they began with deployments and with the state of the components below.',
  targets=[t.range(failed('slo="' + slo.slo + '"'), 'failed')],
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
  course:: course,
  failed:: failed,
  apart:: apart,
  remaining:: remaining,
  burn_targets:: burn_targets,
  burn_looks:: burn_looks,
  selecting:: selecting,
  paging:: paging,
  paging_text:: paging_text,
  pace_steps:: pace_steps,
  pace:: pace,
  pace_targets:: pace_targets,
  pace_looks:: pace_looks,
  least:: least,
  section(ctx):: layout.section('Service levels', [
    [burn(ctx, slo), remaining(ctx, slo, slo.title + ' · budget left'), events(ctx, slo)]
    for slo in ctx.slos
  ]),
}
