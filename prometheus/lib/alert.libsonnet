// What every alert has in common, added in one place so that none can lack it: overrides of the platform file,
// severity from priority, words in texts, links.
//
// An alert is {for, window, priority, kind, threshold, warn, unit, rules}. `window` is how far back it looks where it
// counts events, %(window)s in its texts. `threshold` is the number that it compares with, in
// `unit` (a key of lib/units.libsonnet), `below` says that it fires under it; `warn` is a milder one that makes a second rule of the same name and priority
// p3 (`warn_priority`), unless the alert itself is no more urgent. `enabled: false` leaves it out until a platform file asks for it by any change.
// `performance: true` is for what says that something is slow: a window of maintenance may mute these.
//
// rules has one object for each component: service, labels, expr, value, threshold, summary, description, impact,
// action, panel (key of the panel that shows it, null without one), `dashboard` (the page of that panel; technical where
// it says nothing), `variables` (what that page is about, where it asks) and `words`, which fill every %(word)s of its
// texts together with %(for)s, %(window)s, %(threshold)s, %(limit)s and %(value)s: the threshold and the value as people read
// them. `by_check: true` is for alerts about checks of a health document: their expressions have %(checks)s
// behind the first matcher, for the platform file may set single checks apart. Its own `for`, `keep_firing_for` and `priority` go before the alert's, and the platform file's before both.

local promql = import 'promql.libsonnet';
local text = import 'text.libsonnet';
local units = import 'units.libsonnet';
local url = import 'url.libsonnet';

local settings = ['by_check', 'for', 'window', 'priority', 'threshold', 'below', 'unit', 'warn', 'warn_priority'];

// {key: value} for each key that one of the layers holds; the first layer that has it wins.
local settle(keys, layers) = {
  [key]: [layer[key] for layer in layers if std.objectHas(layer, key) && layer[key] != null][0]
  for key in keys
  if std.length([0 for layer in layers if std.objectHas(layer, key) && layer[key] != null]) > 0
};

// Where people see it. The page's uid and the panel's id come from their names, by the formulas of
// dashboards/lib/context.libsonnet and dashboard.libsonnet, so links outlive reordering. Values of variables are names in
// the platform file, of letters, digits, hyphens and underscores: a URL takes them as they are. Whoever joins several
// writes what stands between them as a URL has it.
local dashboard_url(catalogue, part) =
  local uid = catalogue.platform + '-' + std.get(part, 'dashboard', 'technical');
  local panel = std.get(part, 'panel');
  local variables = std.get(part, 'variables', {});
  local parameters = ['var-' + name + '=' + variables[name] for name in std.objectFields(variables)] + (
    if panel == null then [] else ['viewPanel=' + std.parseHex(std.substr(std.md5(uid + '/' + panel), 0, 7))]
  );
  url.trim(catalogue.monitoring.grafana) + '/d/' + uid
  + (if parameters == [] then '' else '?' + std.join('&', parameters));

local texts = ['summary', 'description', 'impact', 'action', 'value', 'threshold'];

local rule(catalogue, name, alert, part, settled) =
  local threshold = std.get(settled, 'threshold');
  local unit = units[std.get(alert, 'unit', 'number')];
  local places = text.places(
    std.get(part, 'words', {}) + settle(['for', 'window', 'priority', 'threshold'], [settled])
    + { value: unit.value }
    + (if threshold == null then {} else { limit: unit.limit(threshold) })
  );
  local whole = { value: '%(value)s', threshold: '%(limit)s' } + part;
  local filled = text.fill([whole.expr] + [whole[key] for key in texts], places);
  {
    alert: name,
    expr: filled[0],
    [if std.objectHas(settled, 'for') then 'for']: settled['for'],
    [if std.objectHas(settled, 'keep_firing_for') then 'keep_firing_for']: settled.keep_firing_for,
    labels: std.get(part, 'labels', {}) {
      severity: std.get(part, 'severity', catalogue.alerting.priorities[settled.priority].severity),
      priority: settled.priority,
      service: part.service,
      kind: alert.kind,
    },
    annotations: {
      [texts[number]]: text.paragraph(filled[number + 1])
      for number in std.range(0, std.length(texts) - 1)
    } + {
      runbook_url: url.trim(catalogue.monitoring.runbooks) + '/' + name + '.md',
      dashboard_url: dashboard_url(catalogue, part),
    },
  };

// One component's rules are those of each check that the platform file sets apart, and those of all others.
local apart(override, alert, part) =
  local checks = std.get(override, 'checks', {});
  local names = std.objectFields(checks);
  if !std.get(alert, 'by_check', false) then [part]
  else [
    part {
      words+: { checks: if names == [] then '' else ', ' + promql.none('check', names) },
    },
  ] + [
    part {
      // The series say it too; here it tells the rules of one alert apart.
      labels+: { check: name },
      words+: { checks: ', ' + promql.equal('check', name) },
      apart: checks[name],
    }
    for name in names
  ];

// One component's rules: the alert itself, and its milder level where that is less urgent.
local levels(catalogue, name, alert, override, part) =
  local own = std.get(part, 'apart', {});
  local settled = settle(['for', 'keep_firing_for', 'priority'], [own, override, part, alert])
                  + settle(['window', 'threshold', 'warn'], [own, override, alert]);
  local milder = std.get(alert, 'warn_priority', 'p3');
  [rule(catalogue, name, alert, part, settled)]
  + (
    if !std.objectHas(settled, 'warn') || settled.priority >= milder then []
    else [rule(catalogue, name, alert, part, settled { threshold: settled.warn, priority: milder })]
  );

{
  // What the platform file may change of this alert, and from which value.
  settings(alert):: settle(settings, [alert]) { kind: alert.kind },

  // All Prometheus rules of one alert.
  rules(catalogue, name, alert)::
    local override = std.get(catalogue.alerting.alerts, name, {});
    local wanted = std.get(override, 'enabled', std.get(alert, 'enabled', true) || override != {});
    if !wanted then []
    else [
      rule
      for part in alert.rules
      for one in apart(override, alert, part)
      for rule in levels(catalogue, name, alert, override, one)
    ],
}
