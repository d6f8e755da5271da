// For everyone: can customers use it, do we keep what we promised, and how is business? In plain words, no jargon.
local colours = import '../lib/colours.libsonnet';
local dashboard = import '../lib/dashboard.libsonnet';
local incidents = import '../lib/incidents.libsonnet';
local known = import '../lib/known.libsonnet';
local layout = import '../lib/layout.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';
local happened = import '../rows/happened.libsonnet';
local kpis = import '../rows/kpis.libsonnet';
local queries = import '../rows/queries.libsonnet';
local services = import '../rows/services.libsonnet';
local slo = import '../rows/slo.libsonnet';

local present(list, panel) = if std.length(list) == 0 then null else panel;

local now(ctx) = [
  panels.stat(
    'now/incidents',
    'Open incidents',
    what='Services that customers feel to be broken now; somebody has been called. One fault counts once for each.',
    good='None.',
    act='Nothing to do here but wait; the operations view shows the progress.',
    targets=[t.instant(
      known.zero(
        // A database that is down counts until somebody feels it: it is one fault.
        std.join(' or ', ['count(count by (service) (' + kind + '))' for kind in incidents(ctx).each(function(series) series)])
      ), 'incidents'
    )],
    unit='none',
    links=[ctx.links.operations, ctx.links.firing],
    wish=5,
    height=5,
    background=true,
    thresholds=[[null, colours.good], [1, colours.bad]],
    mappings=panels.words([[0, 'None', colours.good]]),
    noValue='not known',
  ),
  present(ctx.health, panels.stat(
    'now/health',
    'What the platform reports',
    what='The worst state that the platform reports about its own parts. A fault that it does not notice is not in it.',
    good='Healthy. Degraded means slower, or without a side function; No usable answer is as bad as Unhealthy.',
    act='Click it: the page behind names the part.',
    targets=[t.instant('max(health:state:code)', 'state')],
    unit='none',
    links=[ctx.links.health, ctx.links.technical],
    wish=5,
    height=5,
    background=true,
    mappings=states.health,
    noValue='not read',
  )),
  present(ctx.slos, panels.stat(
    'now/burn',
    'Failures, last 5 minutes',
    what='Pace of failures over the last five minutes, against the pace that the promise allows.',
    good='Within plan, nearly always.',
    act='Above plan for long, the promise will be broken: reliability comes before features.',
    targets=[t.instant(known.asked('max(' + std.join(' or ', [
      local burn = 'slo:current_burn_rate:ratio' + slo.selecting(ctx.slos, paging.names, '');
      '(' + burn + ' >= bool 1) + (' + burn + ' >= bool ' + numbers.text(paging.factor) + ')'
      for paging in slo.paging(ctx.slos)
    ]) + ')'), 'pace')],
    unit='none',
    links=[ctx.links.to('slo'), ctx.links.technical],
    wish=5,
    height=5,
    background=true,
    noValue='not known',
    // In words, of the worst: promises of different periods page at different paces.
    mappings=panels.words([
      [0, 'Within plan', colours.good],
      [1, 'Above plan', colours.warn],
      [2, 'Far above plan', colours.bad],
    ]),
  )),
];

// Minutes of full outage that a budget allows.
local allowance(level) = level.period_days * 24 * 60 * level.budget;
local days(level) = numbers.text(level.period_days) + ' days';

// What an error budget is spent on.
local shortfall(level) = if level.sli == 'availability' then 'of full outage' else 'of falling short';

// Heading of the budget that is left, as time.
local equal(level) = if level.sli == 'availability' then 'or full outage of' else 'or falling short for';

local kept(ctx, level) = panels.stat(
  'availability/' + level.slo,
  level.title,
  what='Share of what was asked in the last ' + days(level) + ' that was answered as promised; promised: '
       + level.objective_text + '.',
  good=level.objective_text + ' or more.',
  act='Below it the promise is broken; see the budget beside for how far.',
  // Not in the title, which a narrow panel cuts; and said even where nothing is known.
  targets=[t.instant('max(' + slo.kept('slo="' + level.slo + '"') + ') or vector(NaN)', 'target ' + level.objective_text)],
  unit='percentunit',
  links=[ctx.links.slo(level.slo), ctx.links.technical],
  wish=6,
  height=6,
  decimals=3,
  text='value_and_name',
  noValue='not known',
  thresholds=[[null, colours.bad], [level.objective, colours.good]],
);

local budget(ctx, level) =
  local series = 'slo:period_error_budget_remaining:ratio{slo="' + level.slo + '"}';
  panels.stat(
    'budget/' + level.slo,
    'Error budget left',
    what='Of the failures that the promise allows in ' + days(level)
         + ', the share that is still unspent; and the same as time '
         + shortfall(level) + '.',
    good='Above ' + numbers.percent(ctx.limits.budget_left.warn) + '.',
    act='Little left: ship with care. Used up: reliability comes before features until it recovers.',
    targets=[
      t.instant(series, 'left'),
      t.instant(numbers.text(60 * allowance(level)) + ' * ' + series, equal(level)),
    ],
    unit='percentunit',
    links=[ctx.links.slo(level.slo), ctx.links.technical],
    wish=6,
    height=6,
    decimals=0,
    text='value_and_name',
    noValue='not known',
    thresholds=slo.left(ctx),
    mappings=panels.ranges([[null, 0, 'Used up', colours.bad]]),
    overrides=[panels.named(equal(level), {
      unit: 's',
      decimals: 1,
      color: panels.fixed(colours.neutral),
      mappings: panels.ranges([[null, 0, 'No more', colours.bad]]),
    })],
  );

