// Which alerts speak for others: when a dependency counts as down, so that it explains what fails in the services that
// depend on it, and whether those who must know hear of it.

// Damaged pages or a slow answer are no outage; nor is an error budget that burns while most requests succeed.
local outages = ['DatabaseDown', 'HealthUnhealthy'];
local burn = 'ErrorBudgetBurnFast';

{
  // Channels that an alert takes instead of those of its priority, null without any.
  channels(catalogue, name):: std.get(std.get(catalogue.alerting.alerts, name, {}), 'channels'),

  // Whether two alerts of one priority are told to the same people: channels take some by their names, too, and leave out
  // what has not the name or the pace that they ask for.
  same_channels(catalogue, one, other)::
    local pace(name) = std.asciiLower(std.strReplace(name, 'ErrorBudgetBurn', ''));
    local asked(channel, name) =
      std.get(channel.only, 'alertname', name) == name && std.get(channel.only, 'slo_tier', pace(name)) == pace(name);
    local named(name) = [
      [std.member(channel.alerts, name), asked(channel, name)]
      for channel in catalogue.alerting.channels
    ];
    $.channels(catalogue, one) == $.channels(catalogue, other) && named(one) == named(other),

  // Known issues that keep one of these alerts from being told; service null: of whatever service.
  known(catalogue, names, service=null):: [
    issue
    for issue in catalogue.alerting.known_issues
    if std.member([''] + names, issue.alert)
    if service == null || std.get(issue.labels, 'service', service) == service
  ],

  // Whether all who hear of its priority hear of this alert. One that has channels of its own is told there and nowhere
  // else, and of what is known nobody is told: neither says anything to the others.
  told(catalogue, name, service=null)::
    $.channels(catalogue, name) == null && $.known(catalogue, [name], service) == [],

  // Alerts that say by themselves that something is down, as a regular expression; those that are known issues included.
  alerts(catalogue):: std.join('|', [name for name in outages if $.channels(catalogue, name) == null]),

  // Whether a budget that burns while most requests fail says so too.
  burns(catalogue):: $.channels(catalogue, burn) == null,

  // Known issues that keep an outage of the service from being told.
  unheard(catalogue, service):: $.known(catalogue, [burn] + outages, service),

  // Whether the service of this name needs others.
  depends(catalogue, name)::
    std.any([service.needs != [] for service in catalogue.services if service.name == name]),

  // Names of the windows in which nobody is told of an outage of the service, unless it is p1. One that mutes all of the
  // whole platform mutes what depends on it as well.
  muted(catalogue, service):: [
    window.name
    for window in catalogue.alerting.maintenance
    if std.member(window.services, service) || (window.services == [] && window.mutes != [])
    if window.mutes == [] || std.setInter(std.set(window.mutes), ['cause', 'symptom']) != []
  ],

  // Priorities with which somebody is told of an outage.
  urgent: ['p1', 'p2'],

  // Priorities of what an outage hides, as far as it is told as urgently.
  hidden: ['p1', 'p2', 'p3', 'p4'],

  // The matcher of what is as urgent or less.
  no_more_urgent(told)::
    'priority =~ "' + { p1: 'p1|p2|p3|p4', p2: 'p2|p3|p4', p3: 'p3|p4', p4: 'p4' }[told] + '"',
}
