// None, or nothing known? An empty answer of Prometheus is both. Numbers of alerts are 0 only where somebody looks.
{
  // 1 while the exporter answers Prometheus; nothing otherwise. What asks nobody has no alerts either.
  answers: '(max(up{job="platform-exporter"}) == 1)',

  // What `expr` says while the exporter answers: a rate goes on for as long as its window after the last answer.
  asked(expr):: '(' + expr + ') and on () ' + self.answers,

  // What `expr` says; else 0 where `known` exists; else nothing.
  zero(expr, known=self.answers):: expr + ' or 0 * ' + known,

  // Alerts that fire, by more matchers. Unresolved repeats another alert, and those of severity "none" are nobody's task.
  firing(matchers):: 'ALERTS{alertstate="firing", alertname!="Unresolved", ' + matchers + '}',

  // `of(series)` of those that fire, by severity.
  severities(names):: function(of) [of(self.firing('severity="' + name + '"')) for name in names],

  // Of `series` what was in the step that begins at each point, to be looked at as a whole: a timeline draws each point up
  // to the next, and the last one, which may be hours old on a page of a month, up to now.
  step(series):: series + '[$__rate_interval] offset -$__interval',

  // The last of these steps, at each point.
  last_step(series):: series + '[$__rate_interval] @ end() offset -$__interval',

  // How `series` ended each step; it is there if it was at any time of it.
  ever(series):: 'last_over_time(' + self.step(series) + ')',

  // A line that ends at what is now. Steps may be shorter than what is between two values: then as Prometheus has it.
  line(series):: '(' + self.ever(series) + ' or ' + series + ')',

  // The same of the largest in each step: no zoom, and no narrow screen, skips what was short. `ago`, such as 1d, is how
  // much earlier. The sum takes the name from the series, as the maximum does: each is one line, not two.
  largest(series, ago='')::
    if ago == '' then '(max_over_time(' + self.step(series) + ') or ' + series + ' + 0)'
    else 'max_over_time(' + series + '[$__rate_interval] offset ' + ago + ')',

  // What a card says beside such a line: a single value of a few seconds would be one of many.
  last_minute(series):: 'max_over_time(' + series + '[1m])',

  // The last of these steps may have begun a moment ago, too short to be drawn: what is wrong in it stands for the step
  // before, too. So this is `aggregation` over the last step, at the last two points only.
  local edge(aggregation, series) =
    '(' + aggregation + '_over_time(' + self.last_step(series)
    + ') and on () vector(time() * 1000) > $__to - 2 * $__interval_ms)',

  // What `expr` says of each step in which the exporter answered at all; of the last one, if it answers at its end.
  told(expr)::
    local up = 'up{job="platform-exporter"}';
    '(' + expr + ') and on () (max(max_over_time(' + self.step(up) + ')) == 1 unless on () max(' + edge('last', up) + ') < 1)',

  // The alerts `series` that fired at any time of each step.
  fired(series):: '(max_over_time(' + self.step(series) + ') or ' + edge('max', series) + ')',

  // The highest, or with `min` the lowest, of `series` in each step; that is the worst of it.
  extreme(series, aggregation='max')::
    local whole = aggregation + '_over_time(' + self.step(series) + ')';
    '(' + edge(aggregation, series) + { max: ' > ', min: ' < ' }[aggregation] + whole + ' or ' + whole + ')',

  // How bad the alerts are (states.alert), for each value of the label `by`; at any time of each step.
  worst(by, matchers)::
    local any(severity) = self.fired(self.firing('severity="' + severity + '", ' + matchers));
    'max by (' + by + ') (3 * ' + any('critical') + ' or 2 * ' + any('warning') + ' or ' + any('info') + ')',

  // The same of now, of all together; 0 is none.
  worst_now(matchers):: self.zero(std.join(' or ', [
    level[0] + ' * max(' + self.firing('severity="' + level[1] + '", ' + matchers) + ')'
    for level in [['3', 'critical'], ['2', 'warning'], ['1', 'info']]
  ])),

  // Many series exist only while there is something: a lock that somebody waits for, a failure with its reason. What
  // `expr` says; where it says nothing, a 0 named `word` in the label `label`, as long as `known` exists.
  or_none(expr, known, label, word)::
    '(' + expr + ') or on () label_replace(0 * max(' + known + '), "' + label + '", "' + word + '", "", "")',

  // Those series of `expr` for which `events`, a counter by the same labels, counted anything in the time shown. A
  // counter has all its labels from the start, and most of them stay at 0 for ever.
  counted(expr, events, by):: '(' + expr + ') and on (' + by + ') (increase(' + events + '[$__range] @ end()) > 0)',
}