// Few promises have a line of their own, many of them a table.
local promises(ctx) =
  if std.length(ctx.slos) <= 3 then [
    [kept(ctx, s), budget(ctx, s), slo.remaining(ctx, s, 'Error budget left, day by day', wish=12, height=6)]
    for s in ctx.slos
  ] else [[
    panels.table(
      'promises',
      'Promises',
      what='What was promised, what was kept over the period of the promise, and how much of the error budget is left.',
      good='Kept is at least what was promised; budget is left.',
      act='Used up: reliability comes before features until it recovers. Click one for its course.',
      targets=[
        t.table('max by (slo) (slo:objective:ratio)'),
        t.table('max by (slo) (' + slo.kept('') + ')'),
        t.table('max by (slo) (slo:period_error_budget_remaining:ratio)'),
      ],
      join='slo',
      unit='percentunit',
      columns=[['slo', 'Promise'], ['Value #A', 'Promised'], ['Value #B', 'Kept'], ['Value #C', 'Budget left']],
      links=[ctx.links.to('slo'), ctx.links.technical],
      drill=ctx.links.slo(ctx.links.cell),
      wish=12,
      height=std.min(12, 3 + std.length(ctx.slos)),
      decimals=3,
      overrides=[panels.named('Promise', { mappings: panels.titled(ctx.promises) }), panels.named('Budget left', {
        decimals: 0,
        thresholds: panels.steps(slo.left(ctx), 'promises'),
        'custom.cellOptions': { type: 'color-text' },
        mappings: panels.ranges([[null, 0, 'Used up', colours.bad]]),
      })],
    ),
    panels.timeseries(
      'promises/course',
      'Error budget left, day by day',
      what='Share of each error budget that is unspent.',
      good='Above ' + numbers.percent(ctx.limits.budget_left.warn) + '.',
      act='A step down is one incident; ask for its review.',
      targets=[t.range(slo.course(''), '{{slo}}')],
      unit='percentunit',
      links=[ctx.links.to('slo'), ctx.links.technical],
      wish=12,
      fill=0,
      min=null,
      max=1,
      softMin=0,
      thresholds=slo.left_lines(ctx),
      overrides=slo.apart(ctx),
    ),
  ]];

// The allowance as people say it.
local outage(level) =
  local minutes = allowance(level);
  if minutes >= 120 then numbers.text(minutes / 60, 1) + ' hours' else numbers.text(minutes, 0) + ' minutes';

local reading(ctx) = panels.text(
  'reading',
  'How to read this page',
  'What the words and numbers on this page mean.',
  std.join('\n', [
    '- **' + s.title + '** promises **' + s.objective_text + '** over ' + days(s) + ': at most ' + outage(s)
    + ' ' + shortfall(s) + '.'
    for s in ctx.slos
  ] + (
    if std.length(ctx.slos) == 0 then [] else [
      '- That is the *error budget*. Under ' + numbers.percent(ctx.limits.budget_left.warn)
      + ' left: release with care. Used up: reliability first.',
    ]
  ) + [
    '- **Grey**: nothing is known. Percentages beside numbers: the change over the time shown.',
    '- Click a number for its details, **i** for what is good.',
  ]),
  wish=12,
  // On a phone each takes two lines of 22 pixels, the last but one.
  height=std.min(14, std.ceil((22 * (2 * std.length(ctx.slos) + 5) + 58) / 38)),
);

// What the team marked for this page; otherwise the first few levels that its database knows.
local business(ctx) =
  local all = queries.all(ctx);
  local marked = [x for x in all if x.query.view == 'executive'];
  local levels = [x for x in all if x.metric.type == 'gauge'];
  if std.length(marked) > 0 then marked
  else [levels[i] for i in std.range(0, std.min(4, std.length(levels)) - 1)];

function(ctx)
  local questions = [services.question(ctx, s) for s in ctx.services];
  local few = std.length(questions) <= 2;
  local chosen = business(ctx);
  dashboard.new(
    ctx,
    'executive',
    'Executive',
    'Can customers use it, do we keep what we promised, and how is business?',
    [
      layout.section('', if few then [questions + now(ctx)] else layout.spread(questions, 4) + [now(ctx)]),
      layout.section('What we promised', promises(ctx)),
      layout.section('Business', (
        local links = [ctx.links.business, ctx.links.technical];
        local figures = [queries.headline(x.query, x.metric, links, earlier='$__range', wish=6) for x in chosen];
        local verdicts = [kpis.card(k, [ctx.links.business, ctx.links.recorded]) for k in ctx.kpis];
        if std.length(figures) + std.length(verdicts) <= 4 then [figures + verdicts]
        else layout.spread(figures, 4) + layout.spread(verdicts, 4)
      )),
      layout.section('What happened', happened(ctx, reading(ctx))),
    ],
    from='now-30d',
    refresh='5m',
    marked=incidents(ctx).each,
    starts=false,
  )
