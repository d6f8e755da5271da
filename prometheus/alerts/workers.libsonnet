// Do the Workers run within their limits, and are their figures fresh?

local each(catalogue, part) = [
  part { service: source.source, labels: { source: source.source }, words: { late: '1800' } }
  for source in catalogue.sources
  if source.kind == 'cloudflare_workers'
];

// The page of Workers, about all of them: its variable has one choice of that kind, whose signs a URL writes in its own way.
local everyone(catalogue) =
  local names = std.flatMap(
    function(source) if source.kind == 'cloudflare_workers' then source.scripts else [], catalogue.sources
  );
  if names == [] then {} else { script: std.join('%7C', names) };

function(catalogue) {
  WorkerErrors: {
    'for': '10m',
    priority: 'p3',
    kind: 'symptom',
    unit: 'ratio',
    threshold: '0.05',
    rules: each(catalogue, {
      expr: |||
        sum by (script_name) (rate(cloudflare_workers_errors_total[5m]))
        /
        sum by (script_name) (rate(cloudflare_workers_requests_total[5m]))
        > %(threshold)s
        and
        sum by (script_name) (rate(cloudflare_workers_errors_total[5m])) * 300 >= 5
      |||,
      value: '%(value)s of the invocations fail',
      threshold: 'over %(limit)s for %(for)s',
      summary: 'A Worker fails too often.',
      description: '%(value)s of the invocations of {{ $labels.script_name }} end in an error; over %(limit)s for %(for)s.',
      impact: 'Whoever this Worker serves gets errors; a Worker behind a queue or a webhook loses or repeats work.',
      action: 'Read its live log: npx wrangler tail {{ $labels.script_name }} --status error.',
      panel: 'workers/status',
    }),
  },

  WorkerOverLimits: {
    'for': '5m',
    priority: 'p2',
    kind: 'capacity',
    unit: 'ratio',
    threshold: '0.01',
    rules: each(catalogue, {
      expr: |||
        sum by (script_name) (rate(cloudflare_workers_requests_total{status="exceededResources"}[5m]))
        /
        sum by (script_name) (rate(cloudflare_workers_requests_total[5m]))
        > %(threshold)s
      |||,
      value: '%(value)s stopped by Cloudflare',
      threshold: 'over %(limit)s for %(for)s',
      summary: 'A Worker runs out of CPU time or memory.',
      description: 'Cloudflare stops %(value)s of the invocations of {{ $labels.script_name }} for their use of CPU or memory.',
      impact: 'Those requests fail with error 1102, however often they are repeated.',
      action: 'Undo the last deployment if it began there; otherwise find the input that is too large.',
      panel: 'workers/status',
    }),
  },

  WorkerCpuHigh: {
    'for': '15m',
    priority: 'p3',
    kind: 'capacity',
    unit: 'seconds',
    threshold: '0.05',
    rules: each(catalogue, {
      expr: 'max by (script_name) (cloudflare_workers_cpu_time_seconds{quantile="0.99"}) > %(threshold)s',
      value: 'p99 %(value)s of CPU time',
      threshold: 'over %(limit)s for %(for)s',
      summary: 'A Worker uses much CPU time.',
      description: 'One in a hundred invocations of {{ $labels.script_name }} takes more than %(value)s of CPU time; over %(limit)s for %(for)s.',
      impact: "Slow answers and a larger bill; beyond the plan's limit Cloudflare ends the invocation.",
      action: 'Profile the heaviest route; parsing and cryptography on large bodies are the usual reasons.',
      panel: 'workers/cpu',
    }),
  },

  WorkerFiguresLate: {
    'for': '10m',
    priority: 'p3',
    kind: 'meta',
    unit: 'seconds',
    threshold: '1800',
    rules: each(catalogue, {
      expr: 'time() - max by (dataset) (cloudflare_window_end_timestamp_seconds) > %(threshold)s',
      value: '%(value)s behind',
      threshold: 'over %(limit)s for %(for)s',
      summary: "Cloudflare's figures lag behind.",
      description: 'The last window counted of {{ $labels.dataset }} ended %(value)s ago; a few minutes are normal.',
      impact: 'Traffic, errors and their alerts are as late as that.',
      action: "See Cloudflare's status page for Analytics; then the exporter's log for the source.",
      dashboard: 'workers',
      panel: 'workers/late',
      variables: everyone(catalogue),
    }),
  },
}
