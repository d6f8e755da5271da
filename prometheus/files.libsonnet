// The folder prometheus/ of the generated tree: path → document. Rule files without rules are left out.

local alerts = import 'alerts.libsonnet';
local config = import 'config.libsonnet';
local recordings = import 'recordings.libsonnet';

function(catalogue)
  local alert_groups = alerts.groups(catalogue);
  local groups = recordings(catalogue)
                 + { ['alerts-' + topic]: alert_groups[topic] for topic in std.objectFields(alert_groups) };
  { 'prometheus/prometheus.yml': config(catalogue) }
  + {
    ['prometheus/rules/' + entry.key + '.yml']: { groups: entry.value }
    for entry in std.objectKeysValues(groups)
    if std.length(entry.value) > 0
  }
