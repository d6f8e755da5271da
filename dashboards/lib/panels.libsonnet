// One function per panel type. Parameters are named and checked, so that a slip is an error here and not a blank
// space in Grafana. Every panel answers three questions in its description: what it shows (`what`), what good
// looks like (`good`) and what to do otherwise (`act`). `wish` is the wished width in columns of 24.
local colours = import 'colours.libsonnet';
local fields = import 'fields.libsonnet';
local units = import 'units.libsonnet';

local datasource = { type: 'prometheus', uid: '${datasource}' };

local oneOf(value, allowed, who) =
  if std.member(allowed, value) then value else error '%s: "%s" is none of %s' % [who, value, std.join(', ', allowed)];

local sentence(text, part, who) =
  local last = if text == '' then '' else text[std.length(text) - 1];
  if last == '.' || last == '?' then text
  else error '%s: "%s" must be a sentence with its full stop, not "%s"' % [who, part, text];

// A panel without a value takes the colour of the lowest step. Nothing known is neither good nor bad: grey goes below.
local grounded(thresholds) =
  if thresholds == [] then [[null, colours.unknown]]
  else [[null, colours.unknown], [-1e12, thresholds[0][1]]] + thresholds[1:];

local base(type, key, title, what, good, act, targets, unit, links, wish, height) =
  assert targets != [] : key + ': a panel without queries';
  {
    type: type,
    key:: key,
    wish:: if wish >= 3 && wish <= 24 then wish else error key + ': wish for 3 to 24 columns',
    height:: if height >= 3 && height <= 12 then height else error key + ': between 3 and 12 rows high',
    title: title,
    // Added up, not formatted: std.format reads its pattern character by character, in Jsonnet.
    description: sentence(what, 'what', key)
                 + '\n\n**Good:** ' + sentence(good, 'good', key)
                 + '\n\n**Otherwise:** ' + sentence(act, 'act', key),
    datasource: datasource,
    targets: std.mapWithIndex(
      function(i, t) t { refId: std.char(65 + i), datasource: datasource }, targets
    ),
    links: links,
    fieldConfig: {
      defaults: {
        unit: units.check(unit, key),
        links: links[0:1],  // with a single one Grafana makes the whole value clickable
      },
      overrides: [],
    },
  };

