// Cloudflare Workers: the code at the edge that every request passes.
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';

// `only` is a matcher for scripts, `names` are those it can match; none when nobody knows them beforehand.
local parts(ctx, only, names) =
  local limits = ctx.limits.worker_cpu_seconds;
  local rate(metric, by, more='') =
    'sum by (' + by + ') (rate(cloudflare_workers_' + metric + '{' + more + only + '}[$__rate_interval]))';
  local quantile(metric, q) = 'cloudflare_workers_' + metric + '{' + only + ', quantile="' + q + '"}';
  local per_invocation(metric) =
    rate(metric, 'script_name') + ' / ' + rate('requests_total', 'script_name');
  local apart = if std.length(names) == 0 then panels.by_name else panels.apart(names);
  {
    requests: panels.timeseries(
      'workers/requests',
      'Invocations by Worker',
      what='Invocations per second of each Worker, as Cloudflare counts them.',
      good='Each follows its daily rhythm.',
      act='A Worker that falls to zero was unrouted or fails before it starts: look at its last deployment.',
      targets=[t.range(rate('requests_total', 'script_name'), '{{script_name}}')],
      unit='reqps',
      links=[ctx.links.workers, ctx.links.runbook('TrafficStopped'), ctx.links.business],
      stack=true,
      overrides=apart,
    ),
    status: panels.timeseries(
      'workers/status',
      'Invocations that did not end well',
      what="Invocations per minute that did not end well, by Cloudflare's word for how they ended; success is left out.",
      good='Nothing, or single client disconnects.',
      act="exceededResources: CPU or memory limit; scriptThrewException: read the Worker's logs (wrangler tail).",
      targets=[t.range('60 * ' + rate('requests_total', 'status', 'status!="success", '), '{{status}}')],
      unit='suffix: /min',
      links=[ctx.links.workers, ctx.links.runbook('WorkerErrors'), ctx.links.runbook('WorkerOverLimits')],
      style='bars',
      stack=true,
      overrides=panels.worded(colours.of_label('status')),
      softMax=1,
      noValue='no invocations, or none that failed',
    ),
    cpu: panels.timeseries(
      'workers/cpu',
      'CPU time of an invocation (p99)',
      what='CPU time that the most expensive hundredth of the invocations needed; dashed: limits.',
      good='Under ' + numbers.seconds(limits.warn) + ", far from the plan's limit.",
      act='Rising with a deployment: new code is expensive. Rising with time: inputs grow; measure and cache.',
      targets=[t.range(quantile('cpu_time_seconds', '0.99'), '{{script_name}}')],
      unit='s',
      links=[ctx.links.workers, ctx.links.runbook('WorkerCpuHigh')],
      fill=0,
      overrides=apart,
      thresholds=[[null, colours.good], [limits.warn, colours.warn], [limits.bad, colours.bad]],
    ),
    wall: panels.timeseries(
      'workers/wall',
      'Wall time of an invocation (p99)',
      what='Time from start to end of an invocation, waiting included, for the slowest hundredth.',
      good='Close to the CPU time plus one round trip to the database.',
      act='Far above the CPU time: the Worker waits for something, see subrequests and the database.',
      targets=[t.range(quantile('wall_time_seconds', '0.99'), '{{script_name}}')],
      unit='s',
      links=[ctx.links.workers, ctx.links.runbook('LatencyTailHigh'), ctx.links.technical],
      fill=0,
      overrides=apart,
    ),
    subrequests: panels.timeseries(
      'workers/subrequests',
      'Subrequests per invocation',
      what='How many further requests (fetch, KV, R2, database) one invocation makes on average.',
      good='A constant: it is a property of the code.',
      act='Growth is a loop over single reads (N+1) or retries against something that fails.',
      targets=[t.range(per_invocation('subrequests_total'), '{{script_name}}')],
      unit='short',
      links=[ctx.links.workers, ctx.links.technical],
      fill=0,
      overrides=apart,
      decimals=1,
    ),
    egress: panels.timeseries(
      'workers/egress',
      'Response bodies',
      what='Bytes per second that the Workers sent to clients.',
      good='Moves with the number of invocations.',
      act='Growth without traffic: a response became bigger; check caching and pagination.',
      targets=[t.range(rate('response_body_bytes_total', 'script_name'), '{{script_name}}')],
      unit='Bps',
      links=[ctx.links.workers, ctx.links.business],
      stack=true,
      overrides=apart,
    ),
    duration: panels.timeseries(
      'workers/duration',
      'Time to answer',
      what='Time from request to answer in which half (p50), 95 % and 99 % of the requests were done.',
      good='Flat lines, close together.',
      act='All up: a slow dependency. Only p99 up: few expensive requests or cold starts.',
      targets=[
        t.range('max(' + quantile('request_duration_seconds', q[0]) + ')', q[1])
        for q in [['0.99', 'p99'], ['0.95', 'p95'], ['0.5', 'p50']]
      ],
      unit='s',
      links=[ctx.links.runbook('LatencyHigh'), ctx.links.technical],
      fill=0,
      overrides=panels.worded(['p50', 'p95', 'p99']),
    ),
    errors: panels.timeseries(
      'workers/errors',
      'Failed share',
      what='Share of the invocations that failed, by Worker.',
      good='Zero.',
      act='Read the logs of the Worker whose line rose first; compare with its last deployment.',
      targets=[t.range(per_invocation('errors_total'), '{{script_name}}')],
      unit='percentunit',
      links=[ctx.links.runbook('WorkerErrors'), ctx.links.technical],
      fill=0,
      overrides=apart,
      softMax=0.01,
    ),
    disconnects: panels.timeseries(
      'workers/disconnects',
      'Clients that went away',
      what='Invocations per minute whose client closed the connection before the answer.',
      good='A small share of the traffic: people close pages.',
      act='Rising with the time to answer: customers give up waiting.',
      targets=[t.range('60 * ' + rate('client_disconnects_total', 'script_name'), '{{script_name}}')],
      unit='suffix: /min',
      links=[ctx.links.runbook('LatencyTailHigh'), ctx.links.technical],
      fill=0,
      overrides=apart,
      softMax=1,
    ),
    cost: panels.timeseries(
      'workers/cpu_used',
      'CPU used',
      what='CPU time of all invocations, as a share of one core that always computes: what the plan charges for.',
      good='Moves with the number of invocations.',
      act='Growth without traffic: an invocation became more expensive; look at CPU time of an invocation.',
      targets=[t.range(rate('cpu_seconds_total', 'script_name'), '{{script_name}}')],
      unit='percentunit',
      links=[ctx.links.runbook('WorkerCpuHigh'), ctx.links.business],
      stack=true,
      overrides=apart,
    ),
    late: panels.timeseries(
      'workers/late',
      'How late the figures are',
      what="Age of the last window of Cloudflare's analytics that was counted, by data set.",
      good='A constant of some minutes.',
      act='Growing: the analytics API lags or refuses; nothing is lost, the windows are counted later.',
      targets=[t.range('time() - cloudflare_window_end_timestamp_seconds', '{{dataset}}')],
      unit='s',
      links=[ctx.links.runbook('WorkerFiguresLate'), ctx.links.exporter],
      fill=0,
      colour=colours.neutral,
    ),
  };

local names(ctx) = std.flatMap(function(w) w.scripts, ctx.workers);

// All Workers that are counted: those named in the platform file, else all of the account.
local every(ctx) = if std.length(names(ctx)) == 0 then '.+' else std.join('|', names(ctx));

{
  names:: names,
  every:: every,

  // The row of the technical view.
  section(ctx)::
    local p = parts(ctx, 'script_name=~"' + every(ctx) + '"', names(ctx));
    layout.section('Edge: Cloudflare Workers', if std.length(ctx.workers) == 0 then [] else [
      [p.requests, p.status, p.cpu],
      [p.wall, p.subrequests, p.egress],
    ]),

  // The whole drill-down, for the Workers chosen in the variable `script`.
  sections(ctx)::
    local p = parts(ctx, 'script_name=~"$script"', names(ctx));
    [
      layout.section('', [[p.requests, p.errors, p.duration]]),
      layout.section('What goes wrong', [[p.status, p.disconnects]]),
      layout.section('What it costs', [[p.cpu, p.wall, p.cost], [p.subrequests, p.egress, p.late]]),
    ],
}
