// What the platform says about itself, component by component.
local dashboard = import '../lib/dashboard.libsonnet';
local health = import '../rows/health.libsonnet';

function(ctx) dashboard.new(
  ctx,
  'health',
  'Health',
  'What the platform says about itself: which component failed first, how often, for how long?',
  health.sections(ctx),
  from='now-24h',
  refresh='1m',
)
