// What state each thing was in, over time, in words. Grafana draws a step that is less than a pixel wide as nothing: there
// are so few that each has some pixels, on a phone, too. So each query has to look at whole steps (known.step), and what
// was for a moment of a step stands for all of it.
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
  }, { maxDataPoints: 100 }),
}
