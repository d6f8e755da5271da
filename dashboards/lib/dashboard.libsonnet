// A whole dashboard around its sections: everything that is the same for all of them is said here and only here.
local colours = import 'colours.libsonnet';
local known = import 'known.libsonnet';
local layout = import 'layout.libsonnet';

local datasource = { type: 'prometheus', uid: '${datasource}' };

local datasourceVariable = {
  type: 'datasource',
  name: 'datasource',
  label: 'Prometheus',
  query: 'prometheus',
  current: { text: 'Prometheus', value: 'prometheus' },
  hide: 0,
  refresh: 1,
};

local annotation(name, colour, expr, title, text, tags, enable=true) = {
  name: name,
  datasource: datasource,
  enable: enable,
  iconColor: colour,
  target: { expr: expr, refId: 'Anno' },
  expr: expr,  // up to Grafana 10 the query stood here
  titleFormat: title,
  textFormat: text,
  tagKeys: tags,
};

// Marks where a process began, at the very second, however coarse the step: the value is the time.
local start(name, metric, title, text, enable) =
  annotation(name, colours.blue, '(' + metric + ') * 1000 > $__from', title, text, 'target,version', enable)
  { useValueForTime: true };

// Between two steps of a month lies half a day: what was only then is found by looking at the whole step.
local whole(series) = 'max_over_time(' + known.step(series) + ')';

// Of several alerts at a time the most urgent alone: shades over each other would hide the curves just in a fault.
local firing(marked) =
  local alerts = marked(whole);
  local n = std.length(alerts);
  'topk(1, ' + std.join(' or ', [
    (n - i) + ' * max by (alertname, service, severity, priority) (' + alerts[i] + ')'
    for i in std.range(0, n - 1)
  ]) + ')';

local annotations(ctx, marked, starts) = [
  annotation(
    'Firing alerts',
    colours.bad,
    firing(marked),
    '{{alertname}}',
    '{{severity}} {{service}}',
    'severity,service,priority'
  ),
  start('Exporter restarts',
        'process_start_time_seconds and on (job, instance) platform_exporter_build_info',
        '{{job}} started',
        '{{instance}}',
        starts),
] + (
  if std.length(ctx.health) == 0 then []
  else [start('Restarts and deployments',
              'health_start_time_seconds',
              '{{target}} started',
              'as its health document says',
              starts)]
) + (
  if !ctx.maintained then []
  else [annotation(
    'Maintenance',
    colours.unknown,
    whole('platform_exporter_maintenance_active') + ' == 1',
    'Maintenance: {{window}}',
    'Announced; its time is left out of the service levels',
    'window'
  )]
);

// A click leads on: links to the page itself are left out, and the value follows the first of the others. A link that
// chooses another subject leads on, too.
local onward(uid, p) =
  // strReplace is native in C++ Jsonnet; startsWith and findSubstr go by the character and took a second for all pages.
  local has(text, part) = !std.primitiveEquals(std.strReplace(text, part, ''), text);
  local here(link) = has(link.url, '/d/' + uid + '?') && !has(link.url, '&var-');
  local given = std.get(p, 'links', []);
  local links = std.filter(function(link) !here(link), given);
  if std.length(links) >= std.length(given) then p
  else
    local drill = std.get(p.fieldConfig.defaults, 'links', []);
    p {
      links: links,
      fieldConfig+: {
        defaults+: { links: if std.length(drill) > 0 && here(drill[0]) then links[:1] else drill },
      },
    };

// What std.parseHex says of seven digits; it takes a thousand steps for them.
local values = {
  '0': 0,
  '1': 1,
  '2': 2,
  '3': 3,
  '4': 4,
  '5': 5,
  '6': 6,
  '7': 7,
  '8': 8,
  '9': 9,
  a: 10,
  b: 11,
  c: 12,
  d: 13,
  e: 14,
  f: 15,
};
local hexadecimal(text) =
  local digit(i) = values[text[i]];
  ((((((digit(0) * 16 + digit(1)) * 16 + digit(2)) * 16 + digit(3)) * 16 + digit(4)) * 16 + digit(5)) * 16) + digit(6);

// Ids from keys: links to a panel (viewPanel=…) outlive every change of order.
local identify(uid, panels) = [
  local id = hexadecimal(std.md5(uid + '/' + p.key));
  if std.objectHasEx(p, 'panels', false) then
    local children = identify(uid, p.panels);
    p { id: id, panels: children }
  else onward(uid, p) { id: id }
  for p in panels
];

