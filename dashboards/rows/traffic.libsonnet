// Use of the product as the edge sees it: for platforms whose database tells little, the only measure of demand.
local colours = import '../lib/colours.libsonnet';
local known = import '../lib/known.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';

local demand(ctx, service) =
  local expr = '60 * service:requests:rate5m{service="' + service.name + '"}';
  panels.timeseries(
    'demand/' + service.name,
    service.title + ' · requests per minute',
    what='Requests of customers that ' + service.title + ' answered; dashed: earlier; shaded: what is usual at this hour.',
    good='The usual rhythm of day and week, growing with the number of customers.',
    act='Customers gone while everything is healthy: look for a broken sign-in, link or campaign.',
    targets=[t.range(expr, 'now'), t.range(expr + ' offset $compare', '${compare:text} before')] + (
      if !service.banded then [] else [
        t.range('60 * anomaly:upper{anomaly="traffic", service="' + service.name + '"}', 'usual at most'),
        t.range('60 * anomaly:lower{anomaly="traffic", service="' + service.name + '"}', 'usual at least'),
      ]
    ),
    unit='suffix: /min',
    links=[ctx.links.service(service.name), ctx.links.technical],
    wish=12,
    height=7,
    colour=colours.neutral,
    overrides=[panels.painted('now', colours.neutral), panels.before] + panels.band('usual at least', 'usual at most'),
  );

local served(ctx, service) = panels.timeseries(
  'served/' + service.name,
  service.title + ' · requests answered well',
  what='Share of the requests that were answered without an error, in the worst five minutes of each step.',
  good='Practically all of them.',
  act='Every dip is customers who were turned away: the technical view says why.',
  targets=[t.range('1 - ' + known.largest('service:error_ratio:rate5m{service="' + service.name + '"}'), 'answered')],
  unit='percentunit',
  links=[ctx.links.service(service.name), ctx.links.technical],
  wish=12,
  height=7,
  min=null,
  softMin=0.95,
  max=1,
  colour=colours.good,
  legend=false,
);

function(ctx) layout.section('Demand', [
  [demand(ctx, s), served(ctx, s)]
  for s in ctx.services
])
