// Grafana's provisioning: which data sources it has and where it finds the dashboards.
function(catalogue)
  local monitoring = catalogue.monitoring;
  {
    'grafana/provisioning/datasources/prometheus.yml': {
      apiVersion: 1,
      datasources: [
        {
          name: 'Prometheus',
          uid: 'prometheus',
          type: 'prometheus',
          access: 'proxy',
          url: monitoring.prometheus,
          isDefault: true,
          editable: false,
          jsonData: {
            httpMethod: 'POST',
            timeInterval: monitoring.scrape_interval,  // $__rate_interval is four times this
            prometheusType: 'Prometheus',
            manageAlerts: true,
            alertmanagerUid: 'alertmanager',
          },
        },
        {
          name: 'Alertmanager',
          uid: 'alertmanager',
          type: 'alertmanager',
          access: 'proxy',
          url: monitoring.alertmanager,
          editable: false,
          jsonData: { implementation: 'prometheus', handleGrafanaManagedAlerts: false },
        },
      ],
    },
    'grafana/provisioning/dashboards/dashboards.yml': {
      apiVersion: 1,
      providers: [
        {
          name: 'platform-exporter',
          orgId: 1,
          type: 'file',
          disableDeletion: false,
          updateIntervalSeconds: 30,
          allowUiUpdates: false,
          options: {
            path: std.get(monitoring, 'grafana_dashboards', '/etc/grafana/dashboards'),
            foldersFromFilesStructure: true,
          },
        },
      ],
    },
  }
