// What an incident is, the same in every number, list and timeline: a critical alert on what customers feel, or a database
// that is down, which they feel next. Other causes may be felt by nobody, and go on for as long as their windows after
// customers are served again. So do alerts on service levels, the budget's: they count only while more fails in five
// minutes than is planned. Where nothing tells what customers feel, whatever is critical is one; what is wrong with the
// monitoring itself never is.
local known = import 'known.libsonnet';

// What they are for those who know no alert by its name; beside it stands what it concerns. 14 letters are seen on a phone.
local words = {
  DatabaseDown: 'Down',
  DatabaseHealthDegraded: 'Works badly',
  DatabaseLatencyHigh: 'Slow',
  DatabaseStatementsSlow: 'Slow queries',
  ErrorBudgetBurnFast: 'Many failures',
  ErrorBudgetBurnMedium: 'Keeps failing',
  ErrorBudgetBurnSlow: 'Fails all day',
  ErrorBudgetBurnTrend: 'Fails for days',
  ErrorBudgetLow: 'Budget low',
  ErrorRateHigh: 'Fails often',
  HealthCheckSlow: 'Slow check',
  HealthDegraded: 'Works partly',
  HealthUnhealthy: 'Not working',
  LatencyHigh: 'Slow answers',
  LatencyMeanHigh: 'Mostly slow',
  LatencyTailHigh: 'Some are slow',
  TrafficStopped: 'No requests',
  WorkerErrors: 'Errors',
};

function(ctx)
  local critical(matchers, more) = known.firing('severity="critical", ' + matchers + more);
  local felt(of, more) =
    if std.length(ctx.slos) == 0 then of(critical('kind="symptom"', more))
    else of(critical('kind="symptom", slo=""', more)) + ' or ' + of(critical('kind="symptom", slo!=""', more))
         + ' and on (slo) ' + of('slo:current_burn_rate:ratio') + ' > 1';
  // `of(series)` of each kind that fires, by more matchers; what is felt comes first.
  local each(of, more='') =
    if std.length(ctx.services) + std.length(ctx.health) == 0 then [of(critical('kind!="meta"', more))]
    else [felt(of, more), of(critical('alertname="DatabaseDown"', more))];
  {
    each:: each,

    // [[name of an alert, what it is in words], …]
    words:: [[name, words[name]] for name in std.objectFields(words)],

    // All that fire, by more matchers; `of(series)` of them where they are not asked for at a moment.
    all(more='', of=function(series) series):: '(' + std.join(' or ', each(of, more)) + ')',
  }
