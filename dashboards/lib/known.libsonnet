// None, or nothing known? An empty answer of Prometheus is both. Numbers of alerts are 0 only where somebody looks.
{
  // Exists as long as Prometheus asks the exporter, whatever the answer: down, the exporter is an alert of its own.
  alerts: 'max(up{job="platform-exporter"})',

  // What `expr` says while the exporter answers: a rate goes on for as long as its window after the last answer.
  asked(expr):: expr + ' and on () (' + self.alerts + ' == 1)',

  // What `expr` says; else 0 where `known` exists; else nothing.
  zero(expr, known=self.alerts):: expr + ' or 0 * ' + known,

  // Alerts that fire, by more matchers. Unresolved repeats another alert, and those of severity "none" are nobody's task.
  firing(matchers):: 'ALERTS{alertstate="firing", alertname!="Unresolved", ' + matchers + '}',

  // How bad the alerts are (states.alert), for each value of the label `by`; at any time of each step.
  worst(by, matchers)::
    local any(severity) =
      'max_over_time(' + self.firing('severity="' + severity + '", ' + matchers) + '[$__rate_interval])';
    'max by (' + by + ') (3 * ' + any('critical') + ' or 2 * ' + any('warning') + ' or ' + any('info') + ')',

  // Many series exist only while there is something: a lock that somebody waits for, a failure with its reason. What
  // `expr` says; where it says nothing, a 0 named `word` in the label `label`, as long as `known` exists.
  or_none(expr, known, label, word)::
    '(' + expr + ') or on () label_replace(0 * max(' + known + '), "' + label + '", "' + word + '", "", "")',

  // Those series of `expr` for which `events`, a counter by the same labels, counted anything in the time shown. A
  // counter has all its labels from the start, and most of them stay at 0 for ever.
  counted(expr, events, by):: '(' + expr + ') and on (' + by + ') (increase(' + events + '[$__range] @ end()) > 0)',
}
