// Cloudflare Workers: the code at the edge that every request passes.
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';
local limits = import '../lib/thresholds.libsonnet';

local row(ctx) =
  local names = std.flattenArrays([w.scripts for w in ctx.workers]);
  local only = 'script_name=~"' + std.join('|', names) + '"';
  local scripts = '{' + only + '}';
  local per(metric, by) = 'sum by (%s) (rate(cloudflare_workers_%s%s[$__rate_interval]))' % [by, metric, scripts];
  local quantile(metric, q) =
    'cloudflare_workers_%s{%s, quantile="%s"}' % [metric, only, q];
  [
    [
      panels.timeseries(
        'workers/requests',
        'Invocations by Worker',
        what='Invocations per second of each Worker, as Cloudflare counts them.',
        good='Each follows its daily rhythm.',
        act='A Worker that falls to zero was unrouted or fails before it starts: look at its last deployment.',
        targets=[t.range(per('requests_total', 'script_name'), '{{script_name}}')],
        unit='reqps',
        links=[ctx.links.business, ctx.links.scrapes],
        stack=true,
        overrides=panels.apart(names),
      ),
      panels.timeseries(
        'workers/status',
        'Invocations by outcome',
        what="Invocations per minute that did not end well, by Cloudflare's word for how they ended; success is left out.",
        good='Nothing, or single client disconnects.',
        act="exceededResources: CPU or memory limit; scriptThrewException: read the Worker's logs (wrangler tail).",
        targets=[t.range(
          '60 * sum by (status) (rate(cloudflare_workers_requests_total{status!="success", '
          + only + '}[$__rate_interval]))', '{{status}}'
        )],
        unit='suffix: /min',
        links=[ctx.links.runbook('ErrorBudgetBurnFast'), ctx.links.scrapes],
        style='bars',
        stack=true,
        worded=true,
        softMax=1,
        noValue='only successes',
      ),
      panels.timeseries(
        'workers/cpu',
        'CPU time of an invocation (p99)',
        what='CPU time that the most expensive hundredth of the invocations needed.',
        good="Under %g ms, far from the plan's limit." % (limits.worker_cpu_seconds.warn * 1000),
        act='Rising with a deployment: new code is expensive. Rising with time: inputs grow; measure and cache.',
        targets=[t.range(quantile('cpu_time_seconds', '0.99'), '{{script_name}}')],
        unit='s',
        links=[ctx.links.scrapes],
        fill=0,
        overrides=panels.apart(names),
      ),
    ],
    [
      panels.timeseries(
        'workers/wall',
        'Wall time of an invocation (p99)',
        what='Time from start to end of an invocation, waiting included, for the slowest hundredth.',
        good='Close to the CPU time plus one round trip to the database.',
        act='Far above the CPU time: the Worker waits for something, see subrequests and the database.',
        targets=[t.range(quantile('wall_time_seconds', '0.99'), '{{script_name}}')],
        unit='s',
        links=[ctx.links.scrapes],
        fill=0,
        overrides=panels.apart(names),
      ),
      panels.timeseries(
        'workers/subrequests',
        'Subrequests per invocation',
        what='How many further requests (fetch, KV, R2, database) one invocation makes on average.',
        good='A constant: it is a property of the code.',
        act='Growth is a loop over single reads (N+1) or retries against something that fails.',
        targets=[t.range(
          '%s / %s' % [per('subrequests_total', 'script_name'), per('requests_total', 'script_name')], '{{script_name}}'
        )],
        unit='short',
        links=[ctx.links.scrapes],
        fill=0,
        overrides=panels.apart(names),
        decimals=1,
      ),
      panels.timeseries(
        'workers/egress',
        'Response bodies',
        what='Bytes per second that the Workers sent to clients.',
        good='Moves with the number of invocations.',
        act='Growth without traffic: a response became bigger; check caching and pagination.',
        targets=[t.range(per('response_body_bytes_total', 'script_name'), '{{script_name}}')],
        unit='Bps',
        links=[ctx.links.scrapes],
        stack=true,
        overrides=panels.apart(names),
      ),
    ],
  ];

function(ctx) layout.section('Edge: Cloudflare Workers', if ctx.workers == [] then [] else row(ctx))
