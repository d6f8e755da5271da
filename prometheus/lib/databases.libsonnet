// The same alert for each database of the platform, with its names and whoever depends on it.

local dependents(catalogue, source) = [
  service.title
  for service in catalogue.services
  if std.member(service.depends_on, source)
];

{
  // part.panel is the last word of the panel's key; part.health asks for databases whose health is measured, part.awake
  // for those that do not scale to zero.
  each(catalogue, part):: [
    part {
      local titles = dependents(catalogue, database.source),
      service: database.source,
      labels: { source: database.source },
      words: {
        source: database.source,
        target: database.target,
        title: database.title,
        dependents: if titles == [] then 'no service names it as a dependency' else std.join(', ', titles),
      },
      panel: 'postgres/' + database.target + '/' + part.panel,
    }
    for database in catalogue.sources
    if database.kind == 'postgres'
       && (!std.get(part, 'health', false) || std.get(database, 'health', false))
       && (!std.get(part, 'awake', false) || !std.objectHas(database, 'sleeps'))
  ],
}
