// Several services as one that works while all of them do: each moment is as bad as the worst of them at that moment, and
// counts as much as any other, however often its parts are looked at. Each part is left out during its maintenance.

local maintenance = import '../lib/maintenance.libsonnet';
local promql = import '../lib/promql.libsonnet';

function(catalogue, service, signal)
  local members = '{' + promql.matcher('service', signal.services) + '}';
  local outside = maintenance.outside(catalogue, signal.services);
  // While nothing is asked for, or all parts are in maintenance, nothing is promised.
  local nothing = '\nor\n0 * max(service:requests:rate5m' + members + ')';
  {
    events: 'minutes',
    // Made of recorded rates: windows beyond five minutes are averages of this one.
    averaged: true,
    total(window):: 'count(service:error_ratio:rate5m' + members + outside + ') ^ 0 / 60' + nothing,
    bad(window):: 'max(service:error_ratio:rate5m' + members + outside + ') / 60' + nothing,
  }
