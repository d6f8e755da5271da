// Is a promise to customers being broken, and how fast? Four burn rates, four alerts, one object each.
//
// Separate alerts can say how long the budget lasts, be switched off one by one, and let the fastest silence the others.

local down = import '../lib/down.libsonnet';
local duration = import '../lib/duration.libsonnet';
local policy = import '../lib/policy.libsonnet';
local services = import '../lib/service.libsonnet';
local spans = import '../lib/windows.libsonnet';

// The objectives of all services, each with its service.
local levels(catalogue) = [
  { slo: slo, service: service }
  for service in catalogue.services
  for slo in service.slos
];

local labels(slo) = { slo: slo.slo, sli: slo.sli };

// A database that scales to zero is not measured while it sleeps, and that is well.
local asleep(catalogue, service) = [
  'unless on () (max(pg_scrape_skipped{target="' + signal.target + '", reason!="api_error"}) == 1)'
  for signal in service.signals
  if signal.kind == 'postgres'
  for source in catalogue.sources
  if source.kind == 'postgres' && source.target == signal.target && std.objectHas(source, 'sleeps')
];

// The priority of one of these alerts for an objective with this tier.
local priority(catalogue, alert, tier) =
  local own = std.get(std.get(catalogue.alerting.alerts, alert, {}), 'priority');
  if own == null then tier.priority else own;

// Whoever heard of an outage from the fast alert is not woken for it again by a window that remembers it for longer: once
// less fails than the window allows, it is over. Failures that it does not tell of, such as a few that come again and
// again, are judged by the windows alone: between two of them nobody can know that they are over.
local once_told(catalogue, pace, slo, tier) =
  local fast = 'ErrorBudgetBurnFast';
  local alert = 'ErrorBudgetBurn' + pace;
  local told = priority(catalogue, alert, tier);
  local heard = down.same_channels(catalogue, fast, alert) && priority(catalogue, fast, slo.tiers[0]) <= told;
  if alert == fast || !std.member(down.urgent, told) || !heard then ''
  else |||
    unless on (slo)
    (
      max_over_time(ALERTS{alertname="ErrorBudgetBurnFast", alertstate="firing", slo="%(slo)s"}[%(short)s])
      unless on (slo)
      slo:sli_error:ratio_rate5m{slo="%(slo)s"} > %(limit)s
    )
  |||;

// One rule for each SLO that has this tier; the alert adds what to do.
local burn(catalogue, pace, action) = [
  {
    local slo = level.slo,
    service: level.service.name,
    labels: labels(slo) { slo_tier: tier.tier },
    'for': tier['for'],
    priority: tier.priority,
    words: {
      slo: slo.slo,
      title: slo.title,
      question: level.service.question,
      objective: slo.objective_text,
      budget: slo.budget,
      days: slo.period_days,
      period_seconds: duration.seconds(slo.period),
      events: services.level(catalogue, level.service, slo).events,
      minimum_bad_events: slo.minimum_bad_events,
      range: spans.range(catalogue, tier.long),
      step: duration.seconds(spans.step(catalogue, tier.long)),
      long: tier.long,
      short: tier.short,
      // Of the tier, not as measured: a summary stays as it is while the alert fires.
      pace: if tier.factor == '1' then 'faster than it lasts' else 'more than ' + tier.factor + ' times too fast',
      limit: tier.threshold,
      exhausted_in: tier.exhausted_in,
    },
    // The third line keeps a single unlucky request of a quiet hour from waking anybody.
    expr: |||
      slo:sli_error:ratio_rate%(long)s{slo="%(slo)s"} > %(limit)s
      and on (slo)
      slo:sli_error:ratio_rate%(short)s{slo="%(slo)s"} > %(limit)s
      and on (slo)
      sum_over_time(slo:events_bad:rate5m{slo="%(slo)s"}[%(range)s]) * %(step)s >= %(minimum_bad_events)s
    ||| + once_told(catalogue, pace, slo, tier),
    value: '{{ $value | humanizePercentage }} of the %(events)s of %(long)s failed',
    threshold: '{{ humanizePercentage %(limit)s }} over both %(long)s and %(short)s',
    summary: '%(title)s burns its error budget %(pace)s.',
    // The query answers in seconds: what is left of the budget, spent as fast as in the long window.
    description: |||
      {{ $value | humanizePercentage }} of the %(events)s of the last %(long)s failed;
      the objective of %(objective)s allows {{ humanizePercentage %(budget)s }}.
      {{ with query `round(clamp_min(slo:period_error_budget_remaining:ratio{slo="%(slo)s"}, 0) * %(period_seconds)s
      * slo:error_budget:ratio / slo:sli_error:ratio_rate%(long)s, 60)` }}{{ $left := . | first | value }}
      {{- if gt $left 0.0 }}At this pace the budget of %(days)s days is exhausted in {{ $left | humanizeDuration }}.
      {{- else }}The budget of %(days)s days is already exhausted.{{ end }}
      {{- else }}At this pace a full budget of %(days)s days is exhausted in %(exhausted_in)s.{{ end }}
    |||,
    impact: '%(question)s Not all of them, and not every time.',
    action: action,
    panel: 'slo/' + slo.slo + '/burn',
  }
  for level in levels(catalogue)
  for tier in level.slo.tiers
  if tier.tier == std.asciiLower(pace)
];

