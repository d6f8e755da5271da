// alertmanager.yml, valid from Alertmanager 0.25 on.

local inhibition = import 'inhibition.libsonnet';
local receivers = import 'receivers.libsonnet';
local routes = import 'routes.libsonnet';

// The channel that takes the most priorities, the first of equals.
local broadest(channels) =
  local most = std.foldl(function(most, channel) std.max(most, std.length(channel.priorities)), channels, 0);
  [channel for channel in channels if std.length(channel.priorities) == most][0];

function(catalogue)
  local alerting = catalogue.alerting;
  {
    // Prometheus sends alerts anew every minute or so; one that it stopped sending is over after this time.
    global: { resolve_timeout: '5m' },
    templates: ['templates/*.tmpl'],
    route: routes(catalogue),
    inhibit_rules: inhibition,
    receivers: [
      { name: 'default' }
      + (if alerting.channels == [] then {} else receivers.configs(catalogue, broadest(alerting.channels))),
    ] + (
      if alerting.heartbeat == null then []
      else [{ name: 'heartbeat' } + receivers.heartbeat(alerting.heartbeat)]
    ) + [
      { name: channel.name } + receivers.configs(catalogue, channel)
      for channel in alerting.channels
    ],
  }
