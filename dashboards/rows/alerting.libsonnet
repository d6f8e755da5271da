// Prometheus and Alertmanager: do they read, decide and tell?
local colours = import '../lib/colours.libsonnet';
local known = import '../lib/known.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';

function(ctx)
  local down = ctx.links.runbook('TargetDown');
  {
    targets: panels.timeline(
      'exporter/targets',
      'Scrapes by Prometheus',
      what='Whether Prometheus could scrape each of its targets.',
      good='Up everywhere.',
      act='Down: the process is gone or cannot be reached from Prometheus; open its targets page for the error.',
      targets=[t.range('min by (job) (' + known.extreme('up', 'min') + ')', '{{job}}')],
      links=[ctx.links.exporter, down, ctx.links.scrapes],
      wish=6,
      height=6,
      mappings=states.up,
    ),
    scrape: panels.timeseries(
      'exporter/scrape',
      'Duration of a scrape',
      what='How long Prometheus waits for each of its targets.',
      good='Milliseconds for the exporter: its answer is ready before it is asked.',
      act='Slow: the network in between, or a machine without CPU time to spare.',
      targets=[t.range('max by (job) (scrape_duration_seconds)', '{{job}}')],
      unit='s',
      links=[down, ctx.links.scrapes],
      fill=0,
      overrides=panels.apart(['platform-exporter', 'prometheus', 'alertmanager', 'node']),
    ),
    rules: panels.timeseries(
      'exporter/rules',
      'Rules that failed or were late',
      what='Evaluations of rules per minute that failed, and groups that were skipped because the one before was not done.',
      good='None.',
      act='Failed: the rule page of Prometheus has the error. Skipped: the group is too expensive for its interval.',
      targets=[
        t.range('60 * sum(rate(prometheus_rule_evaluation_failures_total[$__rate_interval]))', 'failed'),
        t.range('60 * sum(rate(prometheus_rule_group_iterations_missed_total[$__rate_interval]))', 'skipped'),
      ],
      unit='suffix: /min',
      links=[ctx.links.runbook('RuleFailures'), ctx.links.runbook('RuleEvaluationsMissed'), ctx.links.recorded],
      softMax=1,
      overrides=[panels.painted('failed', colours.bad), panels.painted('skipped', colours.warn)],
    ),
    notifications: panels.timeseries(
      'exporter/notifications',
      'Notifications',
      what='Notifications per minute that Alertmanager sent, by kind of channel, and those that failed (orange-red).',
      good='None on a quiet day, and never a failed one.',
      act="Failed: read Alertmanager's log; a revoked webhook or key is the usual cause.",
      targets=[
        t.range(known.counted(
          '60 * sum by (integration) (rate(alertmanager_notifications_total[$__rate_interval]))',
          'alertmanager_notifications_total',
          'integration'
        ), '{{integration}}'),
        t.range('60 * sum(rate(alertmanager_notifications_failed_total[$__rate_interval]))', 'failed'),
      ],
      unit='suffix: /min',
      links=[ctx.links.runbook('NotificationsFailing'), ctx.links.firing],
      style='bars',
      stack=true,
      softMax=1,
      overrides=panels.apart(['slack', 'pagerduty', 'email', 'sns', 'webhook']) + [panels.painted('failed', colours.bad)],
    ),
    head: panels.timeseries(
      'exporter/head',
      'Series in Prometheus',
      what='Series that Prometheus holds in memory.',
      good='A constant that changes with the platform file.',
      act='Growth costs memory: find the metric in Prometheus, Status, TSDB Status.',
      targets=[t.range('max(prometheus_tsdb_head_series)', 'series')],
      unit='short',
      links=[ctx.links.runbook('PrometheusStorageFailing'), ctx.links.scrapes],
      colour=colours.neutral,
      legend=false,
    ),
    drill: if !ctx.drilled then null else panels.stat(
      'exporter/drill',
      'Last drill',
      what='When alerts were last tried out, from the rule to the receiver, and whether every channel got its message.',
      good='Arrived, within the last weeks.',
      act='Missed: platform-exporter drill says which channel did not get it; nobody would be told of a real one either.',
      targets=[
        t.instant('min(platform_exporter_drill_success)', 'result'),
        t.instant('1000 * max(platform_exporter_drill_last_timestamp_seconds)', 'when'),
      ],
      unit='dateTimeFromNow',
      links=[ctx.links.runbook('DrillFailed'), ctx.links.runbook('DrillOverdue')],
      wish=6,
      colour=colours.neutral,
      text='value',
      rare='no drill known',
      overrides=[panels.named('result', {
        unit: 'none',
        mappings: panels.words([[0, 'Missed', colours.bad], [1, 'Arrived', colours.good]]),
        color: { mode: 'thresholds' },
      })],
    ),
  }
