// Where "good" ends. A number that an alert has is read from that alert, with what the platform file changes in it,
// so that the alert, the panel's line and its description always agree; the others have their place here.
local alerts = import '../../prometheus/alerts.libsonnet';

function(catalogue)
  local settings = alerts.settings(catalogue);
  local overrides = catalogue.alerting.alerts;
  // The threshold of an alert, as a number.
  local of(alert) =
    local own = if std.objectHas(settings, alert) then settings[alert] else error 'there is no alert ' + alert;
    local changed = if std.objectHas(overrides, alert) then std.get(overrides[alert], 'threshold') else null;
    std.parseJson('' + (if changed != null then changed else own.threshold));
  {
    of:: of,
    exists(alert):: std.objectHas(settings, alert),
    connections: { warn: 0.8, bad: 0.9 },  // share of max_connections
    cache_hit: { warn: 0.99, bad: 0.9 },  // share of blocks found in shared buffers
    transaction_seconds: { warn: 60, bad: 300 },  // age of the oldest open transaction
    budget_left: { warn: 0.25, bad: 0 },  // share of the error budget
    error_ratio: { warn: 0.01, bad: 0.05 },  // share of failed requests of a service without an objective
    worker_cpu_seconds: { warn: 0.01, bad: 0.05 },  // CPU time of one invocation, 99th percentile
    wraparound: { warn: 0.5, bad: 0.8 },  // share of the transaction ids before Postgres stops
    source_age: { warn: 2, bad: 3 },  // intervals since the last success
    files: { warn: 0.7, bad: 0.9 },  // share of the file descriptors that may be open
  }
