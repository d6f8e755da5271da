// Lines over time. Without a `colour`, series that no override paints are shades of one hue: Grafana's own palettes
// mix red and green. With `log` the axis goes by powers of ten from `min` up: what is a thousand times too high hides
// nothing that is twice. Grafana heeds no soft bound on it, and draws no threshold above it: a limit is a series.
// `steps` is how many there are at most: of few a single bar is wide enough to be seen, at the right edge, too.
local colours = import '../colours.libsonnet';
local panel = import 'panel.libsonnet';

local styles = { lines: 'line', bars: 'bars' };

{
  timeseries(
    key,
    title,
    what,
    good,
    act,
    targets,
    unit,
    links=[],
    drill=null,
    wish=8,
    height=8,
    min=0,
    max=null,
    softMin=null,
    softMax=null,
    decimals=null,
    noValue='no data',
    rare=null,
    thresholds=[],
    mappings=[],
    overrides=[],
    colour=null,
    style='lines',
    stack=false,
    fill=12,
    legend=true,
    gap=null,
    log=false,
    steps=null
  )::
    assert !log || (min != null && min > 0) : key + ': powers of ten begin above 0, give min';
    assert !log || (softMin == null && softMax == null && std.length(thresholds) == 0) :
           key + ': an axis by powers of ten may end below a soft bound or a threshold, draw a series';
    local bars = styles[panel.oneOf(style, styles, key)] == 'bars';
    panel.of('timeseries', {
      key: key,
      title: title,
      what: what,
      good: good,
      act: act,
      targets: targets,
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
      thresholds: thresholds,
      mappings: mappings,
      overrides: overrides,
    }, {
      color: if colour == null then { mode: 'shades', fixedColor: colours.neutral } else panel.colour_of(colour, ''),
      custom: {
        drawStyle: if bars then 'bars' else 'line',
        lineInterpolation: 'linear',
        lineWidth: if bars || stack then 0 else 2,
        fillOpacity: if bars then 80 else if stack then 65 else fill,
        gradientMode: if stack || bars then 'none' else 'opacity',
        showPoints: 'never',
        spanNulls: if gap == null then false else gap,
        stacking: { mode: if stack then 'normal' else 'none', group: 'A' },
        axisBorderShow: false,
        thresholdsStyle: { mode: if std.length(thresholds) == 0 then 'off' else 'dashed' },
        [if steps != null then 'barWidthFactor']: 1,
        [if log then 'scaleDistribution']: { type: 'log', log: 10 },
        [if softMin != null then 'axisSoftMin']: softMin,
        [if softMax != null then 'axisSoftMax']: softMax,
      },
    }, {
      legend: {
        showLegend: legend,
        displayMode: if legend then 'list' else 'hidden',
        placement: 'bottom',
        calcs: [],
      },
      tooltip: { mode: 'multi', sort: 'desc' },
    }, { [if steps != null then 'maxDataPoints']: steps }),
}
