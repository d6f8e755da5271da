// Where "good" ends. A number that an alert has is read from that alert, with what the platform file changes in it,
// so that the alert, the panel's line and its description always agree; the others have their place here.
local alerts = import '../../prometheus/alerts.libsonnet';
local colours = import 'colours.libsonnet';

function(catalogue)
  local settings = alerts.settings(catalogue);
  local overrides = catalogue.alerting.alerts;
  // A number of an alert, `threshold` or the milder `warn`, as the platform file has it.
  local number(alert, key) =
    local own = if std.objectHas(settings, alert) then settings[alert] else error 'there is no alert ' + alert;
    local changed = if std.objectHas(overrides, alert) then std.get(overrides[alert], key) else null;
    std.parseJson('' + (if changed != null then changed else own[key]));
  local of(alert) = number(alert, 'threshold');
  local both(alert) = { warn: number(alert, 'warn'), bad: of(alert) };
  {
    of:: of,
    both:: both,
    // What alerts, as steps of a panel; the milder level only where the platform file has not made the other as mild.
    steps(alert)::
      local limits = both(alert);
      [[null, colours.good]]
      + (if limits.warn < limits.bad then [[limits.warn, colours.warn]] else [])
      + [[limits.bad, colours.bad]],
    exists(alert):: std.objectHas(settings, alert),
    connections: both('DatabaseConnectionsHigh'),  // share of max_connections
    cache_hit: { warn: 0.99, bad: 0.9 },  // share of blocks found in shared buffers
    // Age of the oldest open transaction: forgotten ones alert sooner than busy ones, unless the platform file says otherwise.
    transaction_seconds:
      local forgotten = of('DatabaseIdleInTransaction');
      local busy = of('DatabaseTransactionLong');
      { warn: std.min(forgotten, busy), bad: std.max(forgotten, busy) },
    budget_left: both('ErrorBudgetLow'),  // share of the error budget
    // Share of failed requests, where no objective says it.
    error_ratio: { warn: of('ErrorRateHigh') / 5, bad: of('ErrorRateHigh') },
    // CPU time of one invocation, 99th percentile.
    worker_cpu_seconds: { warn: of('WorkerCpuHigh') / 5, bad: of('WorkerCpuHigh') },
    capacity: both('QuotaHigh'),  // share of any limit: quotas, connections, budgets, files
    source_age: { warn: 2, bad: 3 },  // intervals since the last success
  }
