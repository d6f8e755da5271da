// What happens to alerts that nobody solves, and to those that are known and have a ticket.

// Alerts about the monitoring of alerts: to escalate them would be to talk to oneself.
local own = 'Unresolved|KnownIssue|DependencyDown|Watchdog';

local down = import '../lib/down.libsonnet';
local outside = import '../lib/outside.libsonnet';
local promql = import '../lib/promql.libsonnet';

// "unless …" for each known issue: of what is known nobody is told, so it explains nothing.
local unless_known(catalogue, dependency) = std.join('', [
  '\nunless on (alertname, service)\n(\n  ALERTS{'
  + std.join(', ', ['alertstate="firing"'] + (if issue.alert == '' then [] else ['alertname="' + issue.alert + '"'])
                   + [promql.equal(name, issue.labels[name]) for name in std.objectFields(issue.labels) if !std.member(outside, name)])
  + '}\n  and on ()\n  ALERTS{alertname="KnownIssue", alertstate="firing", ' + promql.equal('issue', issue.name) + '}\n)'
  for issue in down.unheard(catalogue, dependency)
]);

// "unless …" for windows in which only p1 is told.
local unless_muted(catalogue, dependency) =
  local windows = down.muted(catalogue, dependency);
  if windows == [] then ''
  else
    '\nunless on (priority)\nlabel_replace(platform_exporter_maintenance_active{%s} == 1, "priority", "p2", "window", ".*")'
    % promql.matcher('window', windows);

// A budget that burns while most requests fail.
local burning(dependency) = std.join('\n    ', [
  '',
  'or',
  'ALERTS{alertstate="firing", slo_tier="fast", sli="availability", service="%s", priority=~"%s"}',
  'and on (service)',
  'service:error_ratio:rate5m{service="%s"} > 0.5',
]) % [dependency, std.join('|', down.urgent), dependency];

function(catalogue) {
  Unresolved: {
    // As the alert that it is about, so that whatever silences that one silences this one too.
    kind: '{{ $labels.kind }}',
    rules: [
      {
        service: '{{ $labels.service }}',
        labels: { alert: '{{ $labels.alertname }}', escalation: step.after },
        priority: priority,
        'for': step.after,
        words: {
          priority: priority,
          after: step.after,
          own: own,
          step: catalogue.monitoring.evaluation_interval,
        },
        // The value is the seconds since the trouble began. `for` counts from when people could know: when the alert
        // fired, or when nothing kept it back any more. What they were told before they still know while it is kept
        // back; what keeps it back may come an evaluation later, so they were told of what was heard for three. The
        // steps of a subquery may not have come to what has just begun, hence the `or`.
        expr: |||
          (time() - ALERTS_FOR_STATE{priority="%(priority)s", alertname!~"%(own)s"}) >= 0
          and ignoring (alertstate)
          ALERTS{priority="%(priority)s", alertname!~"%(own)s", alertstate="firing"}
          unless ignoring (alertstate)
          (
            alert:kept_back{priority="%(priority)s"}
            unless ignoring (alertstate)
            (
              count_over_time(ALERTS{priority="%(priority)s", alertname!~"%(own)s", alertstate="firing"}[%(after)s:%(step)s])
              >= ignoring (alertstate)
              (count_over_time(alert:kept_back{priority="%(priority)s"}[%(after)s:%(step)s]) or alert:kept_back) + 3
            )
          )
        |||,
        value: '{{ $value | humanizeDuration }}',
        threshold: 'unsolved for %(after)s after it was told',
        summary: 'An alert is not solved after %(after)s.',
        description: |||
          {{ $labels.alertname }} of {{ $labels.service }} has been told %(after)s ago and still fires;
          the trouble began {{ $value | humanizeDuration }} ago.
        |||,
        impact: 'Whatever the alert says has lasted longer than it should; its own message has the details.',
        action: 'See who works on it. If nobody does, take it over; a silence ends these messages.',
        panel: 'glance/alerts',
      }
      for step in catalogue.alerting.escalation
      for priority in step.priorities
    ],
  },

  // Lets Alertmanager silence what follows from a dependency that is down, and for a while after it is up again: a
  // symptom goes later than its cause, and would be told just when all is well.
  DependencyDown: {
    priority: 'p4',
    kind: 'meta',
    rules: [
      {
        service: service.name,
        severity: 'none',
        labels: { dependency: dependency, covers: covers },
        keep_firing_for: catalogue.alerting.timing.recovery[covers],
        words: {
          title: service.title,
          dependency: dependency,
          down: down.alerts(catalogue),
          urgent: std.join('|', down.urgent),
          burns: if down.burns(catalogue) then burning(dependency) else '',
          unless: unless_known(catalogue, dependency) + unless_muted(catalogue, dependency),
          after: catalogue.alerting.timing.recovery[covers],
          what: { symptom: 'symptoms', budget: 'burn rates' }[covers],
        },
        expr: |||
          max by (told) (label_replace(
            (
              ALERTS{alertstate="firing", alertname=~"%(down)s", service="%(dependency)s", priority=~"%(urgent)s"}%(burns)s
            )%(unless)s,
            "told", "$1", "priority", "(.*)"
          )) == 1
        |||,
        value: 'down',
        threshold: 'until %(after)s after it is up again',
        summary: 'A dependency is down, and what follows from it is silent.',
        description: 'The %(what)s of %(title)s are silent because %(dependency)s is down, or was less than %(after)s ago.',
        impact: 'None by itself; whoever is told of the dependency mends this too.',
        action: 'See the alert of %(dependency)s.',
        panel: 'glance/alerts',
      }
      for service in catalogue.services
      for dependency in down.needs(catalogue, service)
      for covers in ['symptom', 'budget']
    ],
  },

  // Fires while the issue is known, and ends by itself: Alertmanager lets it silence what it names.
  KnownIssue: {
    priority: 'p4',
    kind: 'meta',
    rules: [
      {
        service: std.get(issue.labels, 'service', 'alerting'),
        severity: 'none',
        labels: { issue: issue.name, alert: issue.alert, ticket: issue.ticket },
        words: issue {
          what: if issue.alert == '' then 'all alerts' else issue.alert,
          labels: if issue.labels == {} then 'everywhere'
          else 'with ' + std.join(', ', [name + ' ' + issue.labels[name] for name in std.objectFields(issue.labels) if !std.member(outside, name)]),
        },
        expr: 'vector(time()) < %(expires)s',
        value: '%(ticket)s',
        threshold: 'until %(until)s',
        summary: 'An issue is known, and its alerts are silent.',
        description: 'Silent until %(until)s because of %(ticket)s: %(what)s, %(labels)s.',
        impact: 'None by itself; what it silences is still broken.',
        action: 'Solve the ticket, then take the issue out of the platform file.',
        panel: 'glance/alerts',
      }
      for issue in catalogue.alerting.known_issues
    ],
  },
}
