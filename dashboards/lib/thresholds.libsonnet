// Where "good" ends for signals that have no objective in the platform file. One place, so that a panel's colour,
// its line and its description agree.
{
  connections: { warn: 0.8, bad: 0.9 },  // share of max_connections
  cache_hit: { warn: 0.99, bad: 0.9 },  // share of blocks found in shared buffers
  transaction_seconds: { warn: 60, bad: 300 },  // age of the oldest open transaction
  budget_left: { warn: 0.25, bad: 0 },  // share of the error budget
  error_ratio: { warn: 0.01, bad: 0.05 },  // share of failed requests of a service without an objective
  worker_cpu_seconds: { warn: 0.01, bad: 0.05 },  // CPU time of one invocation, 99th percentile
}
