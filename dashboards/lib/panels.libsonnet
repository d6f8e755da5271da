// One function per panel type. Parameters are named and checked, so that a slip is an error here and not a blank
// space in Grafana. Every panel answers three questions in its description: what it shows (`what`), what good
// looks like (`good`) and what to do otherwise (`act`). `wish` is the wished width in columns of 24. `links` stand in
// the panel's corner; a click on a value follows `drill`, or the first of them. `noValue` is what is written where
// data are missing; `rare` is what is written where none is the usual case (a failure, an alert).
(import 'fields.libsonnet')
+ (import 'panels/timeseries.libsonnet')
+ (import 'panels/stat.libsonnet')
+ (import 'panels/bars.libsonnet')
+ (import 'panels/timeline.libsonnet')
+ (import 'panels/table.libsonnet')
+ (import 'panels/text.libsonnet')
