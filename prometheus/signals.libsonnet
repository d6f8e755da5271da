// Recording rules that every other rule and every panel reads, so that none of them knows where a signal comes from.
//
//   service:requests:rate5m        events per second
//   service:errors:rate5m          failed events per second, 0 rather than absent
//   service:error_ratio:rate5m     0-1, absent without traffic
//   service:latency_seconds:p50    seconds; also p95, p99 and mean; only where the signal has durations
//   service:stale:bool             whether what must be fresh is too old
//   health:state:code              0 healthy, 1 degraded, 2 unhealthy, 3 no usable answer, for each health endpoint

local services = import 'lib/service.libsonnet';

local percentiles = { p50: '0.5', p95: '0.95', p99: '0.99' };

local service_rules(catalogue, service) =
  local signal = services.signal(catalogue, service);
  local record(name, expr) = { record: name, expr: expr, labels: { service: service.name } };
  [record(name, signal.records[name]) for name in std.objectFields(signal.records)]
  + [
    record('service:requests:rate5m', signal.total('5m')),
    record('service:errors:rate5m', signal.bad('5m')),
    record('service:error_ratio:rate5m', services.ratio(signal.bad('5m'), signal.total('5m'))),
  ]
  + (
    if !std.objectHasAll(signal, 'quantile') then []
    else [
      record('service:latency_seconds:' + name, signal.quantile(percentiles[name]))
      for name in std.objectFields(percentiles)
    ]
  )
  + (if std.objectHas(signal, 'mean') then [record('service:latency_seconds:mean', signal.mean)] else []);

local health_rules = [{
  record: 'health:state:code',
  expr: |||
    max by (target) (health_status{status="degraded"})
    + 2 * max by (target) (health_status{status="unhealthy"})
    + 3 * max by (target) (health_status{status="unknown"})
  |||,
}];

function(catalogue)
  // What is made of other services comes after them.
  local composite(service) = service.signals[0].kind == 'services';
  local all = services.with_signal(catalogue);
  local rules = std.flatMap(
    function(service) service_rules(catalogue, service),
    [service for service in all if !composite(service)] + [service for service in all if composite(service)]
  );
  local has_health = std.member([source.kind for source in catalogue.sources], 'health');
  (if std.length(rules) > 0 then [{ name: 'service-signals', rules: rules }] else [])
  + (if has_health then [{ name: 'health-state', rules: health_rules }] else [])
