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

// Labels that say how something ended, and the words for a good end.
local outcomes = ['status', 'outcome', 'result'];
local well = 'completed|succeeded|success|successful|ok|paid|healthy';
local ends(metric) = std.length([0 for label in outcomes if metric.own[:1] == [label]]) > 0;

local per_minute(metric, by='', offset='') =
  '60 * sum' + by + ' (rate(' + metric.name + metric.selector + '[$__rate_interval]' + offset + '))';
local earlier(query, metric) =
  t.range(per_minute(metric, offset=' offset $compare'), '${compare:text} before', every(query));

// Counters are shown as what happens, so a total becomes events per minute or day.
local rate(query, metric, links) =
  local usual(bound) = '60 * anomaly:' + bound + '{anomaly="' + metric.name + '"}';
  panels.timeseries(
    key(query, metric),
    title(query, metric) + ' per minute',
    what=metric.help + ' Dashed: earlier; shaded: what is usual at this hour.',
    good=good(metric),
    act=act(query),
    targets=[
      t.range(per_minute(metric), 'now', every(query)),
      earlier(query, metric),
      t.range(usual('upper'), 'usual at most', every(query)),
      t.range(usual('lower'), 'usual at least', every(query)),
    ],
    unit='suffix: /min',
    links=links,
    overrides=[panels.painted('now', colours.neutral), panels.before] + panels.band('usual at least', 'usual at most'),
    gap=gap(query),
  );

// What went wrong is a thin line on top of all that went well; so it has a panel of its own.
local failures(query, metric, links) =
  local label = metric.own[0];
  local bad = metric { selector: std.strReplace(metric.selector, '}', ', ' + label + '!~"' + well + '"}') };
  panels.timeseries(
    key(query, metric) + '/ends',
    title(query, metric) + ' that did not end well',
    what='Share of all that ended otherwise than well, by ' + label + '. ' + metric.help,
    good='A few percent, and steady.',
    act=act(query),
    targets=[t.range(
      per_minute(bad, ' by (' + label + ')') + ' / on () group_left () (' + per_minute(metric) + ' > 0)',
      by(metric),
      every(query)
    )],
    unit='percentunit',
    links=links,
    fill=0,
    overrides=panels.by_name + panels.worded(colours.of_label(label)),
    gap=gap(query),
  );

