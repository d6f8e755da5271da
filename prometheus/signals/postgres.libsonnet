// A database as a service: every look of the exporter is one event, bad when the server does not answer.

local looks = import '../lib/looks.libsonnet';

function(catalogue, service, signal)
  local seen = looks(catalogue, 'postgres', signal.target);
  {
    events: 'looks',
    total: seen.total('pg_up'),
    bad: seen.bad('pg_up'),
  }
