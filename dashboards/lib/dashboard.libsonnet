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
  annotation(name, colours.blue, '%s * 1000 > $__from' % metric, title, text, 'target,version')
  { useValueForTime: true };

local annotations(ctx, severities) = [
  annotation(
    'Firing alerts',
    colours.bad,
    'ALERTS{alertstate="firing", severity=~"%s"}' % severities,
    '{{alertname}}',
    '{{severity}} {{service}}',
    'severity,service,priority'
  ),
  start('Exporter restarts',
        'process_start_time_seconds and on (job, instance) platform_exporter_build_info',
        '{{job}} started',
        '{{instance}}'),
] + (
  if ctx.health == [] then []
  else [start('Restarts and deployments', 'health_start_time_seconds', '{{target}} started', 'as its health document says')]
);

// Ids from keys: links to a panel (viewPanel=…) outlive every change of order.
local identify(uid, panels) = [
  local id = std.parseHex(std.md5(uid + '/' + p.key)[0:7]);
  local children = if p.type == 'row' then identify(uid, p.panels) else [];
  p { id: id, panels: children }
  for p in panels
];

local withoutEmptyPanels(panels) = [
  if p.type == 'row' then p { panels: withoutEmptyPanels(p.panels) }
  else { [k]: p[k] for k in std.objectFields(p) if k != 'panels' }
  for p in panels
];

local ids(panels) = std.flattenArrays([[p.id] + ids(p.panels) for p in panels]);

{
  new(ctx, view, title, description, sections, from, refresh, severities='critical|warning', variables=[])::
    local uid = ctx.uids[view];
    local panels = identify(uid, layout.panels(sections));
    local all = ids(panels);
    assert std.length(uid) <= 40 : '%s: Grafana allows 40 characters in a uid' % uid;
    assert std.length(std.set(all)) == std.length(all) : '%s: two panels have the same key' % uid;
    {
      uid: uid,
      title: ctx.title + ' · ' + title,
      description: description,
      tags: ['platform-exporter', ctx.platform, view],
      schemaVersion: 42,
      version: 1,
      editable: false,
      graphTooltip: 1,
      timezone: 'browser',
      weekStart: 'monday',
      liveNow: false,
      refresh: refresh,
      time: { from: from, to: 'now' },
      timepicker: { refresh_intervals: ['10s', '30s', '1m', '5m', '15m', '1h'] },
      templating: { list: [datasourceVariable] + variables },
      annotations: { list: annotations(ctx, severities) },
      links: [
        {
          type: 'dashboards',
          title: 'Views',
          tags: ['platform-exporter', ctx.platform],
          asDropdown: false,
          includeVars: true,
          keepTime: false,  // each view has its own natural range
          targetBlank: false,
          icon: 'external link',
          tooltip: '',
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
      ],
      panels: withoutEmptyPanels(panels),
    },
}
