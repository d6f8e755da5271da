// Which alerts say nothing new while another one fires.
//
// A label that is missing on both sides counts as equal. Every rule therefore names, in its matchers, what both sides
// must have; platform and environment come from Prometheus' external labels and keep platforms apart. The alert
// Unresolved has the labels of the alert that it is about, and its name in `alert`: what silences the one silences the
// other, or people would hear that nobody solves what nobody was told.

local alerts = import '../prometheus/alerts.libsonnet';
local down = import '../prometheus/lib/down.libsonnet';
local intervals = import 'intervals.libsonnet';
local matchers = import 'matchers.libsonnet';

local place = import '../prometheus/lib/outside.libsonnet';

local rule(source, target, equal=[]) = {
  source_matchers: source,
  target_matchers: target,
  equal: place + equal,
};

// The same for what escalates alerts of these names: an operator and a name, or a regular expression of names.
local both(name, source, target, equal=[]) = [
  rule(source, ['alertname ' + name] + target, equal),
  rule(source, ['alertname = "Unresolved"', 'alert ' + name] + target, equal),
];

local tier(name) = ['slo_tier = "' + name + '"'];

// Priorities that an alert can have here.
local priorities(catalogue, name, usual) =
  local own = std.get(std.get(catalogue.alerting.alerts, name, {}), 'priority');
  if own == null then usual else [own];

// Matchers that leave out what is heard elsewhere than others of its priority: what these are told says nothing to whoever
// hears of it. `kind` is that of the source, whose own channels hear of both.
local not_elsewhere(catalogue, kind='') =
  local names = std.set(
    [
      name
      for name in std.objectFields(catalogue.alerting.alerts)
      if down.channels(catalogue, name) != null
    ] + std.flatMap(function(channel) channel.alerts, catalogue.alerting.channels)
  );
  local labels = std.set([
    matchers.unequal(label, channel.only[label])
    for channel in catalogue.alerting.channels
    for label in std.objectFields(channel.only)
    if !std.member(place, label) && !(label == 'kind' && channel.only.kind == kind)
  ]);
  (if names == [] then [] else [label + ' !~ "' + std.join('|', names) + '"' for label in ['alertname', 'alert']])
  + labels;

// Names among `covered` of which some window lets an alert through while it mutes what would cover it: nobody would be
// told of either, and Alertmanager cannot say "unless".
local let_through(catalogue, groups, name, told, covered, equal) =
  local windows(labels) = std.set(std.get(
    intervals.on_route(catalogue.alerting, labels.priority, labels.service, labels.kind), 'mute_time_intervals', []
  ));
  local rules = [
    rule.labels { alertname: rule.alert }
    for topic in std.objectValues(groups)
    for group in topic
    for rule in group.rules
    if rule.alert == name || std.member(covered, rule.alert)
  ];
  // Nothing mutes p1.
  if told == 'p1' || catalogue.alerting.maintenance == [] then []
  else std.set([
    other.alertname
    for other in rules
    if other.alertname != name && other.priority >= told
    for own in rules
    if own.alertname == name && own.priority == told
    if std.all([std.get(own, label) == std.get(other, label) for label in equal])
    if std.setDiff(windows(own), windows(other)) != []
  ]);

// An alert that covers those of other names where it is told, and as far as they are no more urgent.
local covers(catalogue, known, name, source, covered, target, equal=[]) =
  local usual = known.settings[name];
  std.flattenArrays([
    both(
      '=~ "' + std.join('|', silent) + '"',
      ['alertname = "' + name + '"', 'priority = "' + told + '"'] + source,
      target + [down.no_more_urgent(told)] + not_elsewhere(catalogue, usual.kind),
      equal
    )
    for told in priorities(catalogue, name, [usual.priority])
    if down.told(catalogue, name)
    for not_all in [let_through(catalogue, known.groups, name, told, covered, equal)]
    for silent in [[other for other in covered if !std.member(not_all, other)]]
    if silent != []
  ]);

// What tells one thing from another within a service: a full disk hides no warning about another one. Every label that a
// rule can have, but for those that say how bad it is and who hears of it; tests/rules/test_routes.py sees that none lacks.
local components = [
  'anomaly',
  'application_name',
  'audience',
  'channel',
  'check',
  'collector',
  'component',
  'covers',
  'dataset',
  'datname',
  'dependency',
  'device',
  'family',
  'fstype',
  'grant',
  'hides',
  'holder',
  'instance',
  'integration',
  'issue',
  'job',
  'mountpoint',
  'platform_hash',
  'queryid',
  'quota',
  'rule_group',
  'schemaname',
  'script_name',
  'sequencename',
  'sli',
  'slo',
  'slo_tier',
  'slot_name',
  'source',
  'target',
];

// One alert of one thing says it once, as bad as it is.
local worse(severity, milder) = rule(
  ['severity = "' + severity + '"', 'service != ""'],
  ['severity =~ "' + std.join('|', milder) + '"', 'service != ""'],
  ['alertname', 'service', 'alert'] + components
);

