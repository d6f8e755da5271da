// Announced maintenance, as a series: 1 inside a window and 0 outside, for each service that has windows.
//
// A window for no service in particular is for all. Service levels leave its time out, and five minutes more: so long do
// the recorded rates remember what happened in it.

// The windows that concern any of the services of these names.
local concerned(catalogue, services) =
  local named = std.flatMap(
    function(service) if std.member(services, service.name) then service.maintenance else [], catalogue.services
  );
  [window for window in std.get(catalogue.alerting, 'maintenance', []) if std.member(named, window.name)];
// What the exporter says of a window; none is open while it says nothing.
local open(window) = '(max(platform_exporter_maintenance_active{window="' + window.name + '"}) or vector(0))';
// 1 when one of the expressions is.
local any(expressions) =
  if std.length(expressions) == 1 then expressions[0]
  else 'clamp_max(\n  ' + std.join('\n  + ', expressions) + ',\n  1\n)';
local recent(service) = 'max_over_time(maintenance:active{service="' + service + '"}[5m])';

{
  has(catalogue, service):: std.length(concerned(catalogue, [service])) > 0,

  // ` * (…)` that makes an expression without labels 0 inside the windows of a service; '' without windows.
  factor(catalogue, service)::
    if self.has(catalogue, service) then '\n* on ()\n(1 - max(' + recent(service) + ' or vector(0)))' else '',

  // ` unless …` that leaves an expression without labels out for a time after each window of a service.
  unless_within(service, seconds)::
    '\nunless on ()\nmax_over_time(maintenance:active{service="' + service + '"}[' + seconds + 's]) == 1',

  // ` unless …` for series with the label service.
  outside(catalogue, services)::
    if std.length(concerned(catalogue, services)) > 0
    then ' unless on (service) max_over_time(maintenance:active[5m]) == 1' else '',

  groups(catalogue)::
    local services = [s.name for s in catalogue.services if $.has(catalogue, s.name)];
    if std.length(services) == 0 then [] else [{
      name: 'maintenance',
      interval: catalogue.monitoring.evaluation_interval,
      rules: [
        {
          record: 'maintenance:active',
          expr: any([open(window) for window in concerned(catalogue, [service])]),
          labels: { service: service },
        }
        for service in services
      ],
    }],
}
