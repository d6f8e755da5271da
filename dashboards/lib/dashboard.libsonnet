// A whole dashboard around its sections: everything that is the same for all of them is said here and only here.
local colours = import 'colours.libsonnet';
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
local start(name, metric, title, text) =
  annotation(name, colours.blue, metric + ' * 1000 > $__from', title, text, 'target,version')
  { useValueForTime: true };

local annotations(ctx, severities) = [
  annotation(
    'Firing alerts',
    colours.bad,
    'ALERTS{alertstate="firing", severity=~"' + severities + '"}',
    '{{alertname}}',
    '{{severity}} {{service}}',
    'severity,service,priority'
  ),
  start('Exporter restarts',
        'process_start_time_seconds and on (job, instance) platform_exporter_build_info',
        '{{job}} started',
        '{{instance}}'),
] + (
  if std.length(ctx.health) == 0 then []
  else [start('Restarts and deployments', 'health_start_time_seconds', '{{target}} started', 'as its health document says')]
) + (
  if !ctx.maintained then []
  else [annotation(
    'Maintenance',
    colours.unknown,
    'maintenance:active == 1',
    'Maintenance of {{service}}',
    'Announced; its time is left out of the service levels',
    'service'
  )]
);

// Ids from keys: links to a panel (viewPanel=…) outlive every change of order.
local identify(uid, panels) = [
  local id = std.parseHex(std.substr(std.md5(uid + '/' + p.key), 0, 7));
  if p.type == 'row' then
    local children = identify(uid, p.panels);
    p { id: id, panels: children }
  else p { id: id }
  for p in panels
];

local ids(panels) = std.flatMap(function(p) [p.id] + (if p.type == 'row' then [c.id for c in p.panels] else []), panels);

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
  // A variable with a fixed list of values: [[text, value], …], the first one chosen. A single one is not shown.
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
    hide: if std.length(values) == 1 then 2 else 0,
  },

  // The dashboard `name` of ctx.views.
  new(ctx, name, title, description, sections, from, refresh, severities='critical|warning', variables=[])::
    local view = ctx.views[name];
    local panels = identify(view.uid, layout.panels(sections));
    local all = ids(panels);
    assert std.length(view.uid) <= 40 : view.uid + ': Grafana allows 40 characters in a uid';
    assert std.length(std.set(all)) == std.length(all) : view.uid + ': two panels have the same key';
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
      annotations: { list: annotations(ctx, severities) },
      links: bar(ctx),
      panels: panels,
    },
}
