// Announced maintenance, as a series: 1 inside a window and 0 outside, for each service that has windows.
//
// A window for no service in particular is for all. Service levels leave its time out, and five minutes more: so long do
// the recorded rates remember what happened in it.

// The sources that a signal is read from.
local measured_on(signal) =
  if signal.kind == 'cloudflare_worker' then ['cloudflare.workers']
  else if signal.kind == 'freshness' then (if std.objectHas(signal, 'source') then [signal.source] else [])
  else if std.member(['health', 'postgres'], signal.kind) then [signal.kind + '.' + signal.target]
  else [];
local windows(catalogue) = std.get(catalogue.alerting, 'maintenance', []);
// A service, what it is measured on, and all that it depends on: work on any of these is work on the service.
local parts(catalogue, name) = [name] + std.flatMap(
  function(service)
    std.flatMap(measured_on, service.signals)
    + std.flatMap(function(other) parts(catalogue, other), service.depends_on),
  [service for service in catalogue.services if service.name == name]
);
local concerned(catalogue, services) =
  local touched = std.set(std.flatMap(function(name) parts(catalogue, name), services));
  [
    window
    for window in windows(catalogue)
    if window.services == [] || std.length(std.setInter(std.set(window.services), touched)) > 0
  ];
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