local rateBy(query, metric, links) =
  panels.timeseries(
    key(query, metric),
    title(query, metric) + ' per minute',
    what=metric.help + ' Dashed: all of them, earlier.',
    good=good(metric),
    act=act(query),
    targets=[
      t.range(per_minute(metric, ' by (' + metric.own[0] + ')'), by(metric), every(query)),
      earlier(query, metric),
    ],
    unit='suffix: /min',
    links=links,
    stack=true,
    overrides=panels.by_name + panels.worded(colours.of_label(metric.own[0])) + [panels.before_stack],
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

// An axis of seconds goes by tens and hundreds, which as hours, minutes and seconds read 00:01:40, 00:03:20: it is one of
// minutes.
local axis(metric) =
  if metric.unit == 'dthms' then { unit: 'suffix: min', scale: ' / 60' } else { unit: metric.unit, scale: '' };

local level(query, metric, links) = panels.timeseries(
  key(query, metric),
  title(query, metric),
  what=metric.help + ' Dashed: earlier.',
  good=good(metric),
  act=act(query),
  targets=compared(over(metric) + '(' + metric.name + metric.selector, ')' + axis(metric).scale, every(query)),
  unit=axis(metric).unit,
  links=links,
  min=if units.additive(metric.unit) then null else 0,
  fill=if units.additive(metric.unit) then 0 else 12,  // an area without its zero lies about proportions
  colour=if units.money(metric.unit) then colours.accent else colours.neutral,
  overrides=[panels.before],
  gap=gap(query),
);

local levelBy(query, metric, links) =
  local sums = units.additive(metric.unit);
  local series = metric.name + metric.selector;
  panels.timeseries(
    key(query, metric),
    by_title(query, metric),
    what=metric.help + (if sums then ' Dashed: all of them, earlier.' else ''),
    good=good(metric),
    act=act(query),
    targets=[
      t.range(
        over(metric) + ' by (' + metric.own[0] + ') (' + series + ')' + axis(metric).scale, by(metric), every(query)
      ),
    ] + (
      if sums then [t.range('sum(' + series + ' offset $compare)', '${compare:text} before', every(query))] else []
    ),
    unit=axis(metric).unit,
    links=links,
    stack=sums,
    overrides=panels.by_name + panels.worded(colours.of_label(metric.own[0])) + [panels.before_stack],
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
    alone='${__field.labels.' + metric.own[0] + '}',
    unit=metric.unit,
    links=links,
    colour=if units.money(metric.unit) then colours.accent else colours.neutral,
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

  // One big number of now and its change against what it was `earlier`: $compare, or $__range, which for counters would
  // be the time before the one that is shown, of which less may be known.
  headline(query, metric, links, earlier, wish=4)::
    local counter = metric.type == 'counter';
    local series = metric.name + metric.selector;
    local metric_colour = if units.money(metric.unit) then colours.accent else colours.neutral;
    local ranged = earlier == '$__range';
    local compared = !(counter && ranged);
    // An increase is never exact. Not by decimals, which Grafana counts after it has made 1,058,202 one million.
    local events = counter && metric.unit == 'short';
    local at(offset) =
      if events then 'round(sum(increase(' + series + '[$__range]' + offset + ')))'
      else if counter then 'sum(increase(' + series + '[$__range]' + offset + '))'
      // Of long ago there may be a value every few minutes only.
      else if offset != '' then whole(metric, 'last_over_time(' + series + '[15m]' + offset + ')')
      else whole(metric, series);
    // Rounded as it is shown, 0.0 % is neither up nor down. Of seven events against two no tenth of a percent is known.
    local decimals = if events then 0 else 1;
    local change = 'round(100 * (' + at('') + ' / (' + at(' offset ' + earlier) + ' > 0) - 1)'
                   + (if events then '' else ', 0.1') + ')';
    panels.stat(
      'headline/' + query.name + '/' + metric.name,
      title(query, metric),
      what=metric.help + (if counter then ' Counted over the time range of this page.' else '') + (
        if !compared then ''
        else if ranged then ' The percentage is the change over the time range of this page, ▲ up or ▼ down.'
        else ' The percentage is the change, ▲ up or ▼ down, against as much earlier as the page compares with.'
      ),
      good=good(metric),
      act=act(query),
      targets=[t.instant(at(''), title(query, metric))] + (
        if !compared then []
        else [
          t.instant(change + ' > 0', 'up'),
          t.instant('-' + change + ' > 0', 'down'),
          t.instant(change + ' == 0', 'same'),
        ]
      ),
      unit=metric.unit,
      links=links,
      wish=wish,
      colour=metric_colour,
      text='value',
      overrides=[
        panels.named('up', { unit: 'suffix: % ▲', decimals: decimals }),
        panels.named('down', { unit: 'suffix: % ▼', decimals: decimals }),
        panels.named('same', { mappings: panels.ranges([[null, null, 'as before', metric_colour]]) }),
      ],
    ),

  // The course of one metric; nothing when its query wants only the big number.
  charts(query, metric, links)::
    local labelled = metric.own != [];
    if query.panel == 'stat' then []
    else if metric.type == 'counter' then
      if ends(metric) then [rate(query, metric, links), failures(query, metric, links)]
      else if labelled then [rateBy(query, metric, links)]
      else [eventsPerDay(query, metric, links)]
    else if labelled && query.panel == 'bar' then [barsBy(query, metric, links)]
    else if labelled then [levelBy(query, metric, links)]
    else [level(query, metric, links)],
}
