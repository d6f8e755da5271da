// The monitoring itself: exporter, Prometheus, Alertmanager.
local dashboard = import '../lib/dashboard.libsonnet';
local exporter = import '../rows/exporter.libsonnet';

function(ctx) dashboard.new(
  ctx,
  'exporter',
  'Monitoring',
  'Can the other pages be believed? Are the data fresh, and do exporter, Prometheus and Alertmanager work?',
  exporter.sections(ctx),
  from='now-6h',
  refresh='1m',
)
