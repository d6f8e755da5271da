// One service: what customers ask of it, what they get, what was promised.
local colours = import '../lib/colours.libsonnet';
local dashboard = import '../lib/dashboard.libsonnet';
local known = import '../lib/known.libsonnet';
local layout = import '../lib/layout.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';
local services = import '../rows/services.libsonnet';
local slo = import '../rows/slo.libsonnet';

local of(metric) = metric + '{service="$service"}';

// Services that share their limits: [{marks, names}, …]. The page shows one service, and a number has colours of its own.
local groups(ctx) =
  local all = [{ name: s.name, marks: services.marks(ctx, s) } for s in ctx.services];
  [
    { marks: marks, names: [s.name for s in all if s.marks == marks] }
    for marks in std.uniq(std.sort([s.marks for s in all], std.toString), std.toString)
  ];

local failed(ctx) =
  local all = groups(ctx);
  local one = std.length(all) == 1;
  local series(group) =
    'service:error_ratio:rate5m{service="$service"'
    + (if one then '' else ', service=~"' + std.join('|', group.names) + '"') + '}';
  local now(group) = known.asked(series(group));
  local name(group) = if one then 'failed' else 'failed: ' + std.join(', ', group.names);
  panels.stat(
    'service/failed',
    'Failed',
    what='Share of the requests of the last five minutes that failed.',
    good='Zero, or less than its objective allows: orange is more, red is what pages; without one, by usual limits.',
    act='Look for the part that failed at the same moment, then at the last deployment (blue marks).',
    targets=(
      if one then [t.range(known.asked(known.largest(series(all[0]))), name(all[0]))]
      else [t.instant(now(group), name(group)) for group in all]
    ),
    now=now(all[0]),
    unit='percentunit',
    links=[ctx.links.technical, ctx.links.firing],
    decimals=2,
    sparkline=one,  // of a single number
    noValue='not known',
    thresholds=all[0].marks,
    overrides=[
      panels.named(name(group), { thresholds: panels.steps(group.marks, 'service/failed') })
      for group in all[1:]
    ],
  );

local vitals(ctx) = [
  panels.stat(
    'service/requests',
    'Requests',
    what='Requests (or checks) per second, over five minutes.',
    good='The usual for this hour; compare with the lines below.',
    act='A sudden end is a broken way in; a jump is a campaign, a retry storm or abuse.',
    targets=[t.range(known.asked(of('service:requests:rate5m')), 'requests')],
    unit='reqps',
    links=[ctx.links.technical, ctx.links.business],
    colour=colours.neutral,
    sparkline=true,
    noValue='not known',
  ),
  failed(ctx),
  panels.stat(
    'service/p95',
    'Time to answer (p95)',
    what='Time in which 95 % of the requests were answered, at its longest in the last minute.',
    good='Steady, and within the promise if there is one.',
    act='Look whether the database or an edge deployment moved at the same time.',
    targets=[t.range(known.asked(known.largest(of('service:latency_seconds:p95'))), 'p95')],
    now=known.asked(known.last_minute(of('service:latency_seconds:p95'))),
    unit='s',
    links=[ctx.links.technical, ctx.links.recorded],
    colour=colours.neutral,
    sparkline=true,
    noValue='not known',
  ),
  panels.stat(
    'service/alerts',
    'Alerts',
    what='How urgent the alerts about this service are that fire now.',
    good='None.',
    act='See below which: each has its runbook.',
    targets=[t.instant(known.worst_now('service="$service"'), 'worst')],
    unit='none',
    links=[ctx.links.firing, ctx.links.operations],
    background=true,
    mappings=states.alert,
    noValue='not known',
  ),
];

local signals(ctx) = [
  panels.timeseries(
    'service/traffic',
    'Requests',
    what='Requests per second; dashed: a day earlier, dotted: a week earlier.',
    good='The line follows the others.',
    act='A sudden end of traffic is a broken way in (DNS, certificate, deploy).',
    targets=[
      t.range(known.line(of('service:requests:rate5m')), 'now'),
      t.range(of('service:requests:rate5m') + ' offset 1d', 'a day before'),
      t.range(of('service:requests:rate5m') + ' offset 1w', 'a week before'),
    ],
    unit='reqps',
    links=[ctx.links.business, ctx.links.recorded],
    colour=colours.neutral,
    noValue='not known',
    overrides=[panels.before, panels.long_before('a week before')],
  ),
  panels.timeseries(
    'service/errors',
    'Failed share',
    what='Share of the requests that failed, in the worst five minutes of each step; dashed: what an objective allows.',
    good='Below the dashed line.',
    act='Look for the part that failed at the same moment, then at the last deployment (blue marks).',
    targets=[t.range(known.largest(of('service:error_ratio:rate5m')), 'failed')] + (
      if std.length(ctx.slos) == 0 then []
      else [t.range('max(slo:error_budget:ratio{service="$service", sli="availability"})', 'allowed')]
    ),
    unit='percentunit',
    links=[ctx.links.technical, ctx.links.recorded],
    noValue='not known',
    overrides=[panels.painted('failed', colours.bad), panels.limit('allowed', colours.warn)],
  ),
  panels.timeseries(
    'service/latency',
    'Time to answer (p95)',
    what='Time in which 95 % of the requests were answered, the longest of each step; dashed: a day earlier.',
    good='The line follows the dashed one.',
    act='Look whether the database or an edge deployment moved at the same time.',
    targets=[
      t.range(known.largest(of('service:latency_seconds:p95')), 'now'),
      t.range(known.largest(of('service:latency_seconds:p95'), '1d'), 'a day before'),
    ],
    unit='s',
    links=[ctx.links.technical, ctx.links.recorded],
    colour=colours.neutral,
    noValue='not known',
    overrides=[panels.before],
  ),
];

