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
  // The milder level lies before the other: of what is left, above it. The platform file may make the other as mild.
  local both(alert) =
    local bad = of(alert);
    local own = settings[alert];
    local falls = std.parseJson(own.warn) > std.parseJson(own.threshold);
    local warn = (if falls then std.max else std.min)(number(alert, 'warn'), bad);
    { warn: warn, bad: bad };
  // Steps of a panel of what is bad when it is high.
  local steps_of(limits) =
    [[null, colours.good]]
    + (if limits.warn < limits.bad then [[limits.warn, colours.warn]] else [])
    + [[limits.bad, colours.bad]];
  // Fields are evaluated at each access, locals once.
  local connections = both('DatabaseConnectionsHigh');
  local forgotten = of('DatabaseIdleInTransaction');
  local busy = of('DatabaseTransactionLong');
  local transactions = { warn: std.min(forgotten, busy), bad: std.max(forgotten, busy) };
  local budget_left = both('ErrorBudgetLow');
  local errors = of('ErrorRateHigh');
  local cpu = of('WorkerCpuHigh');
  local capacity = both('QuotaHigh');
  {
    of:: of,
    both:: both,
    // The milder level only where the platform file has not made the other as mild.
    steps_of:: steps_of,
    steps(alert):: steps_of(both(alert)),
    exists(alert):: std.objectHas(settings, alert),
    connections: connections,  // share of max_connections
    cache_hit: { warn: 0.99, bad: 0.9 },  // share of blocks found in shared buffers
    // Age of the oldest open transaction: forgotten ones alert sooner than busy ones, unless the platform file says otherwise.
    transaction_seconds: transactions,
    budget_left: budget_left,  // share of the error budget
    // Share of failed requests, where no objective says it.
    error_ratio: { warn: errors / 5, bad: errors },
    // CPU time of one invocation, 99th percentile.
    worker_cpu_seconds: { warn: cpu / 5, bad: cpu },
    capacity: capacity,  // share of any limit: quotas, connections, budgets, files
    source_age: { warn: 2, bad: 3 },  // intervals since the last success
  }
