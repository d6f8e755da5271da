// Recording rules that every other rule and every panel reads, so that none of them knows where a signal comes from.
//
//   service:requests:rate5m        events per second
//   service:errors:rate5m          failed events per second, 0 rather than absent
//   service:error_ratio:rate5m     0-1, absent without traffic
//   service:latency_seconds:p95    seconds
//   health:state:code              0 healthy, 1 degraded, 2 unhealthy, 3 unknown, for each health endpoint

local services = import 'lib/service.libsonnet';

local service_rules(catalogue, service) =
  local signal = services.signal(catalogue, service);
  local record(name, expr) = { record: name, expr: expr, labels: { service: service.name } };
  [
    record('service:requests:rate5m', signal.total('5m')),
    record('service:errors:rate5m', signal.bad('5m')),
    record('service:error_ratio:rate5m', signal.error_ratio('5m')),
    record('service:latency_seconds:p95', signal.p95),
  ];

local health_rules = [{
  record: 'health:state:code',
  expr: |||
    max by (target) (health_status{status="degraded"})
    + 2 * max by (target) (health_status{status="unhealthy"})
    + 3 * max by (target) (health_status{status="unknown"})
  |||,
}];

function(catalogue)
  local rules = std.flatMap(
    function(service) service_rules(catalogue, service), services.with_signal(catalogue)
  );
  local has_health = std.member([source.kind for source in catalogue.sources], 'health');
  (if std.length(rules) > 0 then [{ name: 'service-signals', rules: rules }] else [])
  + (if has_health then [{ name: 'health-state', rules: health_rules }] else [])
