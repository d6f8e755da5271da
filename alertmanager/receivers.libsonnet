// Ways to reach people: one function a kind of channel, the texts in templates/platform.tmpl.
//
// send_resolved is always written: Alertmanager's own default differs from kind to kind.

local present(object) = { [key]: object[key] for key in std.objectFields(object) if object[key] != null };

// Alerts of rules written by hand may lack both links: PagerDuty drops an empty one.
local runbook = '{{ template "platform.runbook" . }}';
local dashboard = '{{ template "platform.dashboard" . }}';
local silence = '{{ template "platform.silence" . }}';

local plain(annotation) = '{{ template "platform.plain" .CommonAnnotations.' + annotation + ' }}';

local configs = {
  pagerduty(catalogue, channel):: {
    pagerduty_configs: [{
      send_resolved: true,
      routing_key_file: channel.routing_key_file,
      url: channel.url,
      severity: '{{ template "platform.pagerduty.severity" . }}',
      description: '{{ template "platform.title" . }}',
      source: catalogue.platform + ' ' + catalogue.environment,
      component: '{{ .CommonLabels.service }}',
      group: catalogue.platform,
      class: '{{ .CommonLabels.alertname }}',
      client: catalogue.title + ' monitoring',
      client_url: dashboard,
      details: {
        priority: '{{ template "platform.priority" . }}',
        // PagerDuty derives it from the severity when its service is set to; said here for those that are not.
        urgency: '{{ template "platform.pagerduty.urgency" . }}',
        environment: catalogue.environment,
        service: '{{ .CommonLabels.service }}',
        metric: '{{ .CommonLabels.alertname }}',
        since: '{{ template "platform.spans" . }}',
        value: '{{ template "platform.values" . }}',
        threshold: '{{ template "platform.thresholds" . }}',
        description: '{{ template "platform.descriptions" . }}',
        impact: plain('impact'),
        action: plain('action'),
        vendors: plain('vendors'),
        runbook: runbook,
        dashboard: dashboard,
        silence: silence,
      },
      links: [
        { href: runbook, text: 'Runbook' },
        { href: dashboard, text: 'Dashboard' },
        { href: silence, text: 'Silence' },
      ],
    }],
  },

  slack(catalogue, channel):: {
    slack_configs: [{
      send_resolved: true,
      api_url_file: channel.webhook_file,
      channel: channel.channel,
      username: catalogue.title + ' monitoring',
      color: '{{ template "platform.colour" . }}',
      title: '{{ template "platform.slack.title" . }}',
      title_link: dashboard,
      fallback: '{{ template "platform.slack.title" . }}',
      text: '{{ template "platform.slack.text" . }}',
      footer: catalogue.title + ', ' + catalogue.environment,
      mrkdwn_in: ['text'],
    }],
  },

  email(catalogue, channel):: {
    email_configs: [present({
      send_resolved: true,
      to: channel.to,
      from: channel.from,
      smarthost: channel.smarthost,
      require_tls: channel.require_tls,
      auth_username: std.get(channel, 'auth_username'),
      auth_password_file: std.get(channel, 'auth_password_file'),
      headers: { Subject: '{{ template "platform.title" . }}' },
      html: '{{ template "platform.email.html" . }}',
      text: '{{ template "platform.email.text" . }}',
    })],
  },

  // Told when it begins and no more: routes.libsonnet says why. Keys come from Alertmanager's own environment or role.
  sms(catalogue, channel):: {
    sns_configs: [
      present({
        send_resolved: false,
        api_url: channel.url,
        sigv4: { region: channel.region },
        phone_number: number,
        message: '{{ template "platform.sms" . }}',
      })
      for number in channel.numbers
    ],
  },
};

{
  // The receiver's integrations, without its name.
  configs(catalogue, channel)::
    if std.objectHasAll(configs, channel.kind) then configs[channel.kind](catalogue, channel)
    else error 'alerting.channels.' + channel.name + ': no receiver of kind ' + channel.kind,

  // A resolved Watchdog means that alerting stopped; telling the far end of it would count as one more heartbeat.
  heartbeat(heartbeat):: {
    webhook_configs: [{ send_resolved: false, url: heartbeat.url }],
  },

  // The exporter, which publishes; the token keeps others from doing so.
  status_page(page):: {
    webhook_configs: [{
      send_resolved: true,
      url: page.url,
      max_alerts: 20,  // the exporter takes no more than 64 KiB, and one alert of a group says as much as all
      http_config: { authorization: { type: 'Bearer', credentials_file: page.token_file } },
    }],
  },
}
