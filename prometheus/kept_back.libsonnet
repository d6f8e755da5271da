// What fires and nobody hears of: something else speaks for it, its issue is known, or a window mutes it. The series are
// those of ALERTS. Prometheus knows nothing of inhibition, so Alertmanager's own rules are said here in PromQL.

local inhibition = import '../alertmanager/inhibition.libsonnet';
local matchers = import '../alertmanager/matchers.libsonnet';
local alerts = import 'alerts.libsonnet';
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

function(catalogue)
  // Only escalation asks.
  if catalogue.alerting.escalation == [] then []
  else
    local reasons = std.uniq(inhibited(catalogue) + in_windows(catalogue));
    [{
      name: 'escalation',
      interval: catalogue.monitoring.evaluation_interval,
      // One each: together they may be longer than a query may be.
      rules: [
        { record: 'alert:kept_back:reason', expr: reasons[number], labels: { reason: std.toString(number + 1) } }
        for number in std.range(0, std.length(reasons) - 1)
      ] + [{ record: 'alert:kept_back', expr: 'max without (reason) (alert:kept_back:reason)' }],
    }]
