// Golden signals of each service: how much is asked of it, how much of that fails, how long it takes.
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';
local limits = import '../lib/thresholds.libsonnet';

local traffic(ctx, service) = panels.timeseries(
  'service/%s/traffic' % service.name,
  service.title + ' · requests',
  what='Requests per second that %s answered, and a day earlier (dashed).' % service.title,
  good='The line follows the dashed one: the usual rhythm of the day.',
  act='A sudden end of traffic is a broken way in (DNS, certificate, deploy); a jump is a campaign, a retry storm or abuse.',
  targets=[
    t.range('service:requests:rate5m{service="%s"}' % service.name, 'now'),
    t.range('service:requests:rate5m{service="%s"} offset 1d' % service.name, 'a day before'),
  ],
  unit='reqps',
  links=[ctx.links.business, ctx.links.recorded],
  colour=colours.neutral,
  noValue='no traffic',
  overrides=[panels.before],
);

local errors(ctx, service) =
  local slo = if service.slos == [] then null else service.slos[0];
  local marks =
    if slo == null then [[null, colours.good], [limits.error_ratio.warn, colours.warn], [limits.error_ratio.bad, colours.bad]]
    else [[null, colours.good], [slo.budget, colours.warn], [slo.tiers[0].threshold, colours.bad]];
  panels.timeseries(
    'service/%s/errors' % service.name,
    service.title + ' · failed share',
    what='Share of requests that failed, over five minutes; dashed: %s.' % (
      if slo == null then 'usual limits'
      else 'what the objective of %s allows, and what pages somebody' % slo.objective_text
    ),
    good='Below the lower dashed line most of the time.',
    act='Look below for the component that failed at the same moment, then at the last deployment (blue marks).',
    targets=[t.range('service:error_ratio:rate5m{service="%s"}' % service.name, 'failed')],
    unit='percentunit',
    links=[ctx.links.runbook('ErrorBudgetBurnFast'), ctx.links.recorded],
    thresholds=marks,
    softMax=marks[2][0] * 1.2,
    noValue='no traffic',
    colour=colours.bad,
  );

local latency(ctx, service) =
  local scripts = std.join('|', service.scripts);
  local quantiles = [['0.99', 'p99'], ['0.95', 'p95'], ['0.5', 'p50']];
  panels.timeseries(
    'service/%s/latency' % service.name,
    service.title + ' · time to answer',
    what=if service.scripts == [] then 'Time of the slowest twentieth of checks from outside (p95).'
    else 'Time in which half (p50), 95 % and 99 % of the requests were answered; the slowest Worker speaks for the service.',
    good='Flat lines, close together.',
    act='All up: a slow dependency, look at the database below. Only p99 up: few expensive requests or cold starts.',
    targets=if service.scripts == [] then [t.range('service:latency_seconds:p95{service="%s"}' % service.name, 'p95')]
    else [
      t.range(
        'max(cloudflare_workers_request_duration_seconds{script_name=~"%s", quantile="%s"})' % [scripts, q[0]], q[1]
      )
      for q in quantiles
    ],
    unit='s',
    links=[ctx.links.recorded],
    fill=0,
    worded=true,
    noValue='no traffic',
  );

function(ctx) layout.section('Services', [
  [traffic(ctx, s), errors(ctx, s), latency(ctx, s)]
  for s in ctx.services
])
