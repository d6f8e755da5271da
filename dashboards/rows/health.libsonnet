// Health documents: what the platform says about itself, component by component.
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';

local several(ctx) = std.length(ctx.health) > 1;

// A query for each endpoint: `query(selector, prefix)`. Series of a single one need no name of it.
local each(ctx, query) =
  [query('target="' + h.target + '"', if several(ctx) then h.title + ' · ' else '') for h in ctx.health];
// The same where a series is all that is asked of an endpoint.
local each_as_a_whole(ctx, query, metric) = [query(metric + '{target="' + h.target + '"}', h.title) for h in ctx.health];

// The endpoints by their place in the platform file; of a single one the components, which are not known beforehand.
local told_apart(ctx) = if several(ctx) then panels.of_names([h.title for h in ctx.health]) else panels.by_name;

// What a panel of the components of one endpoint is called. Each endpoint has a panel of its own: its title before each name
// would leave no room for the name on a phone, and nobody knows how many components come together in one.
local of_one(ctx, h, alone, word) = if several(ctx) then h.title + ' · ' + word else alone;

local checks(ctx, h, wish=15) = panels.timeline(
  'health/' + h.target + '/checks',
  of_one(ctx, h, 'Components', 'components'),
  what='State of every component, as the health document reports it; the worst state of each step is shown.',
  good='One unbroken bar of Healthy in each lane.',
  act='The lane that turned first is where to look; what depends on it follows later.',
  targets=[t.range(states.worst('health_check_status', 'target, check', 'target="' + h.target + '"'), '{{check}}')],
  links=[ctx.links.health, ctx.links.runbook('HealthUnhealthy'), ctx.links.firing],
  wish=wish,
  mappings=states.check,
);

local durations(ctx) = panels.timeseries(
  'health/durations',
  "Time of a component's check",
  what="How long each component took to answer the platform's own check; dashed, once one comes near it: what alerts.",
  good='Flat, and far below a second.',
  act='A component that slows down fails next: look at it before it turns.',
  targets=each(ctx, function(selector, prefix) t.range(
    'health_check_duration_seconds{' + selector + '}', prefix + '{{check}}'
  )),
  unit='s',
  links=[ctx.links.health, ctx.links.runbook('HealthCheckSlow')],
  wish=if several(ctx) then 12 else 9,
  fill=0,
  overrides=told_apart(ctx),
  thresholds=[[null, colours.good], [ctx.limits.of('HealthCheckSlow'), colours.bad]],
  rare='not reported',
);

local overall(ctx) = panels.stat(
  'health/overall',
  'Health document',
  what='What the health document says as a whole, now.',
  good='Healthy. No usable answer is as bad as Unhealthy.',
  act='Open the runbook; the components above say which part it is.',
  targets=each_as_a_whole(ctx, t.instant, 'health:state:code'),
  unit='none',
  links=[ctx.links.health, ctx.links.runbook('HealthUnhealthy'), ctx.links.firing],
  wish=if several(ctx) then 12 else 5,  // words, side by side
  height=5,
  mappings=states.health,
  background=true,
  noValue='not read',
);

local status(ctx) = panels.stat(
  'health/status',
  'HTTP status',
  what='Status code of the last answer of each health endpoint; 0 is no answer at all.',
  good='200.',
  act='503 comes with an unhealthy document; another 4xx or 5xx is the way to the endpoint, not the platform.',
  targets=each_as_a_whole(ctx, t.instant, 'probe_http_status_code'),
  unit='none',
  links=[ctx.links.runbook('HealthUnhealthy')],
  wish=if several(ctx) then 12 else 4,
  height=5,
  thresholds=[[null, colours.bad], [200, colours.neutral], [300, colours.warn], [400, colours.bad]],
  noValue='not read',
);

local fetch(ctx) = panels.timeseries(
  'health/probe',
  'Time to fetch the health document',
  what='How long the exporter waited for the health document.',
  good="Flat, well under the check's time-out.",
  act='Slow although its components are fast: the network or the edge in between.',
  targets=each_as_a_whole(ctx, t.range, 'probe_duration_seconds'),
  unit='s',
  links=[ctx.links.health, ctx.links.runbook('HealthUnhealthy'), ctx.links.scrapes],
  wish=if several(ctx) then 12 else 15,
  height=if several(ctx) then 8 else 5,
  colour=if several(ctx) then null else colours.neutral,
  legend=several(ctx),
  overrides=if several(ctx) then told_apart(ctx) else [],
);

