// Key figures of the platform file, recorded so that views, alerts and other tools read them by name.
//
//   kpi_value{kpi="…"}    what the team's expression gives now; of several series the worst, so that it is always one
//   kpi_target{kpi="…"}   what it is to reach, or to stay below
//   kpi_met{kpi="…"}      1 when it does, else 0; absent with the value

local worst(op) = if op[0] == '>' then 'min' else 'max';

function(catalogue)
  local rules(kpi) =
    local labels = { kpi: kpi.kpi, view: kpi.view };
    local value = 'kpi_value{kpi="' + kpi.kpi + '"}';
    [
      { record: 'kpi_value', expr: worst(kpi.op) + '(' + kpi.expr + ')', labels: labels },
      { record: 'kpi_target', expr: 'vector(' + kpi.target + ')', labels: labels },
      // Rules of a group are evaluated in order: this reads the value of the same moment. What is no number (0 of 0) is
      // equal to nothing, and neither met nor missed.
      { record: 'kpi_met', expr: '(' + value + ' == ' + value + ') ' + kpi.op + ' bool ' + kpi.target, labels: labels },
    ];
  if std.length(catalogue.kpis) == 0 then []
  else [{ name: 'kpis', rules: std.flatMap(rules, catalogue.kpis) }]
