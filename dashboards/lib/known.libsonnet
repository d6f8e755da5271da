// None, or nothing known? An empty answer of Prometheus is both. Numbers of alerts are 0 only where somebody looks.
{
  // Exists as long as Prometheus asks the exporter, whatever the answer: down, the exporter is an alert of its own.
  alerts: 'max(up{job="platform-exporter"})',

  // What `expr` says; else 0 where `known` exists; else nothing.
  zero(expr, known=self.alerts):: expr + ' or 0 * ' + known,
}
