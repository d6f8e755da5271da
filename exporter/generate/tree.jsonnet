// Everything that is generated for one platform: path → document, or text where a file is no YAML or JSON.

local alertmanager = import 'alertmanager/files.libsonnet';
local dashboards = import 'dashboards/dashboards.libsonnet';
local grafana = import 'dashboards/grafana.libsonnet';
local prometheus = import 'prometheus/files.libsonnet';

function(catalogue)
  prometheus(catalogue)
  + alertmanager(catalogue)
  + {
    ['dashboards/' + entry.key]: entry.value
    for entry in std.objectKeysValues(dashboards(catalogue))
  }
  + grafana(catalogue)
