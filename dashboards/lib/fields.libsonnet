// What the fields of a panel can be told: thresholds, words for values, colours for single series.
local colours = import 'colours.libsonnet';

// Steps from the lowest up: [[null, colour], [number, colour], …]. Grafana draws others, too, and means something else.
local steps(pairs, who) =
  local step(i) =
    local value = pairs[i][0];
    if i == 0 then
      if value == null then null else error who + ': the first threshold has no lower bound, write null'
    else if !std.isNumber(value) then error who + ': a threshold is a number, not ' + std.toString(value)
    else if i > 1 && value < pairs[i - 1][0]
    then error who + ': thresholds ascend, and ' + value + ' comes after ' + pairs[i - 1][0]
    else value;
  [{ value: step(i), color: colours.check(pairs[i][1], who) } for i in std.range(0, std.length(pairs) - 1)];

// Ranges from the lowest up, none over another: the first match would win, and hide the next.
local ascending(list) =
  local wrong(low, high) = low != null && high != null && low > high;
  local open(i) = i > 0 && (list[i - 1][1] == null || list[i][0] == null || wrong(list[i - 1][1], list[i][0]));
  local bad = [
    list[i][2]
    for i in std.range(0, std.length(list) - 1)
    if wrong(list[i][0], list[i][1]) || open(i)
  ];
  if bad == [] then list
  else error 'words for ranges: they ascend without lying over each other, unlike "' + std.join('", "', bad) + '"';

local override(matcher, pattern, properties) = {
  matcher: { id: matcher, options: pattern },
  local names = std.objectFieldsEx(properties, false),
  properties: std.makeArray(std.length(names), function(i) { id: names[i], value: properties[names[i]] }),
};

// A name in a regular expression of JavaScript. strReplace is native in C++ Jsonnet; what goes by the letter is dear.
local literal(name) = std.foldl(
  function(text, sign) std.strReplace(text, sign, '\\' + sign),
  ['\\', '.', '*', '+', '?', '^', '$', '(', ')', '[', ']', '{', '}', '|', '/'],
  name
);

local fixed(colour) = { mode: 'fixed', fixedColor: colour };
local named(name, properties) = override('byName', name, properties);
local painted(name, colour) = {
  matcher: { id: 'byName', options: name },
  properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: colour } }],
};

// The hue goes by the first and the last letter or digit, the same on every page: names of one system begin or end
// alike, rarely both. Of two with the same hue one is darker.
local by_name =
  local letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  local n = std.length(colours.plain);
  local classes = [
    '[' + std.join('', [letters[k * n + i] + std.asciiUpper(letters[k * n + i]) for k in std.range(0, 36 / n - 1)]) + ']'
    for i in std.range(0, n - 1)
  ];
  [
    override('byRegexp', '/^\\W*(' + std.join('|', [
      classes[first] + '.*' + classes[last]
      for first in std.range(0, n - 1)
      for last in std.range(0, n - 1)
      if std.primitiveEquals(std.modulo(first + 2 * last, n), i)
    ]) + ')\\W*$/', { color: { mode: 'shades', fixedColor: colours.plain[i] } })
    for i in std.range(0, n - 1)
  ];

local beginning(name, properties) = override('byRegexp', '/^' + literal(name) + '(:| ·|$)/', properties);

local dashes = { fill: 'dash', dash: [8, 6] };

{
  steps(pairs, who):: { mode: 'absolute', steps: steps(pairs, who) },

  // Changes for series of one name.
  named:: named,

  fixed:: fixed,

  // One series in one colour.
  painted:: painted,

  // Series whose names are known beforehand, told apart by colour.
  apart(names)::
    local n = std.length(colours.different);
    std.mapWithIndex(function(i, name) painted(name, colours.different[i % n]), names),

  // Series whose names nobody knows beforehand (applications, components).
  by_name:: by_name,

  // The series that says that there is nothing (known.libsonnet): a grey line, on a page of bars, too.
  absent(name):: named(name, {
    color: fixed(colours.unknown),
    'custom.drawStyle': 'line',
    'custom.lineWidth': 2,
    'custom.fillOpacity': 0,
  }),

  // Changes for series whose names are `name` or begin with it, "name: …", "name · …".
  beginning:: beginning,

  // Series whose names are known beforehand or begin with one: a hue for each, shades within it.
  of_names(names)::
    std.mapWithIndex(function(i, name) beginning(
      name, { color: { mode: 'shades', fixedColor: colours.different[i % std.length(colours.different)] } }
    ), names),

  // The first `n` queries of a panel, told apart by colour whatever their series are named.
  queried(n)::
    [
      override('byFrameRefID', std.char(65 + i), { color: fixed(colours.different[i % std.length(colours.different)]) })
      for i in std.range(0, n - 1)
    ],

  // Series named after words that have a colour of their own (colours.libsonnet).
  worded(words):: [painted(word, colours.words[word]) for word in words],

  // The same where a name stands before the word, "name · word": a shade for each name.
  worded_of_names(words):: [
    override('byRegexp', '/ · ' + literal(word) + '$/', { color: { mode: 'shades', fixedColor: colours.words[word] } })
    for word in words
  ],

  // A line that is a limit or target rather than a measurement.
  limit(name, colour=colours.limit):: named(name, {
    color: fixed(colour),
    'custom.lineStyle': dashes,
    'custom.lineWidth': 2,
    'custom.fillOpacity': 0,
    'custom.stacking': { mode: 'none', group: 'limit' },
  }),

  // The same quantity in an earlier period, named "… before": grey and dashed.
  before:: override('byRegexp', '/before$/', {
    color: fixed(colours.before),
    'custom.lineStyle': dashes,
    'custom.lineWidth': 1,
    'custom.fillOpacity': 0,
    'custom.stacking': { mode: 'none', group: 'before' },
  }),

  // The same above a stack, whose colours it has to be told from on a dark and on a white page.
  before_stack:: override('byRegexp', '/before$/', {
    color: fixed(colours.letters),
    'custom.lineStyle': dashes,
    'custom.lineWidth': 2,
    'custom.fillOpacity': 0,
    'custom.stacking': { mode: 'none', group: 'before' },
  }),

  // A third period beside these two.
  long_before(name):: named(name, {
    color: fixed(colours.accent),
    'custom.lineStyle': { fill: 'dot', dash: [2, 6] },
    'custom.lineWidth': 1,
    'custom.fillOpacity': 0,
  }),

  // The band of what is normal: two lines, `upper` filled down to `lower`.
  band(lower, upper):: [
    named(name, {
      color: fixed(colours.before),
      'custom.lineWidth': 0,
      'custom.fillOpacity': if name == upper then 18 else 0,
      [if name == upper then 'custom.fillBelowTo']: lower,
    })
    for name in [lower, upper]
  ],

  // Words for numbers: [[number, text, colour], …].
  words(list):: [{
    type: 'value',
    options: {
      ['' + list[i][0]]: { text: list[i][1], color: list[i][2], index: i }
      for i in std.range(0, std.length(list) - 1)
    },
  }],

  // Titles for names: [[name, title], …]; of two for one name the latter.
  titled(pairs):: [{
    type: 'value',
    options: std.foldl(
      function(all, pair) all + (if pair[0] == pair[1] then {} else { [pair[0]]: { text: pair[1] } }), pairs, {}
    ),
  }],

  // Words for ranges: [[from, to, text, colour], …], the first match wins; null is open.
  ranges(list):: [
    { type: 'range', options: { from: r[0], to: r[1], result: { text: r[2], color: r[3], index: 0 } } }
    for r in ascending(list)
  ],
}
