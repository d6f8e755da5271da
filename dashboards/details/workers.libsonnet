// Cloudflare Workers: traffic, failures and cost of the code at the edge.
local dashboard = import '../lib/dashboard.libsonnet';
local workers = import '../rows/workers.libsonnet';

function(ctx)
  local names = workers.names(ctx);
  local every = ['All Workers', workers.every(ctx)];
  local about = 'The Workers that this page is about.';
  dashboard.new(
    ctx,
    'workers',
    'Workers',
    'The code at the edge that every request passes: what is asked of it, what fails, what does it cost?',
    workers.sections(ctx),
    from='now-6h',
    refresh='1m',
    variables=[
      if std.length(names) == 0
      then dashboard.found('script', 'Worker', 'cloudflare_workers_requests_total', 'script_name', every, about)
      else dashboard.choice(
        'script', 'Worker', (if std.length(names) > 1 then [every] else []) + [[name, name] for name in names], about
      ),
    ],
  )
