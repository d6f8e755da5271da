// When a dependency counts as down, so that it explains what fails in the services that depend on it.

{
  // Damaged pages or a slow answer are no outage; nor is an error budget that burns while most requests succeed.
  alerts: 'DatabaseDown|HealthUnhealthy',

  // Priorities with which somebody is told of an outage.
  urgent: ['p1', 'p2'],

  // The matcher of what is as urgent or less.
  no_more_urgent(told):: 'priority =~ "' + { p1: 'p1|p2|p3|p4', p2: 'p2|p3|p4' }[told] + '"',

  // Known issues that keep an outage of the dependency from being told.
  known(catalogue, dependency):: [
    issue
    for issue in catalogue.alerting.known_issues
    if issue.alert == '' || std.member(std.split(self.alerts, '|'), issue.alert)
    if std.get(issue.labels, 'service', dependency) == dependency
  ],
}
