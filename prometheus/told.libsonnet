// Of what fires, what people know: alert:told, with the labels of ALERTS. Nobody hears of what something else speaks for,
// whose issue is known, or what a window mutes. Prometheus knows nothing of inhibition, so Alertmanager's own rules are
// said here in PromQL.

local inhibition = import '../alertmanager/inhibition.libsonnet';
local matchers = import '../alertmanager/matchers.libsonnet';
local alerts = import 'alerts.libsonnet';
local down = import 'lib/down.libsonnet';
local duration = import 'lib/duration.libsonnet';
local outside = import 'lib/outside.libsonnet';

local place(catalogue) = [matchers.equal(name, catalogue[name]) for name in outside];

local firing(catalogue, conditions) =
  'ALERTS{' + std.join(', ', ['alertstate="firing"'] + std.filter(
    function(matcher) !std.member(place(catalogue), matcher), conditions
  )) + '}';

// What another alert speaks for. Escalations are left out: this is what they look at.
local inhibited(catalogue) = [
  firing(catalogue, rule.target_matchers)
  + ' and on (' + std.join(', ', [name for name in rule.equal if !std.member(outside, name)]) + ') '
  + firing(catalogue, rule.source_matchers)
  for rule in inhibition(catalogue)
  if !std.member(rule.target_matchers, 'alertname = "Unresolved"')
];

// The kinds of alerts that a window mutes, each as matchers; ../alertmanager/routes.libsonnet has the same as branches.
local muted(catalogue, window) =
  local slow = alerts.performance(catalogue);
  local others = [kind for kind in window.mutes if kind != 'performance'];
  local rest = ['kind =~ "' + std.join('|', others) + '"'];
  if window.mutes == [] then [if window.services == [] then ['kind != "meta"'] else []]
  else if !std.member(window.mutes, 'performance')
  then [rest + ['alertname !~ "' + std.join('|', slow) + '"', 'sli != "latency"']]
  else (if others == [] then [] else [rest]) + [
    ['kind != "meta"', matcher]
    for matcher in [matchers.any('alertname', slow), matchers.equal('sli', 'latency')]
  ];

local in_windows(catalogue) = [
  firing(catalogue, ['priority != "p1"'] + about + kinds)
  + ' and on () (max(platform_exporter_maintenance_active{' + matchers.equal('window', window.name) + '}) == 1)'
  for window in catalogue.alerting.maintenance
  for about in [if window.services == [] then [] else [matchers.any('service', window.services)]]
  for kinds in muted(catalogue, window)
];

// Alerts about the monitoring of alerts: to escalate them would be to talk to oneself.
local own = 'Unresolved|KnownIssue|DependencyDown|Watchdog';

// What people know of they know until it is over, kept back or not, so alert:told asks itself as of the evaluation before.
// To hear of something takes as long as Alertmanager waits, and five evaluations: what keeps it back may come after it,
// and VictoriaMetrics sees each rule of another one evaluation late.
local told(catalogue) =
  local fires = 'ALERTS{alertstate="firing", alertname!~"%s"}' % own;
  local step = duration.seconds(catalogue.monitoring.evaluation_interval);
  local wait = std.max(4 * step, std.ceil(duration.seconds(catalogue.alerting.timing.group_wait)));
  local heard = std.join(' and ', [
    '(%s%s unless ignoring (kept_back_by) alert:kept_back%s)' % [fires, offset, offset]
    for offset in [''] + [' offset %ds' % seconds for seconds in [step, wait]]
  ]);
  { record: 'alert:told', expr: '%s and (alert:told or %s)' % [fires, heard] };

function(catalogue)
  // Only escalation and dependencies ask.
  if catalogue.alerting.escalation == [] && !std.any([down.depends(catalogue, service.name) for service in catalogue.services])
  then []
  else
    local reasons = std.uniq(inhibited(catalogue) + in_windows(catalogue));
    [{
      name: 'escalation',
      interval: catalogue.monitoring.evaluation_interval,
      // One each: together they may be longer than a query may be.
      rules: [
        { record: 'alert:kept_back', expr: reasons[number], labels: { kept_back_by: std.toString(number + 1) } }
        for number in std.range(0, std.length(reasons) - 1)
      ] + [told(catalogue)],
    }]
