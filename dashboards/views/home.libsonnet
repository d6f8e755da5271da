// The first page: is anything wrong, and where do I read on?
local dashboard = import '../lib/dashboard.libsonnet';
local layout = import '../lib/layout.libsonnet';
local panels = import '../lib/panels.libsonnet';
local exporter = import '../rows/exporter.libsonnet';
local operations = import '../rows/operations.libsonnet';
local services = import '../rows/services.libsonnet';

// Short: on a phone each takes one line.
local about = {
  executive: 'Are our promises kept?',
  technical: 'What is wrong, and where?',
  business: 'What do customers do and pay?',
  operations: 'What fires, what runs full?',
  service: 'One service, its alerts.',
  slo: 'One promise, its budget.',
  postgres: 'One database server.',
  statements: 'Which SQL takes time?',
  health: 'What the parts say.',
  workers: 'The code at the edge.',
  exporter: 'Can these pages be believed?',
};
local order = [
  'executive',
  'technical',
  'business',
  'operations',
  'service',
  'slo',
  'postgres',
  'statements',
  'health',
  'workers',
  'exporter',
];

local guide(ctx, names, key, title) = panels.text(
  key,
  title,
  'The pages there are, and the question that each of them answers.',
  std.join('\n', [
    '- **[' + ctx.views[name].title + '](' + ctx.links.to(name).url + ')** ' + about[name]
    for name in names
    if ctx.views[name].exists
  ]),
  wish=12,
  height=6,
);

function(ctx)
  local own = exporter.parts(ctx);
  local questions = [services.question(ctx, s) for s in ctx.services];
  local state = [operations.critical(ctx), operations.warning(ctx), own.failing, own.answer];
  local few = std.length(questions) <= 2;
  dashboard.new(
    ctx,
    'home',
    'Home',
    'Is anything wrong, and where do I read on?',
    [
      layout.section('', (if few then [questions + state] else layout.spread(questions, 4) + [state]) + [
        [operations.components(ctx)],
        [
          guide(ctx, [order[i] for i in std.range(0, 3)], 'views', 'Views'),
          guide(ctx, [order[i] for i in std.range(4, std.length(order) - 1)], 'details', 'Details'),
        ],
      ]),
    ],
    from='now-24h',
    refresh='1m',
  )