fields {
  // Lines over time. `worded`: series are named after words that have a colour of their own (colours.libsonnet).
  timeseries(
    key,
    title,
    what,
    good,
    act,
    targets,
    unit,
    links=[],
    wish=8,
    height=8,
    min=0,
    max=null,
    softMin=null,
    softMax=null,
    decimals=null,
    noValue='no data',
    thresholds=[],
    mappings=[],
    overrides=[],
    colour=null,
    style='lines',
    stack=false,
    fill=12,
    legend=true,
    gap=null,
    worded=false
  )::
    local coloured =
      if colour == null then { mode: 'palette-classic' } else { mode: 'fixed', fixedColor: colour };
    base('timeseries', key, title, what, good, act, targets, unit, links, wish, height)
    + $.settings(key, min, max, decimals, noValue, thresholds, mappings)
    + $.field({
      color: coloured,
      custom: {
        drawStyle: { lines: 'line', bars: 'bars' }[oneOf(style, ['lines', 'bars'], key)],
        lineInterpolation: 'linear',
        lineWidth: if style == 'bars' || stack then 0 else 2,
        fillOpacity: if style == 'bars' then 80 else if stack then 65 else fill,
        gradientMode: if stack || style == 'bars' then 'none' else 'opacity',
        showPoints: 'never',
        spanNulls: if gap == null then false else gap,
        stacking: { mode: if stack then 'normal' else 'none', group: 'A' },
        axisBorderShow: false,
        thresholdsStyle: { mode: if thresholds == [] then 'off' else 'dashed' },
      } + $.optional('axisSoftMin', softMin) + $.optional('axisSoftMax', softMax),
    })
    + {
      fieldConfig+: {
        overrides: [
          $.named(word, { color: $.fixed(colours.words[word]) })
          for word in std.objectFields(colours.words)
          if worded
        ] + overrides,
      },
      options: {
        legend: {
          showLegend: legend,
          displayMode: if legend then 'list' else 'hidden',
          placement: 'bottom',
          calcs: [],
        },
        tooltip: { mode: 'multi', sort: 'desc' },
      },
    },

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
    wish=4,
    height=4,
    min=null,
    max=null,
    decimals=null,
    noValue='no data',
    thresholds=[],
    mappings=[],
    overrides=[],
    colour=null,
    background=false,
    sparkline=false,
    change=false,
    text='auto'
  )::
    base('stat', key, title, what, good, act, targets, unit, links, wish, height)
    + $.settings(key, min, max, decimals, noValue, grounded(thresholds), mappings)
    + $.field({ color: if colour == null then { mode: 'thresholds' } else { mode: 'fixed', fixedColor: colour } })
    + {
      fieldConfig+: { overrides: overrides },
      options: {
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        orientation: 'auto',
        colorMode: if background then 'background_solid' else 'value',
        graphMode: if sparkline then 'area' else 'none',
        textMode: oneOf(text, ['auto', 'value', 'name', 'value_and_name'], key),
        justifyMode: 'auto',
        wideLayout: true,
        showPercentChange: change,
        percentChangeColorMode: 'same_as_value',  // more is not always better,
      },
    },

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
    wish=8,
    height=8,
    min=0,
    max=null,
    decimals=null,
    noValue='no data',
    thresholds=[],
    mappings=[],
    overrides=[],
    colour=null
  )::
    base('bargauge', key, title, what, good, act, targets, unit, links, wish, height)
    + $.settings(key, min, max, decimals, noValue, grounded(thresholds), mappings)
    + $.field({ color: if colour == null then { mode: 'thresholds' } else { mode: 'fixed', fixedColor: colour } })
    + {
      fieldConfig+: { overrides: overrides },
      options: {
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        orientation: 'horizontal',
        displayMode: 'basic',
        valueMode: 'text',
        namePlacement: 'left',
        showUnfilled: true,
        sizing: 'manual',
        minVizWidth: 8,
        minVizHeight: 16,
        maxVizHeight: 48,
      },
    },

  // What state each thing was in, over time, in words.
  timeline(
    key,
    title,
    what,
    good,
    act,
    targets,
    links=[],
    wish=12,
    height=8,
    noValue='no data',
    mappings=[],
    overrides=[]
  )::
    base('state-timeline', key, title, what, good, act, targets, 'none', links, wish, height)
    + $.settings(key, null, null, null, noValue, [], mappings)
    // Not by thresholds: Grafana would merge states by threshold and print its bounds instead of the words.
    + $.field({ color: $.fixed(colours.unknown), custom: { fillOpacity: 85, lineWidth: 0, spanNulls: false } })
    + {
      fieldConfig+: { overrides: overrides },
      options: {
        mergeValues: true,
        showValue: 'auto',
        alignValue: 'left',
        rowHeight: 0.8,
        perPage: 20,
        legend: { showLegend: false, displayMode: 'list', placement: 'bottom' },
        tooltip: { mode: 'multi', sort: 'none' },
      },
    },

  // Rows of an instant query. `columns`: label or "Value" → heading, in order; other columns are dropped.
  table(
    key,
    title,
    what,
    good,
    act,
    targets,
    unit,
    columns,
    links=[],
    wish=12,
    height=8,
    decimals=null,
    noValue='no data',
    thresholds=[],
    mappings=[],
    overrides=[],
    sort=null
  )::
    local names = [c[0] for c in columns];
    base('table', key, title, what, good, act, targets, unit, links, wish, height)
    + $.settings(key, null, null, decimals, noValue, thresholds, mappings)
    + $.field({ custom: { align: 'left', cellOptions: { type: 'auto' }, filterable: false } })
    + {
      fieldConfig+: { overrides: overrides },
      options: {
        showHeader: true,
        cellHeight: 'sm',
        sortBy: if sort == null then [] else [{ displayName: sort, desc: true }],
      },
      transformations: [
        { id: 'filterFieldsByName', options: { include: { names: names } } },
        {
          id: 'organize',
          options: {
            indexByName: { [names[i]]: i for i in std.range(0, std.length(names) - 1) },
            renameByName: { [c[0]]: c[1] for c in columns },
          },
        },
      ],
    },

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
