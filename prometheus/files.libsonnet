// The folder prometheus/ of the generated tree: path → document. Rule files without rules are left out.

local alerts = import 'alerts.libsonnet';
local anomaly = import 'anomaly.libsonnet';
local config = import 'config.libsonnet';
local kpis = import 'kpis.libsonnet';
local maintenance = import 'lib/maintenance.libsonnet';
local quotas = import 'quotas.libsonnet';
local signals = import 'signals.libsonnet';
local slo = import 'slo.libsonnet';

function(catalogue)
  local alert_groups = alerts.groups(catalogue);
  local groups = {
                   kpis: kpis(catalogue),
                   anomaly: anomaly.groups(catalogue),
                   quotas: quotas.groups(catalogue),
                   maintenance: maintenance.groups(catalogue),
                   signals: signals(catalogue),
                   slo: slo(catalogue),
                 }
                 + { ['alerts-' + topic]: alert_groups[topic] for topic in std.objectFields(alert_groups) };
  { 'prometheus/prometheus.yml': config(catalogue) }
  + {
    ['prometheus/rules/' + entry.key + '.yml']: { groups: entry.value }
    for entry in std.objectKeysValues(groups)
    if std.length(entry.value) > 0
  }
