// Does the public page say what is true? Whether messages reach people is in alertmanager.libsonnet.

function(catalogue) {
  StatusPageBehind: {
    'for': '10m',
    priority: 'p3',
    kind: 'meta',
    rules: if catalogue.alerting.status_page == null then [] else [{
      service: 'status-page',
      expr: 'max by (component) (platform_exporter_status_page_pending) > 0',
      value: 'not published',
      threshold: 'not published for %(for)s',
      summary: 'The public status page does not say what is true.',
      description: 'The state of {{ $labels.component }} has waited for %(for)s to be published.',
      impact: 'Customers are told that all is well when it is not, or the reverse.',
      action: "The exporter's landing page has the answer of the page's vendor; set the component by hand until then.",
      dashboard: 'exporter',
    }],
  },
}
