// The same alert for each database of the platform, with its names and whoever depends on it.

// Whatever is measured on it, or needs it at however many removes: alerts of the latter are silent while it is down.
local dependents(catalogue, source) = [
  service.title
  for service in catalogue.services
  if std.member(service.rests_on, source)
];

// Pages that ask which server they are about.
local about_one = ['postgres', 'statements'];

// Not by std.findSubstr, which is Jsonnet itself and slow.
local count(text, part) = (std.length(text) - std.length(std.strReplace(text, part, ''))) / std.length(part);

// Whether an expression can have a value on a server some of whose collectors are off: it lacks their metrics. `or` does
// with one side, and so does `unless`, all others need both.
local fed(database, expr) =
  local missing = std.foldl(
    function(sum, metric) sum + count(expr, metric + '{'),
    std.flattenArrays(std.objectValues(std.get(database, 'off', {}))),
    0
  );
  local alternatives = count(expr, ' or ') + count(expr, 'unless ') > 0;
  missing == 0 || alternatives && missing < count(expr, '{target=');

{
  // part.panel is the last word of the panel's key, in the server's row of the technical dashboard or on the page
  // part.dashboard; part.health asks for databases whose health is measured, part.awake for those that do not scale to
  // zero.
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
      panel: std.get(part, 'dashboard', 'postgres/' + database.target) + '/' + part.panel,
      variables: if std.member(about_one, std.get(part, 'dashboard')) then { target: database.target } else {},
    }
    for database in catalogue.sources
    if database.kind == 'postgres'
       && (!std.get(part, 'health', false) || std.get(database, 'health', false))
       && (!std.get(part, 'awake', false) || !std.objectHas(database, 'sleeps'))
       && fed(database, part.expr)
  ],
}
