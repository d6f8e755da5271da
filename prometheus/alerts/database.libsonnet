// Does each database answer?

local reason = import '../lib/reason.libsonnet';

local dependents(catalogue, source) = [
  service.title
  for service in catalogue.services
  if std.member(service.depends_on, source)
];

function(catalogue) {
  DatabaseDown: {
    'for': '1m',
    priority: 'p1',
    kind: 'cause',
    rules: [
      {
        local titles = dependents(catalogue, database.source),
        service: database.source,
        labels: { source: database.source },
        words: {
          source: database.source,
          target: database.target,
          title: database.title,
          dependents: if titles == [] then 'no service names it as a dependency' else std.join(', ', titles),
        },
        expr: 'max by (target) (pg_up{target="%(target)s"}) == 0',
        value: 'pg_up {{ $value }}',
        threshold: 'pg_up 0 for %(for)s',
        summary: '%(title)s does not answer.',
        description: '%(title)s has refused or ignored every query for %(for)s (reason: ' + reason + ').',
        impact: 'Whatever reads or writes this database fails: %(dependents)s.',
        action: 'Connect by hand as the exporter does; the reason says where to look first.',
        panel: 'postgres/' + database.target + '/up',
      }
      for database in catalogue.sources
      if database.kind == 'postgres'
    ],
  },
}
