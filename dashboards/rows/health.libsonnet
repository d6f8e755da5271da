// Health documents: what the platform says about itself, component by component.
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';

local row(ctx) =
  local check = if std.length(ctx.health) == 1 then '{{check}}' else '{{target}} · {{check}}';
  [
    [
      panels.timeline(
        'health/checks',
        'Components',
        what='State of every component, as the health document reports it; the worst state of each step is shown.',
        good='One unbroken bar of Healthy in each lane.',
        act='The lane that turned first is where to look; what depends on it follows later.',
        targets=[t.range(states.code('health_check_status', 'target, check'), check)],
        links=[ctx.links.runbook('HealthUnhealthy'), ctx.links.firing],
        wish=15,
        mappings=states.health,
      ),
      panels.timeseries(
        'health/durations',
        "Time of a component's check",
        what="How long each component took to answer the platform's own check.",
        good='Flat, and far below a second.',
        act='A component that slows down fails next: look at it before it turns.',
        targets=[t.range('health_check_duration_seconds', check)],
        unit='s',
        links=[ctx.links.runbook('HealthUnhealthy')],
        wish=9,
        fill=0,
      ),
    ],
    [
      panels.stat(
        'health/overall',
        'Health document',
        what='What the health document says as a whole, now.',
        good='Healthy.',
        act='Open the runbook; the components above say which part it is.',
        targets=[t.instant('health:state:code', '{{target}}')],
        unit='none',
        links=[ctx.links.runbook('HealthUnhealthy')],
        wish=5,
        height=5,
        mappings=states.health,
        background=true,
        noValue='not read',
      ),
      panels.stat(
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
        thresholds=[[null, colours.bad], [200, colours.good], [300, colours.warn], [400, colours.bad]],
      ),
      panels.timeseries(
        'health/probe',
        'Time to fetch the health document',
        what='How long the exporter waited for the health document.',
        good="Flat, well under the check's time-out.",
        act='Slow although its components are fast: the network or the edge in between.',
        targets=[t.range('probe_duration_seconds', '{{target}}')],
        unit='s',
        links=[ctx.links.runbook('HealthUnhealthy'), ctx.links.scrapes],
        wish=15,
        height=5,
        colour=colours.neutral,
        legend=false,
      ),
    ],
  ];

function(ctx) layout.section('Health', if ctx.health == [] then [] else row(ctx))
