// alertmanager.yml, valid from Alertmanager 0.25 on.

local inhibition = import 'inhibition.libsonnet';
local intervals = import 'intervals.libsonnet';
local receivers = import 'receivers.libsonnet';
local routes = import 'routes.libsonnet';

// The channel that takes the most priorities, the first of equals; one that takes certain alerts only comes last.
local broadest(channels) =
  local breadth(channel) = if channel.only == {} && channel.alerts == [] then std.length(channel.priorities) else 0;
  local most = std.foldl(function(most, channel) std.max(most, breadth(channel)), channels, 0);
  [channel for channel in channels if breadth(channel) == most][0];

function(catalogue)
  local alerting = catalogue.alerting;
  local time_intervals = intervals.definitions(alerting);
  {
    // Prometheus sends alerts anew every minute or so; one that it stopped sending is over after this time.
    global: { resolve_timeout: '5m' },
    templates: ['templates/*.tmpl'],
    [if time_intervals != [] then 'time_intervals']: time_intervals,
    route: routes(catalogue),
    inhibit_rules: inhibition(catalogue),
    receivers: [
      { name: 'default' }
      + (if alerting.channels == [] then {} else receivers.configs(catalogue, broadest(alerting.channels))),
    ] + (
      if alerting.heartbeat == null then []
      else [{ name: 'heartbeat' } + receivers.heartbeat(alerting.heartbeat)]
    ) + [{ name: 'silent' }] + (
      if alerting.status_page == null then []
      else [{ name: 'status-page' } + receivers.status_page(alerting.status_page)]
    ) + [
      { name: channel.name } + receivers.configs(catalogue, channel)
      for channel in alerting.channels
    ],
  }
