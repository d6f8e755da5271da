// All recording rules: name of the rule file → groups. A file that says nothing about this platform has none.

local anomaly = import 'anomaly.libsonnet';
local kpis = import 'kpis.libsonnet';
local maintenance = import 'lib/maintenance.libsonnet';
local quotas = import 'quotas.libsonnet';
local signals = import 'signals.libsonnet';
local slo = import 'slo.libsonnet';
local told = import 'told.libsonnet';

function(catalogue) {
  anomaly: anomaly.groups(catalogue),
  escalation: told(catalogue),
  kpis: kpis(catalogue),
  maintenance: maintenance.groups(catalogue),
  quotas: quotas.groups(catalogue),
  signals: signals(catalogue),
  slo: slo(catalogue),
}
