// One or a few big values, those of now, or "nothing". With `sparkline` the single target is drawn behind its value.
local colours = import '../colours.libsonnet';
local targets_of = import '../targets.libsonnet';
local panel = import 'panel.libsonnet';

// Grafana ends a line at the last whole step, which is hours ago on a page of a month: a last point that is asked for
// this very moment is joined to it. Not a number where there is none, so that the line's end does not stand for it.
local ending(target, now) = [
  target { expr: 'max(' + target.expr + ')' },
  targets_of.instant('max(' + (if now == null then target.expr else now) + ') or vector(NaN)', target.legendFormat),
];
local joined(title) = [
  { id: 'joinByField', options: { byField: 'Time', mode: 'outer' } },
  {
    id: 'calculateField',
    options: { mode: 'reduceRow', reduce: { reducer: 'lastNotNull' }, alias: title, replaceFields: true },
  },
];

// Grafana writes on a colour in white unless it is bright: on the usual orange nobody could read it.
local bright(colour) = if colour == colours.warn then colours.warn_ground else colour;
local painted(mapping) =
  local result(r) = if std.objectHas(r, 'color') then r { color: bright(r.color) } else r;
  mapping {
    options:
      if mapping.type == 'value' then { [value]: result(mapping.options[value]) for value in std.objectFields(mapping.options) }
      else mapping.options { result: result(mapping.options.result) },
  };

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
    now=null,
    text='auto'
  )::
    local steps = panel.grounded(thresholds, key);
    local words = mappings + panel.nothing(rare, noValue);
    assert !sparkline || std.length(targets) == 1 : key + ': one line behind one number';
    panel.of('stat', {
      key: key,
      title: title,
      what: what,
      good: good,
      act: act,
      targets: if sparkline then ending(targets[0], now) else targets,
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
      thresholds: if background then [[step[0], bright(step[1])] for step in steps] else steps,
      mappings: if background then std.map(painted, words) else words,
      overrides: overrides,
    }, { color: panel.colour_of(colour, 'thresholds') }, {
      reduceOptions: panel.latest,
      orientation: 'auto',
      // On a line of its own colour a number could not be read.
      colorMode: if background then 'background_solid' else if sparkline && colour != null then 'none' else 'value',
      graphMode: if sparkline then 'area' else 'none',
      textMode: panel.oneOf(text, texts, key),
      justifyMode: 'auto',
      // The number stands above its line, not on it; and each of several below its name: beside each other in a wide panel,
      // "critical 3 warning None" would read as three warnings.
      wideLayout: !sparkline && std.length(targets) == 1,
      showPercentChange: false,
    }, if sparkline then { transformations: joined(title) } else {}),
}
