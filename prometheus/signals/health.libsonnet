// A service known only from the outside: every check of its health endpoint is one event, slow or not.

local looks = import '../lib/looks.libsonnet';

function(catalogue, service, signal)
  local seen = looks(catalogue, 'health', signal.target);
  local target = 'target="' + signal.target + '"';
  {
    events: 'checks',
    total: seen.total('probe_success'),
    bad: seen.bad('probe_success'),
    quantile(q):: 'max(quantile_over_time(' + q + ', probe_duration_seconds{' + target + '}[5m]))',
    mean: 'avg(avg_over_time(probe_duration_seconds{' + target + '}[5m]))',
    timed: seen.total('probe_success'),
    slow(window, bound)::
      'sum(avg_over_time((max by (target) (probe_duration_seconds{' + target + '}) > bool ' + bound + ')['
      + window + ':' + seen.every + '])) / ' + seen.every_seconds,
  }
