// Have customers gone? No error budget burns when nobody gets as far as an error.

local services = import '../lib/service.libsonnet';

function(catalogue) {
  TrafficStopped: {
    'for': '10m',
    priority: 'p2',
    kind: 'symptom',
    // Requests per second in the hour before last; a service quieter than this falls silent by nature. Once it
    // fires it goes on until requests come back: two hours of nothing are no recovery.
    threshold: '0.02',
    rules: [
      {
        service: service.name,
        words: { service: service.name, title: service.title, question: service.question },
        // The last part bridges times in which nothing is known: they are no requests either.
        expr: |||
          service:requests:rate5m{service="%(service)s"} == 0
          and on (service)
          (
            avg_over_time(service:requests:rate5m{service="%(service)s"}[1h] offset 1h) > %(threshold)s
            or on (service)
            ALERTS{alertname="TrafficStopped", alertstate="firing", service="%(service)s"}
          )
          or
          0 * max by (service) (ALERTS{alertname="TrafficStopped", alertstate="firing", service="%(service)s"})
          unless on (service)
          service:requests:rate5m{service="%(service)s"}
        |||,
        value: '{{ $value | humanize }} requests/s',
        threshold: 'none for %(for)s, after more than %(threshold)s requests/s an hour before',
        summary: '%(title)s gets no requests any more.',
        description: 'No request has arrived for %(for)s or longer; before, there were more than %(threshold)s a second.',
        impact: '%(question)s Nobody even gets to try.',
        action: 'Open the product as a customer would, then check DNS, certificates and routes in front of it.',
        panel: 'service/' + service.name + '/traffic',
      }
      for service in services.with_signal(catalogue)
      if services.signal(catalogue, service).counts_customers
    ],
  },
}
