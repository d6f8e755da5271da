// All alerts, one file a topic, one object an alert.

local lib = import 'lib/alert.libsonnet';

local topics = {
  database: import 'alerts/database.libsonnet',
  health: import 'alerts/health.libsonnet',
  monitoring: import 'alerts/monitoring.libsonnet',
  slo: import 'alerts/slo.libsonnet',
  traffic: import 'alerts/traffic.libsonnet',
};

{
  // topic → groups of rules; a topic that says nothing about this platform has none.
  groups(catalogue):: {
    [topic]:
      local alerts = topics[topic](catalogue);
      local rules = std.flatMap(function(name) lib.rules(catalogue, name, alerts[name]), std.objectFields(alerts));
      if std.length(rules) == 0 then [] else [{ name: 'alerts-' + topic, rules: rules }]
    for topic in std.objectFields(topics)
  },

  // Every alert's name → its settings (for, priority, threshold), whether this platform has a use for it or not.
  settings(catalogue):: {
    [entry.key]: lib.settings(entry.value)
    for topic in std.objectFields(topics)
    for entry in std.objectKeysValues(topics[topic](catalogue))
  },
}
