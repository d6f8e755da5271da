// The dashboards of a platform, by file; the folder becomes the folder in Grafana.
local context = import 'lib/context.libsonnet';
local views = {
  home: import 'views/home.libsonnet',
  executive: import 'views/executive.libsonnet',
  technical: import 'views/technical.libsonnet',
  business: import 'views/business.libsonnet',
  operations: import 'views/operations.libsonnet',
  service: import 'details/service.libsonnet',
  slo: import 'details/slo.libsonnet',
  postgres: import 'details/postgres.libsonnet',
  statements: import 'details/statements.libsonnet',
  health: import 'details/health.libsonnet',
  workers: import 'details/workers.libsonnet',
  exporter: import 'details/exporter.libsonnet',
};

function(catalogue)
  local ctx = context(catalogue);
  {
    [ctx.views[name].folder + '/' + ctx.views[name].uid + '.json']: views[name](ctx)
    for name in std.objectFields(views)
    if ctx.views[name].exists
  }
