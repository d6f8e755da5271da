// Where a service's traffic, errors and latency come from: one kind of signal, and what all kinds have in common.
//
// A kind is one file in ../signals, function(catalogue, service, signal), with what it can say of
//
//   events            what is counted, as people say it
//   total(window)     events per second
//   bad(window)       failed ones per second
//   sparse            whether bad(window) may lack samples while none failed
//   counts_customers  whether an end of events means that customers are gone
//   averaged          whether long windows must be averages of the recorded rates
//   quantile(q)       seconds
//   mean              seconds
//   slow(window, bound)  events per second that took longer; without it, minutes are counted by the quantile
//   timed(window)     all events per second that slow() looks at
//   records           series that the expressions above read: name → expression

local kinds = {
  cloudflare_worker: import '../signals/cloudflare_worker.libsonnet',
  freshness: import '../signals/freshness.libsonnet',
  health: import '../signals/health.libsonnet',
  metrics: import '../signals/metrics.libsonnet',
  postgres: import '../signals/postgres.libsonnet',
  services: import '../signals/services.libsonnet',
};

local indented(expr) = '(\n  ' + std.strReplace(expr, '\n', '\n  ') + '\n)';
local parenthesised(expr) = if std.strReplace(expr, '\n', '') == expr then '(' + expr + ')' else indented(expr);

// "No error yet" is a series without samples; without the second half every ratio would be empty, not 0.
local counted(total, bad) = function(window) bad(window) + '\nor\n0 * ' + total(window);

local nothing = { counts_customers: false, averaged: false, sparse: false, records: {} };

{
  signal(catalogue, service)::
    local given = service.signals[0];
    local chosen = kinds[given.kind](catalogue, service, given);
    local base = nothing + chosen;
    if base.sparse then base { bad:: counted(base.total, base.bad) } else base,

  // The signal of one objective: {events, averaged, records, total(window), bad(window)}.
  level(catalogue, service, slo)::
    local signal = self.signal(catalogue, service);
    local quick = slo.sli != 'latency';
    local minutes = 'service:slow:bool{service="' + service.name + '"}';
    if quick then signal
    else if std.objectHasAll(signal, 'slow') then
      signal { bad:: function(window) signal.slow(window, slo.bound), total:: signal.timed }
    else nothing {
      events: 'minutes',
      records: {
        'service:slow:bool':
          signal.quantile('0.' + std.substr(slo.percentile, 1, 2)) + ' > bool ' + slo.bound,
      },
      total(window):: 'present_over_time(' + minutes + '[' + window + ']) / 60',
      bad(window):: 'avg_over_time(' + minutes + '[' + window + ']) / 60',
    },

  // No traffic is no ratio: the comparison removes the sample where a division would make NaN.
  ratio(bad, total):: parenthesised(bad) + '\n/\n(' + total + ' > 0)',

  // Services that have a signal at all; the others exist for dashboards and dependencies only.
  with_signal(catalogue):: [service for service in catalogue.services if std.length(service.signals) > 0],
}