local always = [
  worse('critical', ['warning', 'info']),
  worse('warning', ['info']),
];

// The faster a budget burns, the more it says; not to those who hear of the slower pace only.
local paces = ['fast', 'medium', 'slow', 'trend'];
local alert_of(pace) = 'ErrorBudgetBurn' + std.asciiUpper(pace[0]) + std.substr(pace, 1, 9);
local faster(catalogue) =
  local alike(pace, other) = down.same_channels(catalogue, alert_of(pace), alert_of(other));
  [
    rule(
      tier(paces[number]) + ['priority = "' + told + '"'],
      ['slo_tier =~ "' + std.join('|', slower) + '"', down.no_more_urgent(told)],
      ['slo']
    )
    for number in std.range(0, 2)
    for slower in [[pace for pace in paces[number + 1:] if alike(paces[number], pace)]]
    if slower != []
    for told in priorities(catalogue, alert_of(paces[number]), std.set([
      each.priority
      for service in catalogue.services
      for slo in service.slos
      for each in slo.tiers
      if each.tier == paces[number]
    ]))
  ];

// Without the exporter every series is missing; one page says so, not one for each thing that can no longer be seen.
local unseen(catalogue, known) = covers(
  catalogue,
  known,
  'ExporterDown',
  [],
  ['SourceStale', 'SliMissing', 'DrillFailed', 'DrillOverdue', 'StatusPageBehind'],
  []
);

// What is down is not being read either.
local unread(catalogue, known) = std.flatMap(
  function(name) covers(
    catalogue,
    known,
    name,
    ['source != ""'],
    ['SourceStale', 'DatabaseConnectionFailures', 'DatabaseHealthDegraded', 'HealthCheckUnhealthy'],
    ['source != ""'],
    ['source']
  ),
  ['DatabaseDown', 'HealthUnhealthy']
);

// Whoever was told that customers fail learns nothing from a fixed limit that follows minutes later, if it is no more
// urgent. Where a burn rate is a known issue, or told to others, nobody was told. Nor where a dependency may hide it, long
// after that is up again: Alertmanager lets what is kept back keep back others.
local failing(catalogue) =
  local dependent = [service.name for service in catalogue.services if down.depends(catalogue, service.name)];
  local alone = if dependent == [] then [] else [matchers.none('service', dependent)];
  if !down.told(catalogue, 'ErrorBudgetBurnFast') then []
  else std.flattenArrays([
    both(
      '= "ErrorRateHigh"',
      ['alertname = "ErrorBudgetBurnFast"', 'sli = "availability"', 'service != ""', 'priority = "' + told + '"'],
      ['service != ""', down.no_more_urgent(told)] + alone + not_elsewhere(catalogue),
      ['service']
    )
    for told in down.urgent
  ]);

// A service whose dependency is down fails for a reason that somebody was told already, and told as urgently: what woke
// nobody silences nothing that must. prometheus/alerts says when that is, and for how long after it is up again.
local explained(catalogue, priority) = [
  rule(
    ['alertname = "DependencyDown"', matchers.equal('covers', each.key), matchers.equal('hides', priority)],
    ['service != ""', matchers.equal('priority', priority)] + each.value + not_elsewhere(catalogue),
    ['service']
  )
  for each in std.objectKeysValues({ budget: ['slo_tier != ""'], symptom: ['kind = "symptom"', 'slo_tier = ""'] })
];

// The same at once: DependencyDown comes one evaluation later than what it is made of. Not where an issue is known or a
// window mutes, so that nobody is told: Alertmanager cannot say "unless".
local dependencies(catalogue) = [
  rule(
    ['service = "' + dependency + '"', 'alertname =~ "' + down.alerts(catalogue) + '"', 'priority = "' + told + '"'],
    ['service = "' + service.name + '"', 'kind = "symptom"', down.no_more_urgent(told)] + not_elsewhere(catalogue)
  )
  for service in catalogue.services
  for dependency in service.needs
  if down.unheard(catalogue, dependency) == [] && down.alerts(catalogue) != ''
  for told in down.urgent
  if told == 'p1' || down.muted(catalogue, dependency) == []
];

// The alert KnownIssue fires until the issue expires; then it ends, and what it silenced is heard again.
local known_issues(alerting) = std.flatMap(
  function(issue)
    local source = ['alertname = "KnownIssue"', 'issue = "' + issue.name + '"'];
    local target = matchers.all(issue.labels);
    // The dead man's switch and the proof of the channels are about no issue.
    if issue.alert == '' then [rule(source, target + ['alertname !~ "KnownIssue|Watchdog|Drill"'])]
    else both('= "' + issue.alert + '"', source, target),
  alerting.known_issues
);

function(catalogue)
  // Evaluated once.
  local known = { settings: alerts.settings(catalogue), groups: alerts.groups(catalogue) };
  always
  + faster(catalogue)
  + unseen(catalogue, known)
  + unread(catalogue, known)
  + failing(catalogue)
  + std.flatMap(function(priority) explained(catalogue, priority), down.hidden)
  + dependencies(catalogue)
  + known_issues(catalogue.alerting)
