// Several services as one: their events together, each outside the maintenance of its own service.

local maintenance = import '../lib/maintenance.libsonnet';
local promql = import '../lib/promql.libsonnet';

function(catalogue, service, signal)
  local members = promql.matcher('service', signal.services);
  local sum(metric) =
    'sum(' + metric + '{' + members + '}' + maintenance.outside(catalogue, signal.services) + ')';
  {
    events: 'events',
    // Made of recorded rates: windows beyond five minutes are averages of this one.
    averaged: true,
    total(window):: sum('service:requests:rate5m'),
    bad(window):: sum('service:errors:rate5m'),
  }
