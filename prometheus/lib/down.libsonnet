// When a dependency counts as down, so that it explains what fails in the services that depend on it.

// Damaged pages or a slow answer are no outage; nor is an error budget that burns while most requests succeed.
local outages = ['DatabaseDown', 'HealthUnhealthy'];
local burn = 'ErrorBudgetBurnFast';

{
  // Alerts that say so by themselves. One that has channels of its own is told there and nowhere else, so it explains
  // nothing to the others.
  alerts(catalogue):: std.join('|', [
    name
    for name in outages
    if std.get(std.get(catalogue.alerting.alerts, name, {}), 'channels') == null
  ]),

  // Priorities with which somebody is told of an outage.
  urgent: ['p1', 'p2'],

  // The matcher of what is as urgent or less.
  no_more_urgent(told):: 'priority =~ "' + { p1: 'p1|p2|p3|p4', p2: 'p2|p3|p4' }[told] + '"',

  // Known issues that keep an outage of the service from being told.
  known(catalogue, service):: [
    issue
    for issue in catalogue.alerting.known_issues
    if std.member(['', burn] + outages, issue.alert)
    if std.get(issue.labels, 'service', service) == service
  ],
}
