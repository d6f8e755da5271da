// Golden signals of each service: how much is asked of it, how much of that fails, how long it takes.
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';

local one(name) = '{service="' + name + '"}';

local traffic(ctx, service) = panels.timeseries(
  'service/' + service.name + '/traffic',
  service.title + ' · requests',
  what='Requests per second that ' + service.title + ' answered, and a day earlier (dashed).',
  good='The line follows the dashed one: the usual rhythm of the day.',
  act='A sudden end of traffic is a broken way in (DNS, certificate, deploy); a jump is a campaign, a retry storm or abuse.',
  targets=[
    t.range('service:requests:rate5m' + one(service.name), 'now'),
    t.range('service:requests:rate5m' + one(service.name) + ' offset 1d', 'a day before'),
  ],
  unit='reqps',
  links=[ctx.links.service(service.name), ctx.links.business, ctx.links.recorded],
  colour=colours.neutral,
  noValue='no traffic',
  overrides=[panels.before],
);

local errors(ctx, service) =
  local slo = service.availability;
  local limits = ctx.limits.error_ratio;
  local marks =
    if slo == null then [[null, colours.good], [limits.warn, colours.warn], [limits.bad, colours.bad]]
    else [[null, colours.good], [slo.budget, colours.warn], [slo.tiers[0].threshold, colours.bad]];
  panels.timeseries(
    'service/' + service.name + '/errors',
    service.title + ' · failed share',
    what='Share of requests that failed, over five minutes; dashed: '
         + (if slo == null then 'usual limits'
            else 'what the objective of ' + slo.objective_text + ' allows, and what pages somebody') + '.',
    good='Below the lower dashed line most of the time.',
    act='Look below for the component that failed at the same moment, then at the last deployment (blue marks).',
    targets=[t.range('service:error_ratio:rate5m' + one(service.name), 'failed')],
    unit='percentunit',
    links=[
      ctx.links.service(service.name),
      if slo == null then ctx.links.recorded else ctx.links.runbook('ErrorBudgetBurnFast'),
    ],
    thresholds=marks,
    softMax=marks[2][0] * 1.2,
    noValue='no traffic',
    colour=colours.bad,
    legend=false,
  );

local latency(ctx, service) =
  local scripts = std.join('|', service.scripts);
  local quantiles = [['0.99', 'p99'], ['0.95', 'p95'], ['0.5', 'p50']];
  local worker = std.length(service.scripts) > 0;
  panels.timeseries(
    'service/' + service.name + '/latency',
    service.title + ' · time to answer',
    what=if worker then 'Time in which half (p50), 95 % and 99 % of the requests were answered; the slowest Worker speaks for the service.'
    else 'Time in which 95 % of the requests or checks were answered (p95).',
    good='Flat lines, close together.',
    act='All up: a slow dependency, look at the database below. Only p99 up: few expensive requests or cold starts.',
    targets=if worker then [
      t.range(
        'max(cloudflare_workers_request_duration_seconds{script_name=~"' + scripts + '", quantile="' + q[0] + '"})', q[1]
      )
      for q in quantiles
    ] else [t.range('service:latency_seconds:p95' + one(service.name), 'p95')],
    unit='s',
    links=[ctx.links.service(service.name), if worker then ctx.links.workers, ctx.links.recorded],
    fill=0,
    overrides=panels.worded(['p50', 'p95', 'p99']),
    noValue='no traffic',
  );

function(ctx) layout.section('Services', [
  [traffic(ctx, s), errors(ctx, s), if s.measures_latency then latency(ctx, s)]
  for s in ctx.services
])
