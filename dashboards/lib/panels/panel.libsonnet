// What all panels have in common: the three questions of a description, the checks of what is given, links, units.
local colours = import '../colours.libsonnet';
local fields = import '../fields.libsonnet';
local units = import '../units.libsonnet';

local datasource = { type: 'prometheus', uid: '${datasource}' };
local letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

// A to Z, AA to AZ, and so on: a platform may have many services or key figures.
local ref(number) =
  if number < 26 then letters[number] else ref(std.floor(number / 26) - 1) + letters[std.modulo(number, 26)];

local oneOf(value, allowed, who) =
  if std.objectHas(allowed, value) then value
  else error who + ': "' + value + '" is none of ' + std.join(', ', std.objectFields(allowed));

local ends = { '.': 1, '?': 1 };

local sentence(text, part, who) =
  if std.length(text) > 0 && std.objectHasEx(ends, text[std.length(text) - 1], false) then text
  else error who + ': "' + part + '" must be a sentence with its full stop, not "' + text + '"';

local between(value, low, high, part, who) =
  if value >= low && value <= high then value
  else error who + ': ' + part + ' is ' + value + ', want ' + low + ' to ' + high;

// A panel without a value takes the colour of the lowest step. Nothing known is neither good nor bad: grey goes below.
local grounded(thresholds, who) =
  if std.length(thresholds) == 0 then [[null, colours.unknown]]
  else if thresholds[0][0] != null then error who + ': the first threshold has no lower bound, write null'
  else [[null, colours.unknown], [-1e12, thresholds[0][1]]]
       + [thresholds[i] for i in std.range(1, std.length(thresholds) - 1)];

local colour_of(colour, otherwise) =
  if colour == null then { mode: otherwise } else { mode: 'fixed', fixedColor: colour };

// What all panels with queries have. `field` holds what goes for all fields; thresholds and words are given as lists.
local panel(type, p, field, options, more={}) =
  // As `== null`, which is ten times as dear: it looks for arrays and objects, too.
  local missing(value) = std.primitiveEquals(value, null);
  local links = std.filter(function(link) !missing(link), p.links);
  local drill =
    if std.primitiveEquals(type, 'table') then []  // not every cell leads somewhere
    else if !missing(p.drill) then [p.drill]
    else if std.length(links) > 0 then [links[0]]
    else [];
  local thresholds = p.thresholds;
  assert std.length(p.targets) > 0 : p.key + ': a panel without queries';
  {
    type: type,
    key:: p.key,
    wish:: between(p.wish, 3, 24, 'wish', p.key),
    height:: between(p.height, 3, 14, 'height', p.key),
    title: p.title,
    // Added up, not formatted: std.format reads its pattern character by character, in Jsonnet.
    description: sentence(p.what, 'what', p.key)
                 + '\n\n**Good:** ' + sentence(p.good, 'good', p.key)
                 + '\n\n**Otherwise:** ' + sentence(p.act, 'act', p.key),
    datasource: datasource,
    targets: std.makeArray(std.length(p.targets), function(i) p.targets[i] { refId: ref(i), datasource: datasource }),
    links: links,
    fieldConfig: {
      defaults: field {
        unit: units.check(p.unit, p.key),
        noValue: if missing(p.rare) then p.noValue else p.rare,
        links: drill,  // with a single one Grafana makes the whole value clickable
        mappings: p.mappings,
        [if !missing(p.min) then 'min']: p.min,
        [if !missing(p.max) then 'max']: p.max,
        [if !missing(p.decimals) then 'decimals']: p.decimals,
        [if std.length(thresholds) > 0 then 'thresholds']: fields.steps(thresholds, p.key),
      },
      overrides: p.overrides,
    },
    options: options,
  } + more;

// Words for "no value at all" and for NaN: in grey, even where the panel has one fixed colour.
local nothing(rare, noValue) = [{
  type: 'special',
  options: {
    match: 'null+nan',
    result: { text: if rare != null then rare else noValue, color: colours.unknown, index: 99 },
  },
}];

// Only the very last value: the last that is not null may be hours old.
local latest = { calcs: ['last'], fields: '', values: false };

{
  of:: panel,
  oneOf:: oneOf,
  sentence:: sentence,
  grounded:: grounded,
  colour_of:: colour_of,
  latest:: latest,
  nothing:: nothing,
}
