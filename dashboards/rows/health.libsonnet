// Health documents: what the platform says about itself, component by component.
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';

local several(ctx) = std.length(ctx.health) > 1;

// A query for each endpoint: `query(selector, prefix)`. Series of a single one need no name of it.
local each(ctx, query, separator=' · ') =
  [query('target="' + h.target + '"', if several(ctx) then h.title + separator else '') for h in ctx.health];
// The same where a series is all that is asked of an endpoint.
local each_as_a_whole(ctx, query, metric) = [query(metric + '{target="' + h.target + '"}', h.title) for h in ctx.health];

// The endpoints by their place in the platform file; of a single one the components, which are not known beforehand.
local told_apart(ctx) = if several(ctx) then panels.of_names([h.title for h in ctx.health]) else panels.by_name;

local checks(ctx) = panels.timeline(
  'health/checks',
  'Components',
  what='State of every component, as the health document reports it; the worst state of each step is shown.',
  good='One unbroken bar of Healthy in each lane.',
  act='The lane that turned first is where to look; what depends on it follows later.',
  targets=each(ctx, function(selector, prefix) t.range(
    states.worst('health_check_status', 'target, check', selector), prefix + '{{check}}'
  )),
  links=[ctx.links.health, ctx.links.runbook('HealthUnhealthy'), ctx.links.firing],
  wish=15,
  mappings=states.check,
);

local durations(ctx) = panels.timeseries(
  'health/durations',
  "Time of a component's check",
  what="How long each component took to answer the platform's own check; dashed: what alerts.",
  good='Flat, and far below a second.',
  act='A component that slows down fails next: look at it before it turns.',
  targets=each(ctx, function(selector, prefix) t.range(
    'health_check_duration_seconds{' + selector + '}', prefix + '{{check}}'
  )),
  unit='s',
  links=[ctx.links.health, ctx.links.runbook('HealthCheckSlow')],
  wish=9,
  fill=0,
  overrides=told_apart(ctx),
  thresholds=[[null, colours.good], [ctx.limits.of('HealthCheckSlow'), colours.bad]],
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
  wish=if several(ctx) then 9 else 5,  // words, side by side
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
  wish=4,
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
  wish=if several(ctx) then 11 else 15,
  height=5,
  colour=if several(ctx) then null else colours.neutral,
  legend=several(ctx),
  overrides=if several(ctx) then told_apart(ctx) else [],
);

local share(ctx) = panels.bars(
  'health/share',
  'Share of the time healthy',
  what='Of the time shown, the share in which each component was said to be healthy; without a usable answer it is not.',
  good='Practically all of it.',
  act='Begin with the lowest: it is where reliability work pays most.',
  targets=each(ctx, function(selector, prefix)
    // By the minute: seconds that were scraped more often weigh no more.
    local said(count) =
      'avg by (target, check) (' + count + '_over_time(health_check_status{' + selector + ', status="healthy"}[$__range:1m]))';
    // Then nothing is said of any check.
    local silent = 'max by (target) (sum_over_time((health:state:code{' + selector + '} == bool 3)[$__range:1m]))';
    t.instant(
      'sort(' + said('sum') + ' / (' + said('count') + ' + on (target) group_left () ' + silent + '))',
      prefix + '{{check}}'
    )),
  unit='percentunit',
  links=[ctx.links.runbook('HealthDegraded'), ctx.links.operations],
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
  softMax=1,
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

local uptime(ctx) = panels.stat(
  'health/uptime',
  'Running since',
  what='When the product last started, as its health document says, with the version it runs.',
  good='The time of the last deployment.',
  act='A start that nobody asked for is a crash: read the log of the minutes before it.',
  targets=each(ctx, function(selector, prefix) t.instant(
    '1000 * max by (target) (health_start_time_seconds{' + selector + '}) * on (target) group_left (version)'
    + ' max by (target, version) (health_info{' + selector + '})', prefix + '{{version}}'
  ), ' '),
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
  section(ctx):: layout.section('Health', if std.length(ctx.health) == 0 then [] else [
    [checks(ctx), durations(ctx)],
    [overall(ctx), status(ctx), fetch(ctx)],
  ]),

  // The whole drill-down.
  sections(ctx):: [
    layout.section('', [
      [overall(ctx), status(ctx), uptime(ctx), fetch(ctx)],
      [checks(ctx), share(ctx)],
      [durations(ctx)],
      [changes(ctx), pool(ctx)],
    ]),
  ],
}
