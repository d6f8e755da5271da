// What the fields of a panel can be told: bounds, thresholds, words for values, colours for single series.
local colours = import 'colours.libsonnet';

// Steps from the lowest up: [[null, colour], [number, colour], …].
local steps(pairs, who) =
  if pairs != [] && pairs[0][0] != null then error who + ': the first threshold has no lower bound, write null'
  else [{ value: p[0], color: p[1] } for p in pairs];

local field(settings) = { fieldConfig+: { defaults+: settings } };
local optional(name, value) = if value == null then {} else { [name]: value };

local override(matcher, pattern, properties) = {
  matcher: { id: matcher, options: pattern },
  properties: [{ id: id, value: properties[id] } for id in std.objectFields(properties)],
};

{
  // More settings for all fields of a panel.
  field(settings):: field(settings),

  // { name: value }, or nothing without a value.
  optional(name, value):: optional(name, value),

  // Settings that each panel has.
  settings(key, min, max, decimals, noValue, thresholds, mappings):: field(
    optional('min', min) + optional('max', max) + optional('decimals', decimals)
    + { noValue: noValue, mappings: mappings }
    + (if thresholds == [] then {} else { thresholds: { mode: 'absolute', steps: steps(thresholds, key) } })
  ),

  // Changes for series of one name, or of names that match a pattern.
  named(name, properties):: override('byName', name, properties),
  matching(pattern, properties):: override('byRegexp', '/' + pattern + '/', properties),

  fixed(colour):: { mode: 'fixed', fixedColor: colour },

  // Series whose names are known beforehand, told apart by colour.
  apart(names):: [
    $.named(names[i], { color: $.fixed(colours.different[i % std.length(colours.different)]) })
    for i in std.range(0, std.length(names) - 1)
  ],

  // A line that is a limit or target rather than a measurement.
  limit(name, colour=colours.limit):: $.named(name, {
    color: $.fixed(colour),
    'custom.lineStyle': { fill: 'dash', dash: [8, 6] },
    'custom.lineWidth': 2,
    'custom.fillOpacity': 0,
    'custom.stacking': { mode: 'none', group: 'limit' },
  }),

  // The same quantity in an earlier period, named "… before": grey and dashed.
  before:: $.matching('before$', {
    color: $.fixed(colours.before),
    'custom.lineStyle': { fill: 'dash', dash: [8, 6] },
    'custom.lineWidth': 1,
    'custom.fillOpacity': 0,
  }),

  // Words for numbers: [[number, text, colour], …].
  words(list):: [{
    type: 'value',
    options: {
      [std.toString(list[i][0])]: { text: list[i][1], color: list[i][2], index: i }
      for i in std.range(0, std.length(list) - 1)
    },
  }],

  // Words for ranges: [[from, to, text, colour], …], the first match wins; null is open.
  ranges(list):: [
    { type: 'range', options: { from: r[0], to: r[1], result: { text: r[2], color: r[3], index: 0 } } }
    for r in list
  ],
}
