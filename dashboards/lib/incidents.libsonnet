// What an incident is, the same in every number, list and timeline: a critical alert on what customers feel, or a database
// that is down, which they feel next. Other causes may be felt by nobody, and go on for as long as their windows after
// customers are served again. Where nothing tells what customers feel, whatever is critical is one; what is wrong with the
// monitoring itself never is.
local known = import 'known.libsonnet';

function(ctx)
  local kinds =
    if std.length(ctx.services) + std.length(ctx.health) == 0 then ['kind!="meta"']
    else ['kind="symptom"', 'alertname="DatabaseDown"'];
  // `of(series)` of each kind that fires, by more matchers; what is felt comes first.
  local each(of, more='') = [of(known.firing('severity="critical", ' + kind + more)) for kind in kinds];
  {
    each:: each,

    // All that fire, by more matchers; `of(series)` of them where they are not asked for at a moment.
    all(more='', of=function(series) series):: '(' + std.join(' or ', each(of, more)) + ')',
  }
