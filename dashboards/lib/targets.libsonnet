// Queries of a panel. The panel numbers them (refId) and gives them its data source.
{
  // A line over the time range. `every`: seconds between two values of a slowly polled source.
  range(expr, legend='', every=null):: {
    expr: expr,
    legendFormat: legend,
    range: true,
    instant: false,
    format: 'time_series',
    editorMode: 'code',
    [if every != null then 'interval']: every,
  },

  // Only the latest value. Statements about now use this one: a range query would go on showing the last value
  // of a series that ended long ago.
  instant(expr, legend=''):: {
    expr: expr,
    legendFormat: legend,
    range: false,
    instant: true,
    format: 'time_series',
    editorMode: 'code',
  },

  // One row per series, one column per label.
  table(expr):: {
    expr: expr,
    range: false,
    instant: true,
    format: 'table',
    editorMode: 'code',
  },
}
