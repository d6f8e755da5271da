// For everyone: can customers use it, do we keep what we promised, and how is business? In plain words, no jargon.
local colours = import '../lib/colours.libsonnet';
local dashboard = import '../lib/dashboard.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';
local limits = import '../lib/thresholds.libsonnet';
local kpis = import '../rows/kpis.libsonnet';
local queries = import '../rows/queries.libsonnet';
local slo = import '../rows/slo.libsonnet';

local present(list, panel) = if list == [] then null else panel;

// "Can customers …?": answered from the share of requests that failed in the last five minutes.
local question(ctx, service) =
  local partly =
    if service.slos == [] then limits.error_ratio.bad else service.slos[0].tiers[0].threshold;
  panels.stat(
    'question/' + service.name,
    service.question,
    what='Answered from the last five minutes of real requests to %s.' % service.title,
    good='Yes: fewer than %g %% of them failed.' % (partly * 100),
    act='"Partly" and "No" page the engineers; the technical view shows what they see.',
    targets=[t.instant('service:error_ratio:rate5m{service="%s"}' % service.name, service.title)],
    unit='percentunit',
    links=[ctx.links.technical, ctx.links.runbook('ErrorBudgetBurnFast')],
    wish=6,
    height=5,
    background=true,
    text='value',
    noValue='No traffic',
    thresholds=[[null, colours.good], [partly, colours.warn], [0.5, colours.bad]],
    mappings=panels.ranges([
      [null, partly, 'Yes', colours.good],
      [partly, 0.5, 'Partly', colours.warn],
      [0.5, null, 'No', colours.bad],
    ]),
  );

local now(ctx) =
  local paging = if ctx.slos == [] then 0 else ctx.slos[0].tiers[0].factor;
  [
    panels.stat(
      'now/incidents',
      'Open incidents',
      what='Critical alerts that fire now: somebody has been called.',
      good='None.',
      act='Nothing to do here but wait; the technical view shows the progress.',
      targets=[t.instant('count(ALERTS{alertstate="firing", severity="critical"}) or vector(0)', 'incidents')],
      unit='none',
      links=[ctx.links.technical, ctx.links.firing],
      wish=5,
      height=5,
      background=true,
      thresholds=[[null, colours.good], [1, colours.bad]],
      mappings=panels.words([[0, 'None', colours.good]]),
    ),
    present(ctx.health, panels.stat(
      'now/health',
      'Are all parts working?',
      what='The worst state that the platform reports about its own parts.',
      good='Healthy. Degraded means slower, or without a side function.',
      act='The technical view names the part.',
      targets=[t.instant('max(health:state:code)', 'state')],
      unit='none',
      links=[ctx.links.technical, ctx.links.runbook('HealthUnhealthy')],
      wish=5,
      height=5,
      background=true,
      mappings=states.health,
      noValue='not read',
    )),
    present(ctx.slos, panels.stat(
      'now/burn',
      'Failures right now',
      what='Pace of failures over the last five minutes, against the pace that the promise allows.',
      good='Within plan, nearly always.',
      act='Above plan for long, the promise will be broken: reliability comes before features.',
      targets=[t.instant('max(slo:current_burn_rate:ratio)', 'pace')],
      unit='suffix:×',
      links=[ctx.links.technical, ctx.links.runbook('ErrorBudgetBurnFast')],
      wish=5,
      height=5,
      background=true,
      noValue='No traffic',
      mappings=panels.ranges([
        [null, 1, 'Within plan', colours.good],
        [1, paging, 'Above plan', colours.warn],
        [paging, null, 'Far above plan', colours.bad],
      ]),
    )),
  ];

local availability(ctx, level) = panels.stat(
  'availability/' + level.slo,
  '%s, last %g days' % [level.title, level.period_days],
  what='Share of the requests of the last %g days that were answered; promised: %s.'
       % [level.period_days, level.objective_text],
  good='%s or more.' % level.objective_text,
  act='Below it the promise is broken; see the budget beside for how far.',
  targets=[t.instant('1 - slo:sli_error:ratio_rate%s{slo="%s"}' % [level.period, level.slo], level.title)],
  unit='percentunit',
  links=[ctx.links.technical],
  wish=5,
  height=6,
  decimals=3,
  noValue='No traffic yet',
  thresholds=[[null, colours.bad], [level.objective, colours.good]],
);

// Minutes of full outage that a budget allows.
local allowance(level) = level.period_days * 24 * 60 * level.budget;

local budget(ctx, level) = panels.stat(
  'budget/' + level.slo,
  'Error budget left',
  what='Of the failures that the promise allows in %g days, the share that is still unspent; and the same as minutes of full outage.'
       % level.period_days,
  good='Above %d %%.' % (limits.budget_left.warn * 100),
  act='Little left: ship with care. Used up: reliability comes before features until it recovers.',
  targets=[
    t.instant('slo:period_error_budget_remaining:ratio{slo="%s"}' % level.slo, 'left'),
    t.instant('%g * slo:period_error_budget_remaining:ratio{slo="%s"}' % [60 * allowance(level), level.slo], 'or full outage of'),
  ],
  unit='percentunit',
  links=[ctx.links.technical, ctx.links.runbook('ErrorBudgetBurnFast')],
  wish=7,
  height=6,
  decimals=0,
  text='value_and_name',
  noValue='No traffic yet',
  thresholds=slo.budgetSteps,
  mappings=panels.ranges([[null, 0, 'Used up', colours.bad]]),
  overrides=[panels.named('or full outage of', {
    unit: 's',
    decimals: 0,
    color: panels.fixed(colours.neutral),
    mappings: panels.ranges([[null, 0, 'No more', colours.bad]]),
  })],
);

