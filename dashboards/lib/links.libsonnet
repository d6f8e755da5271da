// Where a panel leads: to another dashboard (same time, same data source), to a runbook, to Prometheus or Alertmanager.
function(monitoring, uids)
  local prometheus = std.get(monitoring, 'prometheus_external', monitoring.prometheus);
  local alertmanager = std.get(monitoring, 'alertmanager_external', monitoring.alertmanager);

  local view(title, uid) = { title: title, url: '/d/' + uid + '?${__url_time_range}&${datasource:queryparam}' };
  local outside(title, url) = { title: title, url: url, targetBlank: true };

  // Locals, because fields are evaluated anew for each panel that names them.
  local executive = view('Executive view', uids.executive);
  local technical = view('Technical view', uids.technical);
  local business = view('Business view', uids.business);
  local firing = outside('Alerts in Alertmanager', alertmanager + '/#/alerts');
  local rules = outside('Alert rules in Prometheus', prometheus + '/alerts');
  local recorded = outside('Recording rules in Prometheus', prometheus + '/rules');
  local scrapes = outside('Targets in Prometheus', prometheus + '/targets');
  {
    executive: executive,
    technical: technical,
    business: business,
    firing: firing,
    rules: rules,
    recorded: recorded,
    scrapes: scrapes,
    // In tables with a column "Alert": the runbook of the row.
    runbookOfRow:: outside('Runbook', monitoring.runbooks + '/${__data.fields.Alert}.md'),
    runbook(alert):: outside('Runbook: ' + alert, monitoring.runbooks + '/' + alert + '.md'),
  }
