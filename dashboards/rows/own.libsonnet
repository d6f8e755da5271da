// What the platform file marks for a view among the team's own SQL and key figures.
local layout = import '../lib/layout.libsonnet';
local kpis = import 'kpis.libsonnet';
local queries = import 'queries.libsonnet';

local marked(ctx, view) = [x for x in queries.all(ctx) if x.query.view == view];

{
  // Where a query wants no more than its big number, that.
  section(ctx, view, links):: layout.section('Own measures', layout.spread(
    [
      queries.headline(x.query, x.metric, links, earlier='$compare')
      for x in marked(ctx, view)
      if x.query.panel == 'stat'
    ], 5
  ) + layout.spread(
    [kpis.course(k, links) for k in ctx.kpis if k.view == view]
    + std.flatMap(function(x) queries.charts(x.query, x.metric, links), marked(ctx, view)), 3
  )),

  // The variables that these panels read.
  variables(ctx, view):: if std.length(marked(ctx, view)) == 0 then [] else [queries.compare],
}
