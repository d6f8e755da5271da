// Panels for the team's own SQL. Nothing here knows a metric by name: type, unit and labels decide how it is shown,
// and a query may say `panel: stat|timeseries|bar` where it knows better.
local colours = import '../lib/colours.libsonnet';
local dashboard = import '../lib/dashboard.libsonnet';
local panels = import '../lib/panels.libsonnet';
local t = import '../lib/targets.libsonnet';
local units = import '../lib/units.libsonnet';

local upper(text) = std.asciiUpper(text[0]) + text[1:];

// As declared; else the query's title if it has a single metric; else the metric's name in words.
local title(query, metric) =
  local named = [
    metric.name[0:std.length(metric.name) - std.length(suffix)]
    for suffix in ['_total', '_seconds', '_dollars', '_bytes', '_ratio']
    if std.endsWith(metric.name, suffix)
  ];
  local bare = std.strReplace((named + [metric.name])[0], 'business_', '');
  if std.get(metric, 'title') != null then metric.title
  else if std.length(query.metrics) == 1 then query.title
  else upper(std.strReplace(bare, '_', ' '));

// A sum where values add up, else a mean.
local over(metric) = if units.additive(metric.unit) then 'sum' else 'avg';
local whole(metric, expr) = over(metric) + '(' + expr + ')';
local key(query, metric) = 'query/' + query.name + '/' + metric.name;
local by(metric) = '{{' + metric.own[0] + '}}';

// "Customers by plan", but not "Feature adoption by feature".
local by_title(query, metric) =
  local text = title(query, metric);
  local named = std.strReplace(std.asciiLower(text), metric.own[0], '') != std.asciiLower(text);
  if named then text else text + ' by ' + metric.own[0];

local decimals(unit) = if units.money(unit) then 0 else null;

local good(metric) =
  if metric.type == 'counter' then 'The usual pace for this hour and weekday.'
  else 'Steady, or moving the way the plan says.';

local act(query) =
  'Ask what changed: a release, a price, a campaign, an incident; the number comes from the query "'
  + query.name + '" in the platform file.';

// The line of an earlier period, for metrics that are one line.
local compared(before, after, every) = [
  t.range(before + after, 'now', every),
  t.range(before + ' offset $compare' + after, '${compare:text} before', every),
];
local every(query) = query.every_seconds + 's';
local gap(query) = 4000 * std.parseJson(query.every_seconds);  // milliseconds: a poll or three may fail

// Counters are shown as what happens, so a total becomes events per minute or day.
local rateBy(query, metric, links) =
  panels.timeseries(
    key(query, metric),
    title(query, metric) + ' per minute',
    what=metric.help,
    good=good(metric),
    act=act(query),
    targets=[t.range(
      '60 * sum by (' + metric.own[0] + ') (rate(' + metric.name + metric.selector + '[$__rate_interval]))',
      by(metric),
      every(query)
    )],
    unit='suffix: /min',
    links=links,
    wish=12,
    stack=true,
    overrides=panels.worded(colours.of_label(metric.own[0])),
    gap=gap(query),
  );

local eventsPerDay(query, metric, links) = panels.timeseries(
  key(query, metric),
  title(query, metric) + ' per day',
  what=metric.help + ' Counted over the 24 hours before each point; dashed: earlier.',
  good=good(metric),
  act=act(query),
  targets=compared('sum(increase(' + metric.name + metric.selector + '[1d]', '))', every(query)),
  unit='suffix: /day',
  links=links,
  colour=colours.neutral,
  decimals=0,
  overrides=[panels.before],
  gap=gap(query),
);

local level(query, metric, links) = panels.timeseries(
  key(query, metric),
  title(query, metric),
  what=metric.help + ' Dashed: earlier.',
  good=good(metric),
  act=act(query),
  targets=compared(over(metric) + '(' + metric.name + metric.selector, ')', every(query)),
  unit=metric.unit,
  links=links,
  min=if units.additive(metric.unit) then null else 0,
  colour=if units.money(metric.unit) then colours.accent else colours.neutral,
  decimals=decimals(metric.unit),
  overrides=[panels.before],
  gap=gap(query),
);

local levelBy(query, metric, links) =
  panels.timeseries(
    key(query, metric),
    by_title(query, metric),
    what=metric.help,
    good=good(metric),
    act=act(query),
    targets=[t.range(
      over(metric) + ' by (' + metric.own[0] + ') (' + metric.name + metric.selector + ')',
      by(metric),
      every(query)
    )],
    unit=metric.unit,
    links=links,
    stack=units.additive(metric.unit),
    overrides=panels.worded(colours.of_label(metric.own[0])),
    decimals=decimals(metric.unit),
    gap=gap(query),
  );

local barsBy(query, metric, links) =
  panels.bars(
    key(query, metric),
    by_title(query, metric),
    what=metric.help + ' The latest value of each.',
    good=good(metric),
    act=act(query),
    targets=[t.instant(
      'sort_desc(' + over(metric) + ' by (' + metric.own[0] + ') (' + metric.name + metric.selector + '))',
      by(metric)
    )],
    unit=metric.unit,
    links=links,
    colour=if units.money(metric.unit) then colours.accent else colours.neutral,
    decimals=decimals(metric.unit),
  );

{
  // Bars compare values that may overlap (users of each feature): their sum is no headline.
  summable(query, metric):: metric.type == 'counter' || query.panel != 'bar',

  title:: title,

  // With what the dashed lines are compared: the week before has the same rhythm.
  compare: dashboard.choice(
    'compare',
    'Compared with',
    [['a week', '1w'], ['a day', '1d'], ['an hour', '1h']],
    'How much earlier the dashed lines are.'
  ),

  all(ctx):: [{ query: q, metric: m } for q in ctx.queries for m in q.metrics],

  // One big number with its course and, for levels, its change over the time shown.
  headline(query, metric, links, wish=4):: panels.stat(
    'headline/' + query.name + '/' + metric.name,
    title(query, metric),
    what=metric.help + (
      if metric.type == 'counter' then ' Counted over the time range of this page.'
      else ' The percentage is the change over the time range of this page.'
    ),
    good=good(metric),
    act=act(query),
    targets=[
      if metric.type == 'counter'
      then t.instant('sum(increase(' + metric.name + metric.selector + '[$__range]))', title(query, metric))
      else t.range(whole(metric, metric.name + metric.selector), title(query, metric), every(query)),
    ],
    unit=metric.unit,
    links=links,
    wish=wish,
    decimals=if metric.type == 'counter' then 0 else decimals(metric.unit),
    colour=if units.money(metric.unit) then colours.accent else colours.neutral,
    sparkline=metric.type != 'counter',
    change=metric.type != 'counter',
  ),

  // The course of one metric, or null when its query wants only the big number.
  chart(query, metric, links)::
    local labelled = metric.own != [];
    if query.panel == 'stat' then null
    else if metric.type == 'counter' then
      (if labelled then rateBy(query, metric, links) else eventsPerDay(query, metric, links))
    else if labelled && query.panel == 'bar' then barsBy(query, metric, links)
    else if labelled then levelBy(query, metric, links)
    else level(query, metric, links),
}
