// Which SQL takes the time of a database server?
local dashboard = import '../lib/dashboard.libsonnet';
local layout = import '../lib/layout.libsonnet';
local statements = import '../rows/postgres_statements.libsonnet';

function(ctx)
  local p = statements(ctx, 'target="$target"');
  dashboard.new(
    ctx,
    'statements',
    'Postgres statements',
    'Which SQL takes the time of one database server? By query id; texts stay in the database, unless they are asked for.',
    [layout.section('', [[p.calls, p.busy, p.mean], [p.by_time, p.kinds], [p.table], [p.wal, p.temp, p.room]])],
    from='now-6h',
    refresh='1m',
    variables=[dashboard.choice(
      'target', 'Database', [[s.title, s.target] for s in ctx.postgres], 'The server that this page is about.'
    )],
  )
