// One database server, in the order of an operator's questions.
local dashboard = import '../lib/dashboard.libsonnet';
local postgres = import '../rows/postgres.libsonnet';

function(ctx) dashboard.new(
  ctx,
  'postgres',
  'Postgres',
  'One database server, in the order of the questions: is it there, who waits, what grows, are its copies good?',
  postgres.sections(ctx),
  from='now-6h',
  refresh='1m',
  variables=[dashboard.choice(
    'target', 'Database', [[s.title, s.target] for s in ctx.postgres], 'The server that this page is about.'
  )],
)
