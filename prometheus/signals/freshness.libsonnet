// Something that must have happened lately: every minute is one event, bad while it is too old.

function(catalogue, service, signal)
  local when =
    if std.objectHas(signal, 'metric') then 'max(' + signal.metric + ')'
    else 'max(platform_exporter_source_last_success_timestamp_seconds{source="' + signal.source + '"})';
  local stale = 'service:stale:bool{service="' + service.name + '"}';
  {
    events: 'minutes',
    // What has never happened has no time; a source that is asked in vain is as stale as can be.
    records: {
      'service:stale:bool':
        'time() - ' + when + ' > bool ' + signal.within
        + if std.objectHas(signal, 'metric') then ''
        else '\nor\n1 - max(platform_exporter_source_up{source="' + signal.source + '"})',
    },
    total(window):: 'present_over_time(' + stale + '[' + window + ']) / 60',
    bad(window):: 'avg_over_time(' + stale + '[' + window + ']) / 60',
  }
