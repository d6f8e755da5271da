// Who hears of which alert: by priority, every channel that asks for it; in addition, step by step, who is told of what
// nobody has solved.

local alerts = import '../prometheus/alerts.libsonnet';
local intervals = import 'intervals.libsonnet';
local matchers = import 'matchers.libsonnet';

// Two alerts of one name on one component are one message; the same on two components are two.
local group_by = ['alertname', 'service'];

// What tells kinds of alerts apart, for windows that mute some of them: any of the matchers.
local of_kind(catalogue, kind) =
  if kind != 'performance' then [matchers.equal('kind', kind)]
  else
    local slow = alerts.performance(catalogue);
    [matchers.any('alertname', slow), matchers.any('alert', slow), matchers.equal('sli', 'latency')];

// One channel and one priority. What a window of maintenance is about has a branch of its own below it: a route's
// mutes are not inherited, so each branch names all of its own. The first branch that fits is the alert's.
local by_priority(catalogue, channel, priority, conditions) =
  local alerting = catalogue.alerting;
  // A branch for each service that differs from what holds for the others.
  local node(kind) =
    local usual = intervals.on_route(alerting, priority, kind=kind);
    local own = [
      { matchers: [matchers.equal('service', service)] } + intervals.on_route(alerting, priority, service, kind)
      for service in intervals.services(alerting)
      if intervals.on_route(alerting, priority, service, kind) != usual
    ];
    usual { [if own != [] then 'routes']: own };
  local rest = node(null);
  local named = intervals.kinds(alerting);
  local kinds = [
    { matchers: [matcher] } + node(kind)
    for kind in named
    if priority != 'p1' && (named != ['meta'] || node(kind) != rest)
    for matcher in of_kind(catalogue, kind)
  ];
  local branches = kinds + std.get(rest, 'routes', []);
  rest {
    receiver: channel.name,
    matchers: ['priority = "' + priority + '"'] + conditions,
    [if std.objectHas(alerting.timing.repeat, priority) then 'repeat_interval']: alerting.timing.repeat[priority],
    // The next channel may want the same alert.
    continue: true,
    [if branches != [] then 'routes']: branches,
  };

// A telephone number gets one message per group and interval: a single group for all that goes there keeps it to that, of
// whatever priority, as far as the priorities are silent at the same hours.
// An interval begins with a message; what is solved within it is not told, so the next group cannot come too early.
// Drills go by, so that none of them holds back what is real.
local sms(catalogue, channel, priorities, conditions, ways) = std.flattenArrays([
  local route(more) =
    by_priority(catalogue, channel, alike[0], conditions + more) {
      matchers: [matchers.any('priority', alike)] + conditions + more,
      routes:: [],
    };
  [
    route(ways.alerts) { group_by: ['platform'], group_interval: channel.group_interval },
    route(ways.drills),
  ]
  for alike in intervals.alike(catalogue.alerting, priorities)
]);

// The routes of some priorities through one channel: of all alerts, or of those of these names and of drills about them.
local through(catalogue, channel, priorities, conditions=[], names=[]) =
  local ways =
    if names == [] then { alerts: ['alertname != "Drill"'], drills: ['alertname = "Drill"'] }
    else {
      alerts: [matchers.any('alertname', names)],
      drills: ['alertname = "Drill"', matchers.any('about', names)],
    };
  if channel.kind == 'sms' then sms(catalogue, channel, priorities, conditions, ways)
  else [
    by_priority(catalogue, channel, priority, conditions + way)
    for way in if names == [] then [[]] else [ways.alerts, ways.drills]
    for priority in priorities
  ];

local named(alerting, name) = [channel for channel in alerting.channels if channel.name == name][0];

local usual(catalogue) = std.flattenArrays([
  through(catalogue, channel, channel.priorities, matchers.all(channel.only), channel.alerts)
  for channel in catalogue.alerting.channels
]);

// Alerts for which the platform file names channels take these, whatever their priority. A drill about such an alert goes
// the same way.
local exceptions(catalogue) = [
  {
    matchers: matchers.all(labels),
    routes: std.flattenArrays([
      through(catalogue, named(catalogue.alerting, name), std.objectFields(catalogue.alerting.priorities))
      for name in entry.value.channels
    ]),
  }
  for entry in std.objectKeysValues(catalogue.alerting.alerts)
  if std.get(entry.value, 'channels') != null
  for labels in [{ alertname: entry.key }, { alertname: 'Drill', about: entry.key }]
];

// The alert Unresolved carries the step; it goes to the step's channels and to nobody else.
local escalation(catalogue) =
  local alerting = catalogue.alerting;
  if alerting.escalation == [] then [] else [{
    matchers: ['escalation != ""'],
    routes: std.flattenArrays([
      through(catalogue, named(alerting, name), step.priorities, ['escalation = "' + step.after + '"'])
      for step in alerting.escalation
      for name in step.channels
    ]),
  }];

// Repeated at every tick of the group, which is what group_interval means; a longer repeat_interval would skip ticks.
local heartbeat(alerting) =
  if alerting.heartbeat == null then [] else [{
    receiver: 'heartbeat',
    matchers: ['alertname = "Watchdog"'],
    group_wait: '0s',
    group_interval: alerting.heartbeat.every,
    repeat_interval: '1s',
  }];

// Alerts that are there to be seen and to silence others, not to be told.
local silent = [{ receiver: 'silent', matchers: ['alertname =~ "KnownIssue|DependencyDown"'] }];

// One group a component, check and priority, told anew at every tick: a call that was lost is made up for by the next one.
// Alertmanager forgets after twice repeat_interval that it told, and then tells no end: it has to be longer than half a
// tick, and so much shorter than one that a slow call leaves no tick out.
local status_page(alerting) =
  if alerting.status_page == null then [] else [{
    receiver: 'status-page',
    matchers: [
      matchers.any('service', alerting.status_page.services),
      'kind =~ "symptom|cause"',
      'priority =~ "p1|p2|p3"',
    ],
    group_by: ['service', 'priority', 'source', 'check'],
    group_wait: '0s',
    group_interval: '1m',
    repeat_interval: '45s',
    continue: true,
  }];

function(catalogue)
  local alerting = catalogue.alerting;
  {
    // Alerts without a priority, such as those of rules written by hand, must not be lost.
    receiver: 'default',
    group_by: group_by,
    group_wait: alerting.timing.group_wait,
    group_interval: alerting.timing.group_interval,
    repeat_interval: alerting.timing.repeat_interval,
    routes: heartbeat(alerting) + silent + escalation(catalogue) + status_page(alerting)
            + exceptions(catalogue) + usual(catalogue),
  }