local promises(ctx) = [
  panels.table(
    'service/promises',
    'Promises',
    what='What was promised for this service, what was kept over the period of the promise, the error budget left, and how many times faster than planned it burns.',
    good='Kept is at least what was promised; budget is left.',
    act='Click one for the windows in which its budget burns.',
    targets=[
      t.table('max by (slo) (slo:objective:ratio{service="$service"})'),
      t.table('max by (slo) (' + slo.kept('service="$service"') + ')'),
      t.table('max by (slo) (slo:period_error_budget_remaining:ratio{service="$service"})'),
      t.table(known.asked('max by (slo) (slo:current_burn_rate:ratio{service="$service"})')),
    ],
    join='slo',
    unit='percentunit',
    columns=[
      ['slo', 'Service level'],
      ['Value #A', 'Target'],
      ['Value #B', 'Kept'],
      ['Value #C', 'Left'],
      ['Value #D', 'Burns'],
    ],
    links=[ctx.links.executive, ctx.links.recorded],
    drill=ctx.links.slo(ctx.links.cell),
    wish=12,
    noValue='not known',
    decimals=3,
    // The sum fits on a phone.
    overrides=[panels.named(heading, { 'custom.width': 68 }) for heading in ['Target', 'Kept']] + [
      panels.named('Service level', { 'custom.minWidth': 112, mappings: panels.titled(ctx.promises) }),
      panels.named('Left', {
        'custom.width': 48,
        decimals: 0,
        thresholds: panels.steps(slo.left(ctx), 'service/promises'),
        'custom.cellOptions': { type: 'color-text' },
      }),
      panels.named('Burns', {
        'custom.width': 68,  // 667.4 ×
        unit: 'suffix:×',
        decimals: 1,
        // A column has the same colours in all its rows: where promises page at different paces, none tells that one does.
        thresholds: panels.steps(
          if std.length(slo.paging(ctx.slos)) == 1 then slo.pace_steps(slo.paging(ctx.slos)[0])
          else [[null, colours.good], [1, colours.warn]], 'service/promises'
        ),
        'custom.cellOptions': { type: 'color-text' },
      }),
    ],
  ),
  panels.timeseries(
    'service/budget',
    'Error budget left',
    what='Share of each error budget that is unspent, over time.',
    good='Above ' + numbers.percent(ctx.limits.budget_left.warn) + '.',
    act='Below it, ship with care; at zero, reliability comes before features until it recovers.',
    targets=[t.range(slo.course('service="$service"'), '{{slo}}')],
    unit='percentunit',
    links=[ctx.links.executive, ctx.links.runbook('ErrorBudgetBurnFast')],
    drill=ctx.links.slo(ctx.links.label('slo')),
    wish=6,
    fill=0,
    min=null,
    max=1,
    softMin=0,
    thresholds=slo.left_lines(ctx),
    overrides=slo.apart(ctx),
    noValue='not known',
  ),
  panels.timeseries(
    'service/burn',
    'Burn rate',
    what='How many times faster than planned each error budget is being spent, in the worst five minutes of each step, by powers of ten; dashed: what pages.',
    good='Under 1×.',
    act='Above ' + slo.paging_text(ctx.slos) + ' somebody is paged: open the service level.',
    targets=slo.pace_targets(ctx.slos, 'service="$service"'),
    unit='suffix:×',
    links=[ctx.links.runbook('ErrorBudgetBurnFast'), ctx.links.rules],
    drill=ctx.links.slo(ctx.links.label('slo')),
    wish=6,
    fill=0,
    decimals=1,
    min=slo.least,
    log=true,
    overrides=slo.apart(ctx) + slo.pace_looks(ctx.slos),
    noValue='not known',
  ),
];

local history(ctx) = [
  panels.timeline(
    'service/firing',
    'Alerts about this service',
    what='When each alert about this service fired, and how urgent it was.',
    good='No alert.',
    act='The one that fired first is nearest to the cause; open its runbook.',
    targets=[t.range(
      known.or_none(
        known.worst('alertname', 'service="$service"'),
        known.ever(of('service:requests:rate5m')) + ' or ' + known.ever('up{job="platform-exporter"}'),
        'alertname',
        'No alert'
      ),
      '{{alertname}}'
    )],
    mappings=states.alert,
    links=[ctx.links.firing, ctx.links.operations],
    wish=24,
    height=6,
    noValue='not known',
  ),
];

function(ctx) dashboard.new(
  ctx,
  'service',
  'Service',
  'One service: what customers ask of it, what they get, what was promised, what has fired.',
  [
    layout.section('', [vitals(ctx), signals(ctx)]),
    layout.section('What was promised', if std.length(ctx.slos) == 0 then [] else [promises(ctx)]),
    layout.section('What has happened', [history(ctx)]),
  ],
  from='now-24h',
  refresh='1m',
  variables=[dashboard.choice(
    'service', 'Service', [[s.title, s.name] for s in ctx.services], 'The service that this page is about.'
  )],
)
