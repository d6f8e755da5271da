// prometheus.yml: whom to scrape, which rules to load, whom to tell.

local url = import 'lib/url.libsonnet';

function(catalogue)
  // The exporter does not know for which platform it works; Prometheus does, and says so on every series.
  local identity = { platform: catalogue.platform, environment: catalogue.environment };
  local job(name, targets, path='') = {
    job_name: name,
    [if path != '' then 'metrics_path']: path + '/metrics',
    static_configs: [{ targets: targets, labels: identity }],
  };
  local server(name, address) =
    local parts = url.parse(address);
    { [if parts.scheme != 'http' then 'scheme']: parts.scheme } + job(name, [parts.host], parts.path);
  // A vendor's own metrics. They have no label `target`, so no rule takes them for the exporter's.
  local vendor(scrape) = {
    job_name: scrape.job,
    scheme: 'https',
    metrics_path: scrape.path,
    scrape_interval: scrape.interval,
    scrape_timeout: scrape.timeout,
    basic_auth: { username: scrape.username, password_file: scrape.password_file },
    static_configs: [{ targets: [scrape.host], labels: identity }],
  };
  local alertmanager = url.parse(catalogue.monitoring.alertmanager);
  {
    global: {
      scrape_interval: catalogue.monitoring.scrape_interval,
      evaluation_interval: catalogue.monitoring.evaluation_interval,
      // Alerts made of recorded or constant series have no target labels; routes and inhibition rely on these two.
      external_labels: identity,
    },
    rule_files: ['rules/*.yml'],
    alerting: {
      alertmanagers: [{
        [if alertmanager.scheme != 'http' then 'scheme']: alertmanager.scheme,
        [if alertmanager.path != '' then 'path_prefix']: alertmanager.path,
        static_configs: [{ targets: [alertmanager.host] }],
      }],
    },
    scrape_configs: [
      job('platform-exporter', [catalogue.monitoring.exporter]),
      server('prometheus', catalogue.monitoring.prometheus),
      server('alertmanager', catalogue.monitoring.alertmanager),
    ] + (
      if std.length(catalogue.monitoring.node_exporters) == 0 then []
      else [job('node', catalogue.monitoring.node_exporters)]
    ) + std.map(vendor, std.get(catalogue, 'scrapes', [])),
  }
