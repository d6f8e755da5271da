// Rows of instant queries. `columns`: [[label or "Value", heading], …] in order; other columns are dropped. Several
// queries are joined by the label `join`, or by all labels (`merge`); their columns are then "Value #A", "Value #B", ….
// `order` is the column that says in which order the rows stand, `sort` the heading of the one that is largest first,
// or several headings, smallest first unless they stand in `most`; `drill` makes the first column a link.
local fields = import '../fields.libsonnet';
local panel = import 'panel.libsonnet';

{
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
    merge=false,
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
    sort=null,
    most=[]
  )::
    local names = [c[0] for c in columns];
    assert join != null || merge || std.length(targets) == 1 : key + ': several queries need a label to join them by';
    panel.of('table', {
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
      ] + [fields.named(columns[0][1], { 'custom.minWidth': 130 })] + overrides + (
        if drill == null then [] else [fields.named(columns[0][1], { links: [drill] })]
      ),
    }, {
      // Narrow enough for five columns on a phone.
      custom: { align: 'left', minWidth: 62, cellOptions: { type: 'auto' }, filterable: false },
    }, {
      showHeader: true,
      cellHeight: 'sm',
      sortBy:
        if sort == null then []
        else if std.isArray(sort) then [{ displayName: heading, desc: std.member(most, heading) } for heading in sort]
        else [{ displayName: sort, desc: true }],
    }, {
      transformations:
        (if merge then [{ id: 'merge', options: {} }] else [])
        + (if join == null then [] else [{ id: 'joinByField', options: { byField: join, mode: 'outer' } }])
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
}
