// A Worker's invocations: every request a customer makes is one, so this is the service's own traffic.

local promql = import '../lib/promql.libsonnet';

function(catalogue, service, signal) {
  local script = promql.matcher('script_name', [signal.script_name]),
  local rate(metric, window) = 'sum(rate(' + metric + '{' + script + '}[' + window + ']))',

  // Customers' requests: an end of traffic means something.
  counts_customers: true,
  events: 'requests',
  sparse: true,
  total(window):: rate('cloudflare_workers_requests_total', window),
  bad(window):: rate('cloudflare_workers_errors_total', window),
  // The API answers with ready quantiles, which cannot be merged into a count of slow requests.
  quantile(q):: 'max(cloudflare_workers_request_duration_seconds{' + script + ', quantile="' + q + '"})',
  mean: rate('cloudflare_workers_wall_seconds_total', '5m')
        + '\n/\n(' + rate('cloudflare_workers_requests_total', '5m') + ' > 0)',
}
