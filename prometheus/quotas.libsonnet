// How much of each quota is used, and how fast.
//
//   quota:used:ratio   used share of the limit
//   quota:pace:ratio   1 when, at the pace since its reset, the quota is used up at the next one; for those that reset

// How far the period has come, in UTC.
local elapsed = {
  daily: '(hour() * 60 + minute()) / 1440',
  monthly: '(day_of_month() - 1 + (hour() * 60 + minute()) / 1440) / days_in_month()',
};

{
  elapsed:: elapsed,

  groups(catalogue)::
    local quotas = catalogue.quotas;
    if std.length(quotas) == 0 then [] else [{
      name: 'quotas',
      interval: '1m',
      rules: [
        { record: 'quota:used:ratio', expr: '(' + quota.used + ') / ' + quota.limit, labels: { quota: quota.name } }
        for quota in quotas
      ] + [
        {
          record: 'quota:pace:ratio',
          expr: 'quota:used:ratio{quota="' + quota.name + '"}\n/ on () group_left ()\n(' + elapsed[quota.resets] + ' > 0)',
        }
        for quota in quotas
        if quota.resets != 'never'
      ],
    }],
}
