// Where a service's traffic, errors and latency come from: one kind of signal, chosen by how close it is to customers.
//
// A kind is one file in ../signals: function(catalogue, signals) {total(window), bad(window), p95, events, counts_customers}.

local kinds = [
  { kind: 'cloudflare_worker', signal: import '../signals/cloudflare_worker.libsonnet' },
  { kind: 'health', signal: import '../signals/health.libsonnet' },
];

{
  signal(catalogue, service)::
    local found = [
      entry.signal(catalogue, [signal for signal in service.signals if signal.kind == entry.kind])
      for entry in kinds
      if std.member([signal.kind for signal in service.signals], entry.kind)
    ];
    local chosen =
      if std.length(found) > 0 then found[0]
      else error 'services.%s.signals: want one of %s' % [service.name, [entry.kind for entry in kinds]];
    // "No error yet" is a series without samples; without the second half every ratio would be empty, not 0.
    local bad(window) = chosen.bad(window) + '\nor\n0 * ' + chosen.total(window);
    {
      total:: chosen.total,
      bad:: bad,
      // No traffic is no ratio: the comparison removes the sample where a division would make NaN.
      error_ratio(window):: '(\n  ' + std.strReplace(bad(window), '\n', '\n  ') + '\n)\n/\n(' + chosen.total(window) + ' > 0)',
      p95:: chosen.p95,
      events:: chosen.events,
      counts_customers:: chosen.counts_customers,
    },

  // Services that have a signal at all; the others exist for dashboards and dependencies only.
  with_signal(catalogue):: [service for service in catalogue.services if std.length(service.signals) > 0],
}
