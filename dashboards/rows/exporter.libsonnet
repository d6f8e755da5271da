// The monitoring itself: can the rest of this page be believed?
local colours = import '../lib/colours.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local states = import '../lib/states.libsonnet';
local t = import '../lib/targets.libsonnet';

local own(metric) = '%s and on (job, instance) platform_exporter_build_info' % metric;

local row(ctx) =
  local names = [s.source for s in ctx.sources];
  [
    [
      panels.timeline(
        'exporter/sources',
        'Sources',
        what='Whether the last collection from each source succeeded.',
        good='One unbroken bar of Up in each lane.',
        act="What depends on a failing source is missing on this page; the reasons stand beside, the exporter's own page has the last error.",
        targets=[t.range('platform_exporter_source_up', '{{source}}')],
        links=[ctx.links.runbook('SourceStale'), ctx.links.scrapes],
        wish=12,
        height=7,
        mappings=states.up,
      ),
      panels.timeseries(
        'exporter/age',
        'Age of the data',
        what='Seconds since each source last succeeded.',
        good="A sawtooth no higher than the source's interval.",
        act='A rising line: the source fails or hangs; its series vanish once it is too old, so nothing stale is shown.',
        targets=[t.range('time() - platform_exporter_source_last_success_timestamp_seconds', '{{source}}')],
        unit='s',
        links=[ctx.links.runbook('SourceStale')],
        wish=6,
        height=7,
        fill=0,
        overrides=panels.apart(names),
      ),
      panels.timeseries(
        'exporter/failures',
        'Failed collections',
        what='Failed collections per minute by source and reason.',
        good='None.',
        act="The reason says who has to act: auth and permission are ours, rate_limited and http_status the vendor's, timeout either.",
        targets=[t.range(
          '60 * sum by (source, reason) (rate(platform_exporter_source_failures_total[$__rate_interval])) > 0',
          '{{source}}: {{reason}}'
        )],
        unit='suffix: /min',
        links=[ctx.links.runbook('SourceStale')],
        wish=6,
        height=7,
        style='bars',
        stack=true,
        noValue='no failure in this period',
      ),
    ],
    [
      panels.timeseries(
        'exporter/duration',
        'Duration of a collection',
        what='How long the last collection from each source took.',
        good="A small part of the source's interval.",
        act='Near the interval: give the source a longer one, or ask it for less.',
        targets=[t.range('platform_exporter_source_duration_seconds', '{{source}}')],
        unit='s',
        links=[ctx.links.runbook('SourceStale')],
        wish=6,
        height=6,
        fill=0,
        overrides=panels.apart(names),
      ),
      panels.timeseries(
        'exporter/series',
        'Series exported',
        what='Series in one scrape of the exporter.',
        good='A constant that changes with the platform file.',
        act='Growth is a label with too many values; dropped series are counted in platform_exporter_series_dropped_total.',
        targets=[t.range('platform_exporter_snapshot_series', 'series')],
        unit='short',
        links=[ctx.links.scrapes],
        wish=6,
        height=6,
        colour=colours.neutral,
        legend=false,
      ),
      panels.timeseries(
        'exporter/memory',
        'Memory of the exporter',
        what="Resident memory of the exporter's process.",
        good='A flat line.',
        act='A steady climb is a leak: note the version, restart, report it.',
        targets=[t.range(own('process_resident_memory_bytes'), 'resident')],
        unit='bytes',
        links=[ctx.links.runbook('ExporterDown')],
        wish=6,
        height=6,
        colour=colours.neutral,
        legend=false,
      ),
      panels.timeline(
        'exporter/targets',
        'Scrapes by Prometheus',
        what='Whether Prometheus could scrape each of its targets.',
        good='Up everywhere.',
        act='Down: the process is gone or cannot be reached from Prometheus; open its targets page for the error.',
        targets=[t.range('min by (job) (up)', '{{job}}')],
        links=[ctx.links.runbook('ExporterDown'), ctx.links.scrapes],
        wish=6,
        height=6,
        mappings=states.up,
      ),
    ],
  ];

function(ctx) layout.section('Monitoring', row(ctx), collapsed=true)
