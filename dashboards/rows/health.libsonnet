// Health documents: what the platform says about itself, component by component.
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';

// Series of one endpoint need no name of it.
local legend(ctx) = if std.length(ctx.health) == 1 then '{{check}}' else '{{target}} · {{check}}';

local checks(ctx) = panels.timeline(
  'health/checks',
  'Components',
  what='State of every component, as the health document reports it; the worst state of each step is shown.',
  good='One unbroken bar of Healthy in each lane.',
  act='The lane that turned first is where to look; what depends on it follows later.',
  targets=[t.range(states.worst('health_check_status', 'target, check'), legend(ctx))],
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
  targets=[t.range('health_check_duration_seconds', legend(ctx))],
  unit='s',
  links=[ctx.links.health, ctx.links.runbook('HealthCheckSlow')],
  wish=9,
  fill=0,
  overrides=panels.by_name,
  thresholds=[[null, colours.good], [ctx.limits.of('HealthCheckSlow'), colours.bad]],
);

local overall(ctx) = panels.stat(
  'health/overall',
  'Health document',
  what='What the health document says as a whole, now.',
  good='Healthy. No answer is as bad as Unhealthy.',
  act='Open the runbook; the components above say which part it is.',
  targets=[t.instant('health:state:code', '{{target}}')],
  unit='none',
  links=[ctx.links.health, ctx.links.runbook('HealthUnhealthy'), ctx.links.firing],
  wish=5,
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
  targets=[t.instant('probe_http_status_code', '{{target}}')],
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
  targets=[t.range('probe_duration_seconds', '{{target}}')],
  unit='s',
  links=[ctx.links.health, ctx.links.runbook('HealthUnhealthy'), ctx.links.scrapes],
  wish=15,
  height=5,
  colour=if std.length(ctx.health) == 1 then colours.neutral else null,
  legend=std.length(ctx.health) > 1,
  overrides=if std.length(ctx.health) == 1 then [] else panels.by_name,
);

local share(ctx) = panels.bars(
  'health/share',
  'Share of the time healthy',
  what='Of the time shown, the share in which each component said healthy.',
  good='Practically all of it.',
  act='Begin with the lowest: it is where reliability work pays most.',
  targets=[t.instant(
    // By the minute: seconds that were scraped more often weigh no more.
    'sort(avg by (target, check) (avg_over_time(health_check_status{status="healthy"}[$__range:1m])))', legend(ctx)
  )],
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
  targets=[t.range(
    'sum by (target, check) (changes(health_check_status{status="healthy"}[$__rate_interval]))', legend(ctx)
  )],
  unit='short',
  links=[ctx.links.runbook('HealthDegraded'), ctx.links.firing],
  wish=12,
  height=7,
  style='bars',
  stack=true,
  decimals=0,
  softMax=1,
  overrides=panels.by_name,
);

local pool(ctx) = panels.timeseries(
  'health/pool',
  "Connections of the product's pool",
  what='Connections to the database that the product holds, by what they do, as its health document reports them.',
  good='Some idle ones left, nobody waiting.',
  act='Waiting: the pool is too small or its connections are held too long; compare with the database.',
  targets=[t.range(
    'health_pool_connections', if std.length(ctx.health) == 1 then '{{state}}' else '{{target}} · {{state}}'
  )],
  unit='short',
  links=[if std.length(ctx.postgres) > 0 then ctx.links.to('postgres'), ctx.links.runbook('HealthPoolWaiting')],
  wish=12,
  height=7,
  stack=true,
  decimals=0,
  overrides=panels.worded(['active', 'idle', 'waiting']),
  rare='not reported',
);

local uptime(ctx) = panels.stat(
  'health/uptime',
  'Running since',
  what='When the product last started, as its health document says, with the version it runs.',
  good='The time of the last deployment.',
  act='A start that nobody asked for is a crash: read the log of the minutes before it.',
  targets=[t.instant('1000 * max by (target) (health_start_time_seconds) * on (target) group_left (version)'
                     + ' max by (target, version) (health_info)', '{{version}}')],
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
