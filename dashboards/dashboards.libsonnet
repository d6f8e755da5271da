// The dashboards of a platform, by file; the folder becomes the folder in Grafana.
local context = import 'lib/context.libsonnet';
local business = import 'views/business.libsonnet';
local executive = import 'views/executive.libsonnet';
local technical = import 'views/technical.libsonnet';

function(catalogue)
  local ctx = context(catalogue);
  {
    ['Executive/%s-executive.json' % ctx.platform]: executive(ctx),
    ['Technical/%s-technical.json' % ctx.platform]: technical(ctx),
    ['Business/%s-business.json' % ctx.platform]: business(ctx),
  }
