// What state each thing was in, over time, in words.
local colours = import '../colours.libsonnet';
local fields = import '../fields.libsonnet';
local panel = import 'panel.libsonnet';

{
  timeline(
    key,
    title,
    what,
    good,
    act,
    targets,
    mappings,
    links=[],
    drill=null,
    wish=12,
    height=8,
    noValue='no data',
    rare=null,
    overrides=[]
  ):: panel.of('state-timeline', {
    key: key,
    title: title,
    what: what,
    good: good,
    act: act,
    targets: targets,
    unit: 'none',
    links: links,
    drill: drill,
    wish: wish,
    height: height,
    min: null,
    max: null,
    decimals: null,
    noValue: noValue,
    rare: rare,
    thresholds: [],
    mappings: mappings,
    overrides: overrides,
    // Not by thresholds: Grafana would merge states by threshold and print its bounds instead of the words.
  }, { color: fields.fixed(colours.unknown), custom: { fillOpacity: 85, lineWidth: 0, spanNulls: false } }, {
    mergeValues: true,
    showValue: 'auto',
    alignValue: 'left',
    rowHeight: 0.8,
    perPage: 20,
    legend: { showLegend: false, displayMode: 'list', placement: 'bottom' },
    tooltip: { mode: 'multi', sort: 'none' },
  }),
}