// Jsonnet refuses an object with the same field twice, and says the field; a set of ids is sorted letter by letter.
local unique(uid, panels) =
  local all = panels + [c for p in panels if std.objectHasEx(p, 'panels', false) for c in p.panels];
  std.length({ [uid + ': a second panel ' + name]: 1 for p in all for name in [p.key, 'of id ' + p.id] }) > 0;

// The first heading says what time is shown: a phone has no room for it beside the clock at the top.
local shown = '${__from:date:MMM D, HH:mm} – ${__to:date:MMM D, HH:mm}';
local headed(sections) =
  local kept = [s for s in sections if std.length(s.lines) > 0];
  local first = kept[0];
  [first { title: if first.title == '' then shown else first.title + ' · ' + shown }] + kept[1:];

local bar(ctx) = [
  {
    type: 'dashboards',
    title: 'Views',
    tags: ['platform-exporter', ctx.platform, 'view'],
    asDropdown: false,
    includeVars: true,
    keepTime: true,
    targetBlank: false,
    icon: 'external link',
    tooltip: '',
    url: '',
  },
  {
    type: 'dashboards',
    title: 'Details',
    tags: ['platform-exporter', ctx.platform, 'detail'],
    asDropdown: true,
    includeVars: true,
    keepTime: true,
    targetBlank: false,
    icon: 'external link',
    tooltip: 'One subject each',
    url: '',
  },
  {
    type: 'link',
    title: 'Alerts',
    tags: [],
    asDropdown: false,
    includeVars: false,
    keepTime: false,
    targetBlank: true,
    icon: 'bolt',
    tooltip: 'What fires now, in Alertmanager',
    url: ctx.links.firing.url,
  },
];

{
  // A variable with a fixed list of values: [[text, value], …], the first one chosen. A single one is shown, too: it
  // says what the page is about.
  choice(name, label, values, description, chosen=0):: {
    type: 'custom',
    name: name,
    label: label,
    description: description,
    query: std.join(',', [v[0] + ' : ' + v[1] for v in values]),
    current: { text: values[chosen][0], value: values[chosen][1] },
    options: std.mapWithIndex(
      function(i, v) { text: v[0], value: v[1], selected: i == chosen }, values
    ),
    multi: false,
    includeAll: false,
    hide: 0,
  },

  // A variable with the values of the label `of` that Prometheus knows in the time shown. `every` is [text, regular expression]
  // of all of them, which is chosen first.
  found(name, label, metric, of, every, description):: {
    local values = 'label_values(' + metric + ', ' + of + ')',
    type: 'query',
    name: name,
    label: label,
    description: description,
    datasource: datasource,
    definition: values,
    query: { query: values, refId: 'Values' },
    refresh: 2,
    sort: 1,
    current: { text: every[0], value: ['$__all'] },
    multi: true,
    includeAll: true,
    allValue: every[1],
    hide: 0,
  },

  // The dashboard `name` of ctx.views. `marked(of)`: `of(series)` of the alerts that are marked, the most urgent first.
  // `starts`: whether starts and deployments are marked from the beginning.
  new(ctx, name, title, description, sections, from, refresh, marked=known.severities(['critical', 'warning']), variables=[], starts=true)::
    local view = ctx.views[name];
    local panels = identify(view.uid, layout.panels(headed(sections)));
    assert std.length(view.uid) <= 40 : view.uid + ': Grafana allows 40 characters in a uid';
    assert unique(view.uid, panels);
    {
      uid: view.uid,
      title: ctx.title + ' · ' + title,
      description: description,
      tags: ['platform-exporter', ctx.platform, if view.folder == 'Details' then 'detail' else 'view', name],
      schemaVersion: 42,
      version: 1,
      editable: false,
      graphTooltip: 1,  // shared crosshair
      timezone: 'browser',
      weekStart: 'monday',
      liveNow: false,
      refresh: refresh,
      time: { from: from, to: 'now' },
      timepicker: { refresh_intervals: ['10s', '30s', '1m', '5m', '15m', '1h'] },
      templating: { list: [datasourceVariable] + variables },
      annotations: { list: annotations(ctx, marked, starts) },
      links: bar(ctx),
      panels: panels,
    },
}
