// Where a panel leads: to another dashboard (same time, same data source, same variables), to a runbook, to Prometheus
// or Alertmanager. A link to a dashboard that this platform does not have is null, and panels leave it out.
function(monitoring, views, limits)
  local prometheus = std.get(monitoring, 'prometheus_external', monitoring.prometheus);
  local alertmanager = std.get(monitoring, 'alertmanager_external', monitoring.alertmanager);

  local outside(title, url) = { title: title, url: url, targetBlank: true };
  local kept = '?${__url_time_range}&${datasource:queryparam}';
  local to(name, variable='', value='') =
    if !std.objectHas(views, name) then error 'there is no dashboard ' + name
    else if !views[name].exists then null
    else
      local view = views[name];
      local title = view.title;
      local url = '/d/' + view.uid + kept + (if variable == '' then '' else '&var-' + variable + '=' + value);
      { title: title, url: url };
  // Locals, because fields are evaluated anew for each panel that names them.
  local executive = to('executive');
  local technical = to('technical');
  local business = to('business');
  local operations = to('operations');
  local health = to('health');
  local workers = to('workers');
  local exporter = to('exporter');
  local firing = outside('Alerts in Alertmanager', alertmanager + '/#/alerts');
  local rules = outside('Alert rules in Prometheus', prometheus + '/alerts');
  local recorded = outside('Recording rules in Prometheus', prometheus + '/rules');
  local scrapes = outside('Targets in Prometheus', prometheus + '/targets');
  {
    // The dashboard `name` of this platform.
    to(name):: to(name),

    // Drill-downs with their subject chosen; the subject may be a label of the series clicked on.
    service(name):: to('service', 'service', name),
    slo(name):: to('slo', 'slo', name),
    postgres(target):: to('postgres', 'target', target),
    statements(target):: to('statements', 'target', target),
    label(name):: '${__field.labels.' + name + '}',
    // The value of the cell itself, as it was before words stood for it.
    cell: '${__value.raw}',

    executive: executive,
    technical: technical,
    business: business,
    operations: operations,
    health: health,
    workers: workers,
    exporter: exporter,
    firing: firing,
    rules: rules,
    recorded: recorded,
    scrapes: scrapes,

    // The runbook of the alert in a cell, and of that in the column "Alert" of a row.
    runbookOfCell:: outside('Runbook', monitoring.runbooks + '/${__value.raw}.md'),
    runbookOfRow:: outside('Runbook', monitoring.runbooks + '/${__data.fields.Alert}.md'),
    runbook(alert)::
      if limits.exists(alert) then outside('Runbook: ' + alert, monitoring.runbooks + '/' + alert + '.md')
      else error 'there is no alert ' + alert,
  }
