// One or a few big values. Without `sparkline` the value is that of now, or "nothing". With it, each target is one line
// over the time shown, and the value is its end: a line that did not get as far as that is not shown, nor its change.
local panel = import 'panel.libsonnet';

// Grafana asks for as many values as the panel has pixels, which would be one in minutes on a page of a day, and ends at
// the last whole step, so the last of them is as old. So many are one in ten seconds there. Pages of more than a day
// have no lines in their numbers: each step is longer than what Prometheus was asked last.
local dense = 8640;
local lasting(target) =
  local line = 'max(' + target.expr + ')';
  target { expr: line + ' and on () last_over_time((' + line + ')[10s:10s] @ end())' };

local texts = { auto: 1, value: 1, name: 1, value_and_name: 1 };

{
  stat(
    key,
    title,
    what,
    good,
    act,
    targets,
    unit,
    links=[],
    drill=null,
    wish=4,
    height=4,
    min=null,
    max=null,
    decimals=null,
    noValue='no data',
    rare=null,
    thresholds=[],
    mappings=[],
    overrides=[],
    colour=null,
    background=false,
    sparkline=false,
    change=false,
    text='auto'
  ):: panel.of('stat', {
    key: key,
    title: title,
    what: what,
    good: good,
    act: act,
    targets: if sparkline then std.map(lasting, targets) else targets,
    unit: unit,
    links: links,
    drill: drill,
    wish: wish,
    height: height,
    min: min,
    max: max,
    decimals: decimals,
    noValue: noValue,
    rare: rare,
    thresholds: panel.grounded(thresholds),
    mappings: mappings + panel.nothing(rare, noValue),
    overrides: overrides,
  }, { color: panel.colour_of(colour, 'thresholds') }, {
    reduceOptions: panel.latest,
    orientation: 'auto',
    colorMode: if background then 'background_solid' else 'value',
    graphMode: if sparkline then 'area' else 'none',
    textMode: panel.oneOf(text, texts, key),
    justifyMode: 'auto',
    wideLayout: true,
    showPercentChange: change,
    percentChangeColorMode: 'same_as_value',  // more is not always better
  }, if sparkline then { maxDataPoints: dense } else {}),
}
