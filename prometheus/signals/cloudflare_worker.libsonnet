// A Worker's invocations: every request a customer makes is one, so this is the service's own traffic.

local promql = import '../lib/promql.libsonnet';

function(catalogue, signals) {
  local scripts = promql.matcher('script_name', [signal.script_name for signal in signals]),

  // Customers' requests: an end of traffic means something.
  counts_customers:: true,
  events:: 'requests',
  total(window):: 'sum(rate(cloudflare_workers_requests_total{' + scripts + '}[' + window + ']))',
  bad(window):: 'sum(rate(cloudflare_workers_errors_total{' + scripts + '}[' + window + ']))',
  // The API answers with ready quantiles, which cannot be merged: the slowest script speaks for the service.
  p95:: 'max(cloudflare_workers_request_duration_seconds{' + scripts + ', quantile="0.95"})',
}
