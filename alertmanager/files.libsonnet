// The folder alertmanager/ of the generated tree: path → document, or text.

local config = import 'config.libsonnet';

// The team's own word for a priority, as a template that the others call.
local priority_words(priorities) = std.join('', [
  '{{ define "platform.word" -}}\n',
  '{{ if eq . "" }}no priority{{ end }}',
  std.join('', [
    '{{ if eq . "' + priority + '" }}' + priorities[priority].word + '{{ end }}'
    for priority in std.objectFields(priorities)
  ]),
  '\n{{- end }}\n',
]);

function(catalogue) {
  'alertmanager/alertmanager.yml': config(catalogue),
  'alertmanager/templates/platform.tmpl':
    (importstr 'templates/platform.tmpl') + '\n' + priority_words(catalogue.alerting.priorities),
}
