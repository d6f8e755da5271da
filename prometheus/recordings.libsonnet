// All recording rules: name of the rule file → groups. A file that says nothing about this platform has none.

local anomaly = import 'anomaly.libsonnet';
local kept_back = import 'kept_back.libsonnet';
local kpis = import 'kpis.libsonnet';
local maintenance = import 'lib/maintenance.libsonnet';
local quotas = import 'quotas.libsonnet';
local signals = import 'signals.libsonnet';
local slo = import 'slo.libsonnet';

function(catalogue) {
  anomaly: anomaly.groups(catalogue),
  escalation: kept_back(catalogue),
  kpis: kpis(catalogue),
  maintenance: maintenance.groups(catalogue),
  quotas: quotas.groups(catalogue),
  signals: signals(catalogue),
  slo: slo(catalogue),
}
