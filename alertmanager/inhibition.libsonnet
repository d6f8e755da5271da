// Which alerts say nothing new while another one fires.
//
// A label that is missing on both sides counts as equal. Every rule therefore names, in its matchers, what both sides
// must have; platform and environment come from Prometheus' external labels and keep platforms apart. The alert
// Unresolved has the labels of the alert that it is about, so what silences the one silences the other.

local down = import '../prometheus/lib/down.libsonnet';
local matchers = import 'matchers.libsonnet';

local place = ['platform', 'environment'];

local rule(source, target, equal=[]) = {
  source_matchers: source,
  target_matchers: target,
  equal: place + equal,
};

local tier(name) = ['slo_tier = "' + name + '"'];
local slower(names) = ['slo_tier =~ "' + std.join('|', names) + '"'];

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
  rule(tier('fast'), slower(['medium', 'slow', 'trend']), ['slo']),
  rule(tier('medium'), slower(['slow', 'trend']), ['slo']),
  rule(tier('slow'), tier('trend'), ['slo']),
  worse('critical', ['warning', 'info']),
  worse('warning', ['info']),
  // Without the exporter every series is missing; one page says so, not one for each thing that can no longer be seen.
  rule(
    ['alertname = "ExporterDown"'],
    ['alertname =~ "SourceStale|SliMissing|TrafficStopped|DrillFailed|DrillOverdue|StatusPageBehind"']
  ),
  // What is down is not being read either.
  rule(
    ['alertname =~ "DatabaseDown|HealthUnhealthy"', 'source != ""'],
    [
      'alertname =~ "SourceStale|DatabaseConnectionFailures|DatabaseHealthDegraded|HealthCheckUnhealthy"',
      'source != ""',
    ],
    ['source']
  ),
];

// Whoever was told that customers fail learns nothing from a fixed limit that follows minutes later, if it is no more
// urgent. Where a burn rate is a known issue, or told to others, nobody was told.
local failing(catalogue) =
  local own = std.get(std.get(catalogue.alerting.alerts, 'ErrorBudgetBurnFast', {}), 'channels');
  local known = [issue for issue in catalogue.alerting.known_issues if std.member(['', 'ErrorBudgetBurnFast'], issue.alert)];
  if own != null || known != [] then []
  else [
    rule(
      tier('fast') + ['sli = "availability"', 'service != ""', 'priority = "' + told + '"'],
      ['alertname = "ErrorRateHigh"', 'service != ""', down.no_more_urgent(told)],
      ['service']
    )
    for told in down.urgent
  ];

// A service whose dependency is down fails for a reason that somebody was told already, and told as urgently: what woke
// nobody silences nothing that must. prometheus/alerts says when that is, and for how long after it is up again.
local explained(told) = [
  rule(
    ['alertname = "DependencyDown"', 'covers = "symptom"', 'told = "' + told + '"'],
    ['kind = "symptom"', 'slo_tier = ""', 'service != ""', down.no_more_urgent(told)],
    ['service']
  ),
  rule(
    ['alertname = "DependencyDown"', 'covers = "budget"', 'told = "' + told + '"'],
    ['slo_tier != ""', 'service != ""', down.no_more_urgent(told)],
    ['service']
  ),
];

// The same at once: DependencyDown comes one evaluation later than what it is made of. Not where an issue is known, of
// which nobody is told: Alertmanager cannot say "unless".
local dependencies(catalogue) = [
  rule(
    ['service = "' + dependency + '"', 'alertname =~ "' + down.alerts(catalogue) + '"', 'priority = "' + told + '"'],
    ['service = "' + service.name + '"', 'kind = "symptom"', down.no_more_urgent(told)]
  )
  for service in catalogue.services
  for dependency in service.depends_on
  if down.known(catalogue, dependency) == [] && down.alerts(catalogue) != ''
  for told in down.urgent
];

// The alert KnownIssue fires until the issue expires; then it ends, and what it silenced is heard again.
local known_issues(alerting) = std.flatMap(
  function(issue)
    local source = ['alertname = "KnownIssue"', 'issue = "' + issue.name + '"'];
    local target = matchers.all(issue.labels);
    // The dead man's switch and the proof of the channels are about no issue.
    if issue.alert == '' then [rule(source, target + ['alertname !~ "KnownIssue|Watchdog|Drill"'])]
    else [
      rule(source, ['alertname = "' + issue.alert + '"'] + target),
      rule(source, ['alertname = "Unresolved"', 'alert = "' + issue.alert + '"'] + target),
    ],
  alerting.known_issues
);

function(catalogue)
  always + failing(catalogue) + std.flatMap(explained, down.urgent) + dependencies(catalogue) + known_issues(catalogue.alerting)
