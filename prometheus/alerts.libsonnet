// All alerts, one file a topic, one object an alert.

local lib = import 'lib/alert.libsonnet';

local topics = {
  alertmanager: import 'alerts/alertmanager.libsonnet',
  anomaly: import 'alerts/anomaly.libsonnet',
  database: import 'alerts/database.libsonnet',
  'database-sessions': import 'alerts/database_sessions.libsonnet',
  'database-storage': import 'alerts/database_storage.libsonnet',
  delivery: import 'alerts/delivery.libsonnet',
  drill: import 'alerts/drill.libsonnet',
  escalation: import 'alerts/escalation.libsonnet',
  health: import 'alerts/health.libsonnet',
  monitoring: import 'alerts/monitoring.libsonnet',
  prometheus: import 'alerts/prometheus.libsonnet',
  quotas: import 'alerts/quotas.libsonnet',
  resources: import 'alerts/resources.libsonnet',
  services: import 'alerts/services.libsonnet',
  slo: import 'alerts/slo.libsonnet',
  traffic: import 'alerts/traffic.libsonnet',
  workers: import 'alerts/workers.libsonnet',
};

// Topic → name → alert, evaluated once.
local all(catalogue) = [
  { topic: topic, name: entry.key, alert: entry.value }
  for topic in std.objectFields(topics)
  for entry in std.objectKeysValues(topics[topic](catalogue))
];

{
  // topic → groups of rules; a topic that says nothing about this platform has none.
  groups(catalogue)::
    local alerts = all(catalogue);
    {
      [topic]:
        local rules = std.flatMap(
          function(entry) lib.rules(catalogue, entry.name, entry.alert),
          [entry for entry in alerts if entry.topic == topic]
        );
        if std.length(rules) == 0 then [] else [{ name: 'alerts-' + topic, rules: rules }]
      for topic in std.objectFields(topics)
    },

  // Names of the alerts that say that something is slow.
  performance(catalogue):: [entry.name for entry in all(catalogue) if std.get(entry.alert, 'performance', false)],

  // Every alert's name → its settings (for, priority, threshold), whether this platform has a use for it or not.
  settings(catalogue):: {
    [entry.name]: lib.settings(entry.alert)
    for entry in all(catalogue)
  },
}
