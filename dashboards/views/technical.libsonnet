// For engineers: what is wrong, and in which part? From what customers notice down to its causes.
local colours = import '../lib/colours.libsonnet';
local dashboard = import '../lib/dashboard.libsonnet';
local known = import '../lib/known.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';
local exporter = import '../rows/exporter.libsonnet';
local health = import '../rows/health.libsonnet';
local operations = import '../rows/operations.libsonnet';
local own = import '../rows/own.libsonnet';
local pgbouncer = import '../rows/pgbouncer.libsonnet';
local postgres = import '../rows/postgres.libsonnet';
local resources = import '../rows/resources.libsonnet';
local services = import '../rows/services.libsonnet';
local slo = import '../rows/slo.libsonnet';
local workers = import '../rows/workers.libsonnet';

local present(list, panel) = if std.length(list) == 0 then null else panel;

local glance(ctx) = [
  panels.stat(
    'glance/alerts',
    'Firing alerts',
    what='Alerts that fire now, by how urgent they are.',
    good='None.',
    act='Begin with the critical ones; each names its runbook.',
    targets=[
      t.instant(operations.firing(ctx, severity), severity)
      for severity in ['critical', 'warning']
    ],
    unit='none',
    links=[ctx.links.operations, ctx.links.firing, ctx.links.rules],
    wish=5,
    thresholds=[[null, colours.good], [1, colours.bad]],
    mappings=panels.words([[0, 'None', colours.good]]),
    noValue='not known',
    overrides=[panels.named('warning', {
      thresholds: panels.steps([[null, colours.good], [1, colours.warn]], 'glance/alerts'),
    })],
  ),
  present(ctx.services, panels.stat(
    'glance/traffic',
    'Requests',
    what='Requests per second, all services together.',
    good='The usual for this hour.',
    act='Compare with the day before in the row below.',
    targets=[t.range(known.asked('sum(service:requests:rate5m)'), 'requests')],
    unit='reqps',
    links=[ctx.links.to('service'), ctx.links.business],
    colour=colours.neutral,
    sparkline=true,
  )),
  present(ctx.slos, local now = slo.pace(ctx.slos, '', function(burn) known.asked('max(' + burn + ')')); panels.stat(
    'glance/burn',
    'Burn rate',
    what='How fast the error budget that burns fastest is being spent, in multiples of the planned pace.',
    good='Under 1×.',
    act='Above ' + slo.paging_text(ctx.slos) + ' somebody is paged: open the runbook.',
    targets=now.targets,
    unit='suffix:×',
    links=[ctx.links.to('slo'), ctx.links.runbook('ErrorBudgetBurnFast'), ctx.links.executive],
    decimals=1,
    thresholds=now.thresholds,
    overrides=now.overrides,
  )),
  present(ctx.services, panels.stat(
    'glance/latency',
    'Slowest p95',
    what='The 95th percentile of the time to answer, of the slowest service, at its longest in the last minute.',
    good='Steady.',
    act='Look whether the database or an edge deployment moved at the same time.',
    targets=[t.range(known.asked('max(' + known.largest('service:latency_seconds:p95') + ')'), 'p95')],
    now=known.asked('max(' + known.last_minute('service:latency_seconds:p95') + ')'),
    unit='s',
    links=[ctx.links.to('service'), ctx.links.recorded],
    colour=colours.neutral,
    sparkline=true,
  )),
  present(ctx.health, panels.stat(
    'glance/health',
    'Health',
    what='The worst state that a health document reports now.',
    good='Healthy.',
    act='See the components in the row on health.',
    targets=[t.instant('max(health:state:code)', 'state')],
    unit='none',
    links=[ctx.links.health, ctx.links.runbook('HealthUnhealthy')],
    mappings=states.health,
    background=true,
    noValue='not read',
  )),
  present(ctx.postgres, panels.stat(
    'glance/database',
    if std.length(ctx.postgres) == 1 then 'Database' else 'Databases',
    what='Up while the exporter can connect to and query every database server.',
    good='Up.',
    act='Open the runbook.',
    targets=[t.instant('min(pg_up)', 'server')],
    unit='none',
    links=[ctx.links.to('postgres'), ctx.links.runbook('DatabaseDown')],
    mappings=states.up,
    background=true,
    noValue='not read',
  )),
  panels.stat(
    'glance/sources',
    'Sources',
    what="How many of the exporter's sources failed when last collected.",
    good='All up.',
    act='What this page shows of a failing source is missing; see the row on monitoring.',
    targets=[t.instant('count(platform_exporter_source_up == 0) or 0 * max(platform_exporter_source_up)', 'sources')],
    unit='suffix: down',
    links=[ctx.links.exporter, ctx.links.runbook('SourceStale')],
    background=true,
    mappings=panels.words([[0, 'All up', colours.good]]),
    thresholds=[[null, colours.good], [1, colours.bad]],
    noValue='not known',
  ),
];

function(ctx) dashboard.new(
  ctx,
  'technical',
  'Technical',
  'What is wrong, and in which part? Golden signals of each service, its service level, then the parts it stands on.',
  [layout.section('', [glance(ctx), [operations.components(ctx)]]), services.section(ctx), slo.section(ctx)]
  + [postgres.section(ctx, source) for source in ctx.postgres]
  + [pgbouncer(ctx, source) for source in ctx.poolers]
  + [workers.section(ctx), health.section(ctx), resources(ctx), own.section(ctx, 'technical', [ctx.links.business]), exporter.section(ctx)],
  from='now-6h',
  refresh='1m',
  variables=own.variables(ctx, 'technical'),
)
