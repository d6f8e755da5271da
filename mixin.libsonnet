// The monitoring mixin: what `platform-exporter generate` writes, for teams that build with their own Jsonnet.
//
//   local demo = (import 'mixin.libsonnet') { _config+:: { platform: 'shop', services: [...], sources: [...] } };
//
// `_config` is the catalogue that the exporter makes of a platform file; numbers are strings, so that no float noise
// gets into an expression. The defaults below are those of a platform file that says nothing.

local dashboards = import 'dashboards/dashboards.libsonnet';
local alerts = import 'prometheus/alerts.libsonnet';
local recordings = import 'prometheus/recordings.libsonnet';

{
  local mixin = self,

  _config:: {
    platform: error "must provide platform: the name that begins each dashboard's uid",
    environment: 'production',
    title: self.platform,
    monitoring: {
      exporter: 'localhost:9780',
      prometheus: 'http://localhost:9090',
      alertmanager: 'http://localhost:9093',
      grafana: 'http://localhost:3000',
      runbooks: 'https://github.com/platform-exporter/platform-exporter/blob/main/docs/runbooks',
      scrape_interval: '30s',
      evaluation_interval: '30s',
      retention: '45d',
      node_exporters: [],
    },
    services: [],
    sources: [],
    queries: [],
    kpis: [],
    quotas: [],
    alerting: {
      priorities: {
        p1: { word: 'P1', severity: 'critical' },
        p2: { word: 'P2', severity: 'critical' },
        p3: { word: 'P3', severity: 'warning' },
        p4: { word: 'P4', severity: 'info' },
      },
      timing: {
        group_wait: '30s',
        group_interval: '5m',
        repeat_interval: '4h',
        repeat: {},
        recovery: { symptom: '3m', budget: '42m' },
      },
      channels: [],
      escalation: [],
      business_hours: null,
      maintenance: [],
      known_issues: [],
      heartbeat: null,
      status_page: null,
      drill: null,
      alerts: {},
    },
  },

  // File name → dashboard. The folder is in the tag of the same name.
  grafanaDashboards:: {
    [std.reverse(std.split(entry.key, '/'))[0]]: entry.value
    for entry in std.objectKeysValues(dashboards(mixin._config))
  },
  prometheusRules:: {
    local groups = recordings(mixin._config),
    groups: std.flatMap(function(file) groups[file], std.objectFields(groups)),
  },
  prometheusAlerts:: {
    local groups = alerts.groups(mixin._config),
    groups: std.flatMap(function(topic) groups[topic], std.objectFields(groups)),
  },
}
