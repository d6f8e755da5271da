// For product and sales: what do customers do, what do they pay, and is that more or less than before?
local dashboard = import '../lib/dashboard.libsonnet';
local known = import '../lib/known.libsonnet';
local layout = import '../lib/layout.libsonnet';
local units = import '../lib/units.libsonnet';
local kpis = import '../rows/kpis.libsonnet';
local queries = import '../rows/queries.libsonnet';
local traffic = import '../rows/traffic.libsonnet';

function(ctx)
  local links = [ctx.links.executive, ctx.links.technical];
  local all = [x for x in queries.all(ctx) if x.query.view == 'business' || x.query.view == 'executive'];
  local charts(chosen) =
    std.flatMap(function(x) if chosen(x) then queries.charts(x.query, x.metric, links) else [], all);
  // What happens is counted, or says how it went; the rest says what there is.
  local counted(x) = x.metric.type == 'counter';
  local happens(x) =
    counted(x)
    || std.length([0 for m in x.query.metrics if m.type == 'counter']) > 0
    || (!units.additive(x.metric.unit) && x.query.panel != 'bar');
  local money(x) = !happens(x) && units.money(x.metric.unit);
  local goals = [k for k in ctx.kpis if k.view == 'business' || k.view == 'executive'];
  dashboard.new(
    ctx,
    'business',
    'Business',
    "What customers do and pay, from the platform's own database, compared with earlier.",
    [
      layout.section('', layout.spread(
        [
          queries.headline(x.query, x.metric, links, earlier='$compare')
          for x in all
          if queries.summable(x.query, x.metric)
        ], 5
      )),
      layout.section('Targets', (
        if std.length(goals) == 1
        then [[kpis.card(goals[0], links), kpis.course(goals[0], links, wish=18)]]
        else layout.spread([kpis.card(k, links) for k in goals], 4)
             + layout.spread([kpis.course(k, links) for k in goals], 2)
      )),
      layout.section('What happens', layout.spread(
        charts(counted) + charts(function(x) happens(x) && !counted(x)), 3
      )),
      layout.section('Customers and revenue', layout.spread(
        charts(money) + charts(function(x) !happens(x) && !money(x)), 3
      )),
      traffic(ctx),
    ],
    from='now-7d',
    refresh='15m',
    marked=known.severities(['critical']),
    variables=if std.length(all) + std.length(ctx.services) == 0 then [] else [queries.compare],
  )
