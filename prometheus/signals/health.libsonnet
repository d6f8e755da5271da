// A service known only from the outside: every check of its health endpoint is one event.
//
// Checks per second, not "1" per target, so that a guard of N bad events means N failed checks.

local promql = import '../lib/promql.libsonnet';

function(catalogue, signals) {
  local names = [signal.target for signal in signals],
  local targets = promql.matcher('target', names),
  local intervals = std.set([
    source.every_seconds
    for source in catalogue.sources
    if source.kind == 'health' && std.member(names, source.target)
  ]),
  local every =
    if std.length(intervals) == 1 then intervals[0]
    else error 'health targets %s of one service: want one common interval, have %s' % [names, intervals],

  counts_customers:: false,
  events:: 'checks',
  local over(window) = '(probe_success{' + targets + '}[' + window + '])',
  total(window):: 'sum(max by (target) (present_over_time' + over(window) + ')) / ' + every,
  bad(window):: 'sum(1 - max by (target) (avg_over_time' + over(window) + ')) / ' + every,
  p95:: 'max(quantile_over_time(0.95, probe_duration_seconds{' + targets + '}[5m]))',
}
