// One or a few big values. `sparkline` needs a range query; without it the value is that of now or "nothing".
local panel = import 'panel.libsonnet';

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
    thresholds: panel.grounded(thresholds),
    mappings: mappings,
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
  }),
}
