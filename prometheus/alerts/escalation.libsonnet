// What happens to alerts that nobody solves, and to those that are known and have a ticket.

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
    '\nunless on (priority)\nlabel_replace(platform_exporter_maintenance_active{' + promql.matcher('window', windows)
    + '} == 1, "priority", "p2", "window", ".*")';

// A budget that burns while most requests fail; but not while a dependency that is long up again hides only that. What it
// hides has the priority in `hides`: a burn rate of another one is told, and speaks for others as before.
local burning(catalogue, dependency, urgent) =
  local service = 'service="' + dependency + '"';
  local covered(covers) = 'ALERTS{alertname="DependencyDown", alertstate="firing", ' + service + ', covers="' + covers + '"}';
  local hidden = [
    'unless on (service, priority)',
    'label_replace(',
    '  ' + covered('budget'),
    '  unless on (service, hides)',
    '  ' + covered('symptom') + ',',
    '  "priority", "$1", "hides", "(.*)"',
    ')',
  ];
  std.join('\n    ', [
    '',
    'or',
    'ALERTS{alertstate="firing", slo_tier="fast", sli="availability", ' + service + ', priority=~"' + urgent + '"}',
    'and on (service)',
    'service:error_ratio:rate5m{' + service + '} > 0.5',
  ] + (if down.depends(catalogue, dependency) then hidden else []));

// "unless …" where people know of a burn rate that is as urgent, and would wait for its end: Prometheus says for 15 minutes
// that an alert is over, and Alertmanager forgets what it cannot tell within these.
local unless_told(service, priority) =
  '\nunless on ()\nalert:told{service="' + service + '", slo_tier!="", priority="' + priority + '"}';

// What all rules of DependencyDown about this one say, by the most urgent priority that they hide: computed once, where an
// object's field is computed at every look.
local spoken(catalogue, dependency) =
  local alerts = down.alerts(catalogue);
  local burns = down.burns(catalogue);
  local unless = unless_known(catalogue, dependency) + unless_muted(catalogue, dependency);
  local words(urgent) =
    local burn = if burns then burning(catalogue, dependency, urgent) else '';
    { down: alerts, urgent: urgent, burns: burn, unless: unless };
  local first = words('p1');
  local both = words(std.join('|', down.urgent));
  function(hides) if hides == 'p1' then first else both;

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
        words: { priority: priority, after: step.after },
        // The value is the seconds since the trouble began; `for` counts from when people knew of it.
        expr: |||
          (time() - ALERTS_FOR_STATE{priority="%(priority)s"}) >= 0
          and ignoring (alertstate)
          alert:told{priority="%(priority)s"}
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
        labels: { dependency: dependency, covers: covers, hides: hides },
        keep_firing_for: catalogue.alerting.timing.recovery[covers],
        words: about(hides) {
          title: service.title,
          dependency: dependency,
          unless_told: if covers == 'budget' then unless_told(service.name, hides) else '',
          after: catalogue.alerting.timing.recovery[covers],
          hides: hides,
          what: { symptom: 'symptoms', budget: 'burn rates' }[covers],
        },
        expr: |||
          max(
            (
              ALERTS{alertstate="firing", alertname=~"%(down)s", service="%(dependency)s", priority=~"%(urgent)s"}%(burns)s
            )%(unless)s
          ) == 1%(unless_told)s
        |||,
        value: 'down',
        threshold: 'until %(after)s after it is up again',
        summary: 'A dependency is down, and what follows from it is silent.',
        description: 'The %(what)s of priority %(hides)s of %(title)s are silent because %(dependency)s is down, or was less than %(after)s ago.',
        impact: 'None by itself; whoever is told of the dependency mends this too.',
        action: 'See the alert of %(dependency)s.',
        panel: 'glance/alerts',
      }
      for service in catalogue.services
      for dependency in service.needs
      for about in [spoken(catalogue, dependency)]
      for covers in ['symptom', 'budget']
      for hides in down.hidden
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
