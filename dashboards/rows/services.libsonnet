// Golden signals of each service: how much is asked of it, how much of that fails, how long it takes.
local colours = import '../lib/colours.libsonnet';
local known = import '../lib/known.libsonnet';
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
  noValue='not known',
  overrides=[panels.before],
);

// Shares of failed requests: what the objective allows, and what pages somebody; usual limits without one.
local marks(ctx, service) =
  local slo = service.availability;
  local limits = ctx.limits.error_ratio;
  if slo == null then [[null, colours.good], [limits.warn, colours.warn], [limits.bad, colours.bad]]
  else [[null, colours.good], [slo.budget, colours.warn], [slo.tiers[0].threshold, colours.bad]];

local errors(ctx, service) =
  local slo = service.availability;
  local limits = marks(ctx, service);
  panels.timeseries(
    'service/' + service.name + '/errors',
    service.title + ' · failed share',
    what='Share of requests that failed, in the worst five minutes of each step; dashed: '
         + (if slo == null then 'usual limits'
            else 'what the objective of ' + slo.objective_text + ' allows, and what pages somebody') + '.',
    good='Below the lower dashed line most of the time.',
    act='Look below for the component that failed at the same moment, then at the last deployment (blue marks).',
    targets=[t.range(known.largest('service:error_ratio:rate5m' + one(service.name)), 'failed')],
    unit='percentunit',
    links=[
      ctx.links.service(service.name),
      if slo == null then ctx.links.recorded else ctx.links.runbook('ErrorBudgetBurnFast'),
    ],
    thresholds=limits,
    softMax=limits[2][0] * 1.2,
    noValue='not known',
    colour=colours.bad,
    legend=false,
  );

local latency(ctx, service) = panels.timeseries(
  'service/' + service.name + '/latency',
  service.title + ' · time to answer',
  what='Time in which half (p50), 95 % and 99 % of the requests or checks were answered; the longest of each step.',
  good='Flat lines, close together.',
  act='All up: a slow dependency, look at the database below. Only p99 up: few expensive requests or cold starts.',
  targets=[t.range(known.largest('service:latency_seconds:' + q + one(service.name)), q) for q in ['p99', 'p95', 'p50']],
  unit='s',
  links=[ctx.links.service(service.name), ctx.links.runbook('LatencyHigh'), ctx.links.recorded],
  fill=0,
  overrides=panels.worded(['p50', 'p95', 'p99']),
  noValue='not known',
);

// "Can customers …?": answered from the share of requests that failed just now. A promise of 95 % pages only when most
// fail: a customer says "partly" long before.
local no = 0.5;
local most = 0.1;
local question(ctx, service) =
  local alerted =
    if service.availability == null then ctx.limits.error_ratio.bad else service.availability.tiers[0].threshold;
  local partly = std.min(alerted, most);
  panels.stat(
    'question/' + service.name,
    service.question,
    what='Answered from what happened to ' + service.title + ' in the last ' + numbers.seconds(service.now.seconds) + '.',
    good='Yes: at most ' + numbers.percent(partly) + ' failed. Partly: up to ' + numbers.percent(no) + '. No: more.',
    act='Engineers are alerted once too much has failed for its promise; the page behind shows what they see.',
    targets=[t.instant(known.asked(service.now.expr), service.title)],
    unit='percentunit',
    links=[ctx.links.service(service.name), ctx.links.technical],
    wish=6,
    height=5,
    background=true,
    text='value',
    noValue='not known',
    thresholds=[[null, colours.good], [partly, colours.warn], [no, colours.bad]],
    mappings=panels.ranges([
      [null, partly, 'Yes', colours.good],
      [partly, no, 'Partly', colours.warn],
      [no, null, 'No', colours.bad],
    ]),
  );

{
  marks:: marks,
  question:: question,
  section(ctx):: layout.section('Services', [
    [traffic(ctx, s), errors(ctx, s), if s.measures_latency then latency(ctx, s)]
    for s in ctx.services
  ]),
}