local share(ctx, h) = panels.bars(
  'health/' + h.target + '/share',
  of_one(ctx, h, 'Share of the time healthy', 'time healthy'),
  what='Of the time shown, the share in which each component was said to be healthy; without a usable answer it is not.',
  good='Practically all of it.',
  act='Begin with the lowest: it is where reliability work pays most.',
  targets=[
    // By the minute: seconds that were scraped more often weigh no more.
    local said(count) =
      'avg by (target, check) (' + count + '_over_time(health_check_status{target="' + h.target
      + '", status="healthy"}[$__range:1m]))';
    // Then nothing is said of any check.
    local silent =
      'max by (target) (sum_over_time((health:state:code{target="' + h.target + '"} == bool 3)[$__range:1m]))';
    t.instant(
      'sort(' + said('sum') + ' / (' + said('count') + ' + on (target) group_left () ' + silent + '))', '{{check}}'
    ),
  ],
  unit='percentunit',
  links=[ctx.links.runbook('HealthDegraded'), ctx.links.operations],
  alone='${__field.labels.check}',
  wish=9,
  max=1,
  decimals=2,
  thresholds=[[null, colours.bad], [0.95, colours.warn], [0.99, colours.good]],
);

local changes(ctx) = panels.timeseries(
  'health/changes',
  'Changes of state',
  what='How often the state of a component changed in each step.',
  good='None.',
  act='A component that flaps is at its limit: its time-out is too short, or it is overloaded.',
  targets=each(ctx, function(selector, prefix) t.range(
    'sum by (target, check) (changes(health_check_status{' + selector + ', status="healthy"}[$__rate_interval]))',
    prefix + '{{check}}'
  )),
  unit='short',
  links=[ctx.links.runbook('HealthDegraded'), ctx.links.firing],
  wish=12,
  height=7,
  style='bars',
  stack=true,
  decimals=0,
  softMax=5,
  overrides=told_apart(ctx),
);

local pool(ctx) = panels.timeseries(
  'health/pool',
  "Connections of the product's pool",
  what='Connections to the database that the product holds, by what they do, as its health document reports them.',
  good='Some idle ones left, nobody waiting.',
  act='Waiting: the pool is too small or its connections are held too long; compare with the database.',
  targets=each(ctx, function(selector, prefix) t.range('health_pool_connections{' + selector + '}', prefix + '{{state}}')),
  unit='short',
  links=[if std.length(ctx.postgres) > 0 then ctx.links.to('postgres'), ctx.links.runbook('HealthPoolWaiting')],
  wish=12,
  height=7,
  stack=true,
  decimals=0,
  overrides=
  local states = ['active', 'idle', 'waiting'];
  if several(ctx) then panels.worded_of_names(states) else panels.worded(states),
  rare='not reported',
);

local uptime(ctx, h) = panels.stat(
  'health/' + h.target + '/uptime',
  of_one(ctx, h, 'Running since', 'running since'),
  what='When the product last started, as its health document says, with the version it runs.',
  good='The time of the last deployment.',
  act='A start that nobody asked for is a crash: read the log of the minutes before it.',
  targets=[t.instant(
    '1000 * max by (target) (health_start_time_seconds{target="' + h.target + '"}) * on (target) group_left (version)'
    + ' max by (target, version) (health_info{target="' + h.target + '"})', '{{version}}'
  )],
  unit='dateTimeFromNow',
  links=[ctx.links.runbook('HealthUnhealthy')],
  wish=5,
  height=5,
  colour=colours.neutral,
  text='value_and_name',
  noValue='not reported',
);

{
  // The row of the technical view.
  section(ctx):: layout.section(
    'Health',
    if std.length(ctx.health) == 0 then []
    else if several(ctx) then
      layout.spread([checks(ctx, h, wish=8) for h in ctx.health], 3)
      + [[durations(ctx), fetch(ctx)], [overall(ctx), status(ctx)]]
    else [
      [checks(ctx, ctx.health[0]), durations(ctx)],
      [overall(ctx), status(ctx), fetch(ctx)],
    ]
  ),

  // The whole drill-down.
  sections(ctx):: [
    local parts = [[checks(ctx, h), share(ctx, h)] for h in ctx.health];
    local starts = [uptime(ctx, h) for h in ctx.health];
    layout.section('', (
      if several(ctx) then
        [[overall(ctx), status(ctx)]] + parts + [[durations(ctx), fetch(ctx)]] + layout.spread(starts, 3)
      else
        [[overall(ctx), status(ctx)] + starts + [fetch(ctx)]] + parts + [[durations(ctx)]]
    ) + [
      [changes(ctx), pool(ctx)],
    ]),
  ],
}