local happened(ctx) = [
  present(ctx.services, panels.timeline(
    'happened/incidents',
    'Incidents by service',
    what='When a critical alert was firing for each service.',
    good='One unbroken bar of Fine.',
    act='Ask for the review of each incident: what happened, and what keeps it from coming back.',
    targets=[
      t.range(
        ('max by (service) (max_over_time(ALERTS{alertstate="firing", severity="critical", service="%(s)s"}[$__rate_interval]))'
         + ' or 0 * max by (service) (service:requests:rate5m{service="%(s)s"})') % { s: s.name }, s.title
      )
      for s in ctx.services
    ],
    links=[ctx.links.technical, ctx.links.firing],
    height=5,
    mappings=states.incident,
  )),
  present(ctx.health, panels.timeline(
    'happened/health',
    'State of the platform',
    what='What the platform reported about itself; of each step the worst.',
    good='One unbroken bar of Healthy.',
    act='The technical view shows the same by component.',
    targets=[
      t.range('max_over_time(health:state:code{target="%s"}[$__rate_interval])' % h.target, h.title)
      for h in ctx.health
    ],
    links=[ctx.links.technical, ctx.links.runbook('HealthUnhealthy')],
    height=5,
    mappings=states.health,
  )),
];

local incidents(ctx) = panels.table(
  'happened/list',
  'Incidents in this period',
  what='Critical alerts of the time shown, and for how long each was firing.',
  good='None.',
  act='Click a name for its runbook; ask for the review of each.',
  targets=[t.table(
    'sort_desc(30 * sum by (alertname, service) (sum_over_time(ALERTS{alertstate="firing", severity="critical"}[$__range:30s])))'
  )],
  unit='none',
  columns=[['alertname', 'Alert'], ['service', 'Service'], ['Value', 'Duration']],
  links=[ctx.links.firing, ctx.links.technical],
  wish=12,
  height=6,
  noValue='No incident in this period',
  sort='Duration',
  overrides=[
    panels.named('Duration', { unit: 's', decimals: 0 }),
    panels.named('Alert', { links: [ctx.links.runbookOfRow] }),
  ],
);

// The allowance as people say it.
local outage(level) =
  local minutes = allowance(level);
  if minutes >= 120 then '%.1f hours' % (minutes / 60) else '%d minutes' % std.round(minutes);

local reading(ctx) = panels.text(
  'reading',
  'How to read this page',
  'What the words and numbers on this page mean.',
  std.join('\n', [
    '- **%s** promises that **%s** of requests are answered over %g days. That allows %s of full outage: the *error budget*.'
    % [s.title, s.objective_text, s.period_days, outage(s)]
    for s in ctx.slos
  ] + [
    '- Plenty of budget left: release as usual. Under %d %%: release with care. Used up: reliability first.'
    % (limits.budget_left.warn * 100),
    '- **Grey** means that nothing is known, not that all is well. Percentages beside numbers are the change over the time shown at the top.',
    '- Click a number for the details behind it; the **i** beside each title says what good looks like.',
  ]),
  wish=12,
  height=std.min(12, 5 + std.length(ctx.slos)),
);

// What the team marked for this page; otherwise the first few levels that its database knows.
local business(ctx) =
  local all = queries.all(ctx);
  local marked = [x for x in all if x.query.view == 'executive'];
  local levels = [x for x in all if x.metric.type == 'gauge'];
  if marked != [] then marked else levels[0:4];

function(ctx)
  local questions = [question(ctx, s) for s in ctx.services];
  local few = std.length(questions) <= 2;
  local chosen = business(ctx);
  dashboard.new(
    ctx,
    'executive',
    'Executive',
    'Can customers use it, do we keep what we promised, and how is business?',
    [
      layout.section('', if few then [questions + now(ctx)] else layout.spread(questions, 4) + [now(ctx)]),
      layout.section('What we promised', [
        [availability(ctx, s), budget(ctx, s), slo.remaining(ctx, s, 'Error budget left, day by day', wish=12, height=6)]
        for s in ctx.slos
      ]),
      layout.section('Business', (
        local numbers = [queries.headline(x.query, x.metric, [ctx.links.business], wish=6) for x in chosen];
        local verdicts = [kpis.card(k, [ctx.links.business]) for k in ctx.kpis];
        if std.length(numbers) + std.length(verdicts) <= 4 then [numbers + verdicts]
        else layout.spread(numbers, 4) + layout.spread(verdicts, 4)
      )),
      layout.section('What happened', [happened(ctx), [incidents(ctx), reading(ctx)]]),
    ],
    from='now-30d',
    refresh='5m',
    severities='critical',
  )