function(catalogue) {
  ErrorBudgetBurnFast: {
    kind: 'symptom',
    rules: burn(
      catalogue, 'Fast', 'Look for what changed in the last hour (deployment, flag, dependency) and undo it first.'
    ),
  },

  ErrorBudgetBurnMedium: {
    kind: 'symptom',
    rules: burn(catalogue, 'Medium', 'Find the errors that began within the last six hours, and undo their cause.'),
  },

  ErrorBudgetBurnSlow: {
    kind: 'symptom',
    rules: burn(catalogue, 'Slow', "Make the most frequent error of the last day part of today's work."),
  },

  ErrorBudgetBurnTrend: {
    kind: 'symptom',
    rules: burn(catalogue, 'Trend', 'Plan reliability work this week and hold back risky changes until then.'),
  },

  SliMissing: {
    'for': '15m',
    priority: 'p3',
    kind: 'meta',
    rules: [
      {
        service: level.service.name,
        labels: labels(level.slo),
        words: { slo: level.slo.slo, title: level.slo.title, objective: level.slo.objective_text },
        // The objective is a constant, so it stands when everything that is measured has gone.
        expr: 'slo:objective:ratio{slo="%(slo)s"} unless on (slo) slo:events_bad:rate5m{slo="%(slo)s"}'
              + std.join('', ['\n' + line for line in asleep(catalogue, level.service)]),
        value: 'no data',
        threshold: 'no data for %(for)s',
        summary: '%(title)s is not measured.',
        description: 'For %(for)s nothing has said whether the objective of %(objective)s is met.',
        impact: 'Nobody would be told if customers were failing.',
        action: "Open the exporter's landing page and mend the source that feeds this service.",
        dashboard: 'slo',
        panel: 'slo/all',
        variables: { slo: level.slo.slo },
      }
      for level in levels(catalogue)
    ],
  },

  ErrorBudgetLow: {
    'for': '1h',
    priority: 'p3',
    kind: 'symptom',
    unit: 'ratio',
    threshold: '0',
    below: true,
    warn: '0.25',
    warn_priority: 'p4',
    rules: [
      {
        service: level.service.name,
        labels: labels(level.slo),
        words: {
          slo: level.slo.slo,
          title: level.slo.title,
          days: level.slo.period_days,
          objective: level.slo.objective_text,
        },
        expr: 'slo:period_error_budget_remaining:ratio{slo="%(slo)s"} <= %(threshold)s',
        value: '%(value)s of the budget left',
        threshold: '%(limit)s left, for %(for)s',
        summary: 'Little is left of the error budget of %(title)s.',
        description: |||
          {{ if gt $value 0.0 }}%(value)s of the error budget of %(days)s days is left
          {{- else }}The error budget of %(days)s days is spent{{ end }}; the objective is %(objective)s.
          {{ with query `slo:time_to_exhaustion:seconds{slo="%(slo)s"} > 0` -}}
          At the pace of the last hour it ends in {{ . | first | value | humanizeDuration }}.
          {{- else }}Nothing has been spent in the last hour, or nothing is left.{{ end }}
        |||,
        impact: '{{ if gt $value 0.0 }}' + policy.steps[2].text + '{{ else }}' + policy.steps[3].text + '{{ end }}',
        action: 'Say to everybody which step of the error budget policy holds now, and what it stops.',
        panel: 'slo/' + level.slo.slo + '/remaining',
      }
      for level in levels(catalogue)
    ],
  },
}
