// The monitoring itself: can the rest of these pages be believed?
local colours = import '../lib/colours.libsonnet';
local known = import '../lib/known.libsonnet';
local layout = import '../lib/layout.libsonnet';
local numbers = import '../lib/numbers.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';
local alerting = import 'alerting.libsonnet';

local own(metric) = metric + ' and on (job, instance) platform_exporter_build_info';

local parts(ctx) =
  local n = std.length(colours.different);
  // Each source under its title, in a colour of its own.
  local apart = std.mapWithIndex(function(i, s) panels.named(s.source, {
    displayName: ctx.lane(s),
    color: panels.fixed(colours.different[i % n]),
  }), ctx.sources);
  local titled = [panels.named(s.source, { displayName: ctx.lane(s) }) for s in ctx.sources];
  local stale = ctx.links.runbook('SourceStale');
  local down = ctx.links.runbook('ExporterDown');
  {
    sources: panels.timeline(
      'exporter/sources',
      'Sources',
      what='Whether the last collection from each source succeeded.',
      good='One unbroken bar of Up in each lane.',
      act="What depends on a failing source is missing on these pages; the reasons stand beside, the exporter's own page has the last error.",
      targets=[t.range(
        known.told('min by (source) (' + known.extreme('platform_exporter_source_up', 'min') + ')'), '{{source}}'
      )],
      links=[ctx.links.exporter, stale, ctx.links.scrapes],
      wish=12,
      height=7,
      overrides=titled,
      mappings=states.up,
    ),
    age: panels.timeseries(
      'exporter/age',
      'Age of the data',
      what='Seconds since each source last succeeded.',
      good="A sawtooth no higher than the source's interval.",
      act='A rising line: the source fails or hangs; its series vanish once it is too old, so nothing stale is shown.',
      targets=[t.range('time() - max by (source) (platform_exporter_source_last_success_timestamp_seconds)', '{{source}}')],
      unit='s',
      links=[ctx.links.exporter, stale],
      wish=6,
      height=7,
      fill=0,
      overrides=apart,
    ),
    failures: panels.timeseries(
      'exporter/failures',
      'Failed collections',
      what='Failed collections per minute by source and reason.',
      good='None.',
      act="The reason says who has to act: auth and permission are ours, rate_limited and http_status the vendor's, timeout either.",
      targets=[t.range(
        known.or_none(
          'label_join(' + known.counted(
            '60 * sum by (source, reason) (rate(platform_exporter_source_failures_total[$__rate_interval]))',
            'platform_exporter_source_failures_total',
            'source, reason'
          ) + ', "what", ": ", "source", "reason")',
          'min(platform_exporter_source_up) == 1',
          'what',
          'none failed'
        ), '{{what}}'
      )],
      unit='suffix: /min',
      links=[ctx.links.exporter, stale],
      wish=6,
      height=7,
      style='bars',
      stack=true,
      softMax=1,
      overrides=panels.of_names([s.source for s in ctx.sources]) + [
        panels.beginning(s.source, { displayName: ctx.lane(s) + ': ${__field.labels.reason}' })
        for s in ctx.sources
      ] + [panels.absent('none failed')],
    ),
    duration: panels.timeseries(
      'exporter/duration',
      'Duration of a collection',
      what='How long the last collection from each source took.',
      good="A small part of the source's interval.",
      act='Near the interval: give the source a longer one, or ask it for less.',
      targets=[t.range('max by (source) (platform_exporter_source_duration_seconds)', '{{source}}')],
      unit='s',
      links=[ctx.links.exporter, stale],
      wish=6,
      height=6,
      fill=0,
      overrides=apart,
    ),
    series: panels.timeseries(
      'exporter/series',
      'Series exported',
      what='Series in one scrape of the exporter.',
      good='A constant that changes with the platform file.',
      act='Growth is a label with too many values; dropped series are counted in platform_exporter_series_dropped_total.',
      targets=[t.range('max(platform_exporter_snapshot_series)', 'series')],
      unit='short',
      links=[ctx.links.exporter, ctx.links.runbook('SeriesDropped')],
      wish=6,
      height=6,
      colour=colours.neutral,
      legend=false,
    ),
    memory: panels.timeseries(
      'exporter/memory',
      'Memory of the exporter',
      what="Resident memory of the exporter's process.",
      good='A flat line.',
      act='A steady climb is a leak: note the version, restart, report it.',
      targets=[t.range(own('process_resident_memory_bytes'), '{{instance}}')],
      unit='bytes',
      links=[ctx.links.exporter, ctx.links.runbook('ExporterRestarts')],
      wish=6,
      height=6,
      colour=colours.neutral,
      legend=false,
    ),

    // Beyond the row of the technical view
    answer: panels.stat(
      'exporter/answer',
      'Exporters',
      what='How many exporters Prometheus can scrape now.',
      good='As many as you run.',
      act='Fewer: open the runbook. None: every other panel is blind.',
      targets=[t.instant('sum(up{job="platform-exporter"})', 'up')],
      unit='suffix: up',
      links=[down, ctx.links.scrapes],
      background=true,
      thresholds=[[null, colours.bad], [1, colours.good]],
      mappings=panels.words([[0, 'None up', colours.bad]]),
    ),
    leader: panels.stat(
      'exporter/leader',
      'Leader',
      what='How many of the exporters that share a state ask the vendors on behalf of all.',
      good='Exactly one.',
      act='None for more than a minute: the state store cannot be reached. Two: they do not share a state; give both the same.',
      targets=[t.instant('sum(platform_exporter_leader)', 'leaders')],
      unit='none',
      links=[ctx.links.runbook('LeaderMissing'), ctx.links.scrapes],
      background=true,
      thresholds=[[null, colours.bad], [1, colours.good], [2, colours.warn]],
      mappings=panels.words([[0, 'None', colours.bad], [1, 'One', colours.good]]),
    ),
    state: panels.stat(
      'exporter/state',
      'State store',
      what='Whether the store that keeps window cursors and counters could be used last time.',
      good='Up.',
      act='Down: counters over windows wait and catch up later; free disk space or bring the database back.',
      targets=[t.instant('min(platform_exporter_state_up)', 'store')],
      unit='none',
      links=[ctx.links.runbook('StateStoreDown'), ctx.links.scrapes],
      background=true,
      mappings=states.up,
    ),
    failing: panels.stat(
      'exporter/failing',
      'Sources now',
      what="How many of the exporter's sources failed when last collected.",
      good='All up.',
      act='What a failing source feeds is missing; the reasons stand below.',
      targets=[t.instant('count(platform_exporter_source_up == 0) or 0 * max(platform_exporter_source_up)', 'sources')],
      unit='suffix: down',
      links=[stale, ctx.links.scrapes],
      background=true,
      mappings=panels.words([[0, 'All up', colours.good]]),
      thresholds=[[null, colours.good], [1, colours.bad]],
      noValue='not known',
    ),
    config: panels.stat(
      'exporter/config',
      'Platform file',
      what='Whether the platform file in use could be read when it was last reloaded.',
      good='Read.',
      act='Refused: the former one stays in use; platform-exporter check names file, line and remedy.',
      targets=[t.instant('min(platform_exporter_config_last_reload_successful)', 'file')],
      unit='none',
      links=[ctx.links.runbook('ExporterReloadFailed'), ctx.links.scrapes],
      background=true,
      mappings=panels.words([[0, 'Refused', colours.bad], [1, 'Read', colours.good]]),
    ),
    dropped: panels.stat(
      'exporter/dropped',
      'Dropped',
      what='Series left out in the time shown, because a bound was reached or two sources had the same series.',
      good='None.',
      act='The counter names the family: raise limits.series_per_family, or give its query fewer labels.',
      targets=[t.instant('sum(increase(platform_exporter_series_dropped_total[$__range])) or 0 * max(platform_exporter_snapshot_series)', 'dropped')],
      unit='short',
      links=[ctx.links.runbook('SeriesDropped'), ctx.links.scrapes],
      background=true,
      decimals=0,
      mappings=panels.words([[0, 'None', colours.good]]),
      thresholds=[[null, colours.good], [1, colours.warn]],
    ),
    intervals: panels.bars(
      'exporter/intervals',
      'Age in intervals',
      what='How old the data of each source are, as a multiple of its interval.',
      good='Under two: a moment before it is read again, every source is one interval old.',
      act='Two are one failed collection; above three the series vanish rather than show old values.',
      targets=[t.instant(
        'sort_desc((time() - max by (source) (platform_exporter_source_last_success_timestamp_seconds))'
        + ' / on (source) max by (source) (platform_exporter_source_interval_seconds))', '{{source}}'
      )],
      unit='suffix:×',
      links=[stale, ctx.links.scrapes],
      wish=8,
      height=8,
      decimals=1,
      overrides=titled,
      alone=if std.length(ctx.sources) == 1 then ctx.lane(ctx.sources[0]) else null,
      max=ctx.limits.source_age.bad,
      thresholds=[
        [null, colours.good],
        [ctx.limits.source_age.warn, colours.warn],
        [ctx.limits.source_age.bad, colours.bad],
      ],
    ),
    reasons: panels.table(
      'exporter/reasons',
      'Failing now',
      what='Sources whose last collection failed, and why.',
      good='None.',
      act='Run platform-exporter check: it names the missing grant, setting or network path.',
      targets=[t.table(known.or_none(
        'max by (source, reason) (platform_exporter_source_failing == 1)', 'platform_exporter_source_up', 'source', 'None fails'
      ))],
      unit='none',
      columns=[['source', 'Source'], ['reason', 'Reason']],
      links=[stale, ctx.links.scrapes],
      wish=8,
      height=8,
      noValue='not known',
      overrides=[panels.named('Source', { mappings: panels.titled(ctx.titles) })],
    ),
    served: panels.timeseries(
      'exporter/served',
      'Age of the data when scraped',
      what='How old the data of each source were when Prometheus came for them.',
      good='A second or less for sources with a short interval: they are read just before the scrape.',
      act='Near the interval: two scrapers come at different times, or the collection takes too long.',
      targets=[t.range('max by (source) (platform_exporter_source_served_age_seconds)', '{{source}}')],
      unit='s',
      links=[stale, ctx.links.scrapes],
      fill=0,
      overrides=apart,
    ),
    render: panels.timeseries(
      'exporter/render',
      'Time to render a snapshot',
      what='Time it took to write out and compress the snapshot; it is paid once, not for each scrape.',
      good='Milliseconds.',
      act='It grows with the number of series: find the family that grew.',
      targets=[t.range('max(platform_exporter_snapshot_render_seconds)', 'render')],
      unit='s',
      links=[down, ctx.links.scrapes],
      colour=colours.neutral,
      legend=false,
    ),
    cpu: panels.timeseries(
      'exporter/cpu',
      'CPU of the exporter',
      what='Share of one CPU core that the exporter uses.',
      good='A few percent.',
      act='More: a source is asked too often, or a query returns too many rows.',
      targets=[t.range(
        'rate(process_cpu_seconds_total[$__rate_interval]) and on (job, instance) platform_exporter_build_info',
        '{{instance}}'
      )],
      unit='percentunit',
      links=[down, ctx.links.scrapes],
      colour=colours.neutral,
      legend=false,
    ),
  };

{
  parts:: parts,

  // The folded row of the technical view.
  section(ctx)::
    local p = parts(ctx);
    layout.section('Monitoring', [
      [p.sources, p.age, p.failures],
      [p.duration, p.series, p.memory, alerting(ctx).targets],
    ], collapsed=true),

  // The whole drill-down.
  sections(ctx)::
    local p = parts(ctx);
    local told = alerting(ctx);
    [
      layout.section('', [[p.answer, p.leader, p.state, p.failing, p.config, p.dropped, told.drill]]),
      layout.section('Are the data fresh?', [[p.sources, p.intervals, p.reasons], [p.age, p.served, p.duration, p.failures]]),
      layout.section('What does the exporter need?', [[p.series, p.render, p.memory, p.cpu]]),
      layout.section('Do Prometheus and Alertmanager work?', [[told.targets, told.scrape, told.head], [told.rules, told.notifications]]),
    ],
}
