// Everything that is generated for one platform: path → document, or text where a file is no YAML or JSON; without
// `views` nothing for Grafana.

local alertmanager = import 'alertmanager/files.libsonnet';
local dashboards = import 'dashboards/dashboards.libsonnet';
local grafana = import 'dashboards/grafana.libsonnet';
local prometheus = import 'prometheus/files.libsonnet';

function(catalogue, views)
  prometheus(catalogue)
  + alertmanager(catalogue)
  + (
    if !views then {}
    else {
      ['dashboards/' + entry.key]: entry.value
      for entry in std.objectKeysValues(dashboards(catalogue))
    } + grafana(catalogue)
  )
