// For those on duty: what fires, what state is every part in, what runs full, and does the monitoring itself work?
local dashboard = import '../lib/dashboard.libsonnet';
local known = import '../lib/known.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local alerting = import '../rows/alerting.libsonnet';
local capacity = import '../rows/capacity.libsonnet';
local exporter = import '../rows/exporter.libsonnet';
local health = import '../rows/health.libsonnet';
local operations = import '../rows/operations.libsonnet';
local measures = import '../rows/own.libsonnet';

function(ctx)
  local own = exporter.parts(ctx);
  local told = alerting(ctx);
  dashboard.new(
    ctx,
    'operations',
    'Operations',
    'For those on duty: what fires, what state is every part in, what runs full, and does the monitoring itself work?',
    [
      layout.section('', [
        [
          operations.critical(ctx),
          operations.warning(ctx),
          operations.pending(ctx),
          operations.silenced(ctx),
          own.failing,
          own.state,
        ],
        [operations.table(ctx), operations.course(ctx)],
        [operations.components(ctx)],
      ]),
      layout.section('Capacity', [capacity.shares(ctx), [capacity.pace(ctx)]]),
      measures.section(ctx, 'operations', [ctx.links.business, ctx.links.technical]),
      layout.section('Monitoring', [
        [own.answer, own.leader, own.config, own.dropped, told.drill],
        [own.sources, own.age, own.failures],
        [told.targets, told.rules, told.notifications],
      ]),
    ],
    from='now-6h',
    refresh='1m',
    marked=known.severities(['critical', 'warning', 'info']),
    variables=measures.variables(ctx, 'operations'),
  )
