// Why a source fails, in the exporter's closed list of words ("auth", "timeout", …): the middle of a sentence, for
// descriptions whose words hold `source`.

local text = import 'text.libsonnet';

text.paragraph(|||
  {{ with query `platform_exporter_source_failing{source="%(source)s"} == 1` }}
  {{- range $i, $failing := . }}{{ if $i }}, {{ end }}{{ $failing | label "reason" }}{{ end }}
  {{- else }}not known{{ end }}
|||)
