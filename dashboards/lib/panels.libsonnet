// One function per panel type. Parameters are named and checked, so that a slip is an error here and not a blank
// space in Grafana. Every panel answers three questions in its description: what it shows (`what`), what good
// looks like (`good`) and what to do otherwise (`act`). `wish` is the wished width in columns of 24. `links` stand in
// the panel's corner; a click on a value follows `drill`, or the first of them. `noValue` is what is written where
// data are missing; `rare` is what is written where none is the usual case (a failure, an alert).
local colours = import 'colours.libsonnet';
local fields = import 'fields.libsonnet';
local units = import 'units.libsonnet';

local datasource = { type: 'prometheus', uid: '${datasource}' };
local letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

local oneOf(value, allowed, who) =
  if std.objectHas(allowed, value) then value
  else error who + ': "' + value + '" is none of ' + std.join(', ', std.objectFields(allowed));

local sentence(text, part, who) =
  local last = if text == '' then '' else text[std.length(text) - 1];
  if last == '.' || last == '?' then text
  else error who + ': "' + part + '" must be a sentence with its full stop, not "' + text + '"';

local between(value, low, high, part, who) =
  if value >= low && value <= high then value
  else error who + ': ' + part + ' is ' + value + ', want ' + low + ' to ' + high;

// A panel without a value takes the colour of the lowest step. Nothing known is neither good nor bad: grey goes below.
local grounded(thresholds) =
  if std.length(thresholds) == 0 then [[null, colours.unknown]]
  else [[null, colours.unknown], [-1e12, thresholds[0][1]]]
       + [thresholds[i] for i in std.range(1, std.length(thresholds) - 1)];

local colour_of(colour, otherwise) =
  if colour == null then { mode: otherwise } else { mode: 'fixed', fixedColor: colour };

// What all panels with queries have. `field` holds what goes for all fields; thresholds and words are given as lists.
local panel(type, p, field, options, more={}) =
  local links = [link for link in p.links if link != null];
  local drill =
    if type == 'table' then []  // not every cell leads somewhere
    else if p.drill != null then [p.drill]
    else if std.length(links) == 0 then []
    else [links[0]];
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
    targets: std.mapWithIndex(
      function(i, t) t { refId: letters[i], datasource: datasource }, p.targets
    ),
    links: links,
    fieldConfig: {
      defaults: field {
        unit: units.check(p.unit, p.key),
        noValue: if p.rare != null then p.rare else p.noValue,
        links: drill,  // with a single one Grafana makes the whole value clickable
        mappings: p.mappings,
        [if p.min != null then 'min']: p.min,
        [if p.max != null then 'max']: p.max,
        [if p.decimals != null then 'decimals']: p.decimals,
        [if std.length(thresholds) > 0 then 'thresholds']: fields.steps(thresholds, p.key),
      },
      overrides: p.overrides,
    },
    options: options,
  } + more;

local latest = { calcs: ['lastNotNull'], fields: '', values: false };
local styles = { lines: 'line', bars: 'bars' };
local texts = { auto: 1, value: 1, name: 1, value_and_name: 1 };

fields {
  // Lines over time.
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
    gap=null
  )::
    local bars = styles[oneOf(style, styles, key)] == 'bars';
    panel('timeseries', {
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
      color: colour_of(colour, 'palette-classic'),
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
    }),

  // One or a few big values. `sparkline` needs a range query; without it the value is that of now or "nothing".
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
  ):: panel('stat', {
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
    thresholds: grounded(thresholds),
    mappings: mappings,
    overrides: overrides,
  }, { color: colour_of(colour, 'thresholds') }, {
    reduceOptions: latest,
    orientation: 'auto',
    colorMode: if background then 'background_solid' else 'value',
    graphMode: if sparkline then 'area' else 'none',
    textMode: oneOf(text, texts, key),
    justifyMode: 'auto',
    wideLayout: true,
    showPercentChange: change,
    percentChangeColorMode: 'same_as_value',  // more is not always better
  }),

  // Values side by side as bars, for comparison between few things.
  bars(
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
    decimals=null,
    noValue='no data',
    rare=null,
    thresholds=[],
    mappings=[],
    overrides=[],
    colour=null,
    names='left'
  ):: panel('bargauge', {
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
    thresholds: grounded(thresholds),
    mappings: mappings,
    overrides: overrides,
  }, { color: colour_of(colour, 'thresholds') }, {
    reduceOptions: latest,
    orientation: 'horizontal',
    displayMode: 'basic',
    valueMode: 'text',
    namePlacement: oneOf(names, { left: 1, top: 1 }, key),
    showUnfilled: true,
    sizing: 'manual',
    minVizWidth: 8,
    minVizHeight: 16,
    maxVizHeight: 48,
  }),

  // What state each thing was in, over time, in words.
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
  ):: panel('state-timeline', {
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

  // Rows of instant queries. `columns`: [[label or "Value", heading], …] in order; other columns are dropped. Several
  // queries are joined by the label `join`; their columns are then "Value #A", "Value #B", …. `order` is the column
  // that says in which order the rows stand; `drill` makes the first column a link.
  table(
    key,
    title,
    what,
    good,
    act,
    targets,
    unit,
    columns,
    join=null,
    order=null,
    links=[],
    drill=null,
    wish=12,
    height=8,
    decimals=null,
    noValue='no data',
    rare=null,
    thresholds=[],
    mappings=[],
    overrides=[],
    sort=null
  )::
    local names = [c[0] for c in columns];
    assert join != null || std.length(targets) == 1 : key + ': several queries need a label to join them by';
    panel('table', {
      key: key,
      title: title,
      what: what,
      good: good,
      act: act,
      targets: targets,
      unit: unit,
      links: links,
      drill: null,
      wish: wish,
      height: height,
      min: null,
      max: null,
      decimals: decimals,
      noValue: noValue,
      rare: rare,
      thresholds: thresholds,
      mappings: mappings,
      // Grafana would print a label that looks like a number as one.
      overrides: [
        fields.named(c[1], { unit: 'string' })
        for c in columns
        if !std.startsWith(c[0], 'Value')
      ] + overrides + (
        if drill == null then [] else [fields.named(columns[0][1], { links: [drill] })]
      ),
    }, { custom: { align: 'left', cellOptions: { type: 'auto' }, filterable: false } }, {
      showHeader: true,
      cellHeight: 'sm',
      sortBy: if sort == null then [] else [{ displayName: sort, desc: true }],
    }, {
      transformations:
        (if join == null then [] else [{ id: 'joinByField', options: { byField: join, mode: 'outer' } }])
        + (if order == null then [] else [{ id: 'sortBy', options: { fields: {}, sort: [{ field: order, desc: false }] } }])
        + [
          { id: 'filterFieldsByName', options: { include: { names: names } } },
          {
            id: 'organize',
            options: {
              indexByName: { [names[i]]: i for i in std.range(0, std.length(names) - 1) },
              renameByName: { [c[0]]: c[1] for c in columns },
            },
          },
        ],
    }),

  // Prose for the reader. It asks no data source and has no unit.
  text(key, title, description, content, links=[], wish=24, height=6):: {
    type: 'text',
    key:: key,
    wish:: wish,
    height:: height,
    title: title,
    description: sentence(description, 'description', key),
    links: links,
    options: { mode: 'markdown', content: content },
    fieldConfig: { defaults: {}, overrides: [] },
  },
}
