// What every alert has in common, added in one place so that none can lack it: overrides of the platform file,
// severity from priority, words in texts, links.
//
// An alert is {for, priority, threshold, kind, rules}; rules has one object for each component: service, labels,
// expr, value, threshold, summary, description, impact, action, panel (key of the panel that shows it on the technical
// dashboard) and `words`, which fill every %(word)s of its texts together with %(for)s and %(threshold)s. Its own `for`
// and `priority` go before the alert's, and the platform file's before both.

local text = import 'text.libsonnet';
local url = import 'url.libsonnet';

local changeable = ['for', 'priority', 'threshold'];

// {key: value} for each key that one of the layers holds; the first layer that has it wins.
local settle(keys, layers) = {
  [key]: [layer[key] for layer in layers if std.objectHas(layer, key) && layer[key] != null][0]
  for key in keys
  if std.length([0 for layer in layers if std.objectHas(layer, key) && layer[key] != null]) > 0
};

// A panel's id comes from its key, by the formula of dashboards/lib/dashboard.libsonnet, so links outlive reordering.
local dashboard_url(catalogue, panel) =
  local uid = catalogue.platform + '-technical';
  url.trim(catalogue.monitoring.grafana) + '/d/' + uid
  + (if panel == null then '' else '?viewPanel=' + std.parseHex(std.substr(std.md5(uid + '/' + panel), 0, 7)));

local rule(catalogue, name, alert, override, part) =
  local wait_and_priority = settle(['for', 'priority'], [override, part, alert]);
  local priority = wait_and_priority.priority;
  local places = text.places(
    std.get(part, 'words', {}) + settle(['threshold'], [override, alert]) + wait_and_priority
  );
  local filled(key) = text.fill(part[key], places);
  {
    alert: name,
    expr: filled('expr'),
    [if std.objectHas(wait_and_priority, 'for') then 'for']: wait_and_priority['for'],
    labels: std.get(part, 'labels', {}) {
      severity: std.get(part, 'severity', catalogue.alerting.priorities[priority].severity),
      priority: priority,
      service: part.service,
      kind: alert.kind,
    },
    annotations: {
      [key]: text.paragraph(filled(key))
      for key in ['summary', 'description', 'impact', 'action', 'value', 'threshold']
    } + {
      runbook_url: url.trim(catalogue.monitoring.runbooks) + '/' + name + '.md',
      dashboard_url: dashboard_url(catalogue, std.get(part, 'panel')),
    },
  };

{
  // What the platform file may change of this alert, and from which value.
  settings(alert):: settle(changeable, [alert]),

  // All Prometheus rules of one alert.
  rules(catalogue, name, alert)::
    local override = std.get(catalogue.alerting.alerts, name, {});
    if std.get(override, 'enabled', true) == false then []
    else [rule(catalogue, name, alert, override, part) for part in alert.rules],
}
