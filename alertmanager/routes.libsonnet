// Who hears of which alert: by priority, every channel that asks for it.

// Two alerts of one name on one component are one message; the same on two components are two.
local group_by = ['alertname', 'service'];

local channel_route(channel) = {
  receiver: channel.name,
  matchers: ['priority =~ "' + std.join('|', channel.priorities) + '"'],
  // The next channel may want the same alert.
  continue: true,
};

// Repeated at every tick of the group, which is what group_interval means; a longer repeat_interval would skip ticks.
local heartbeat_route(heartbeat) = {
  receiver: 'heartbeat',
  matchers: ['alertname = "Watchdog"'],
  group_wait: '0s',
  group_interval: heartbeat.every,
  repeat_interval: '1s',
};

function(catalogue)
  local alerting = catalogue.alerting;
  {
    // Alerts without a priority, such as those of rules written by hand, must not be lost.
    receiver: 'default',
    group_by: group_by,
    group_wait: alerting.timing.group_wait,
    group_interval: alerting.timing.group_interval,
    repeat_interval: alerting.timing.repeat_interval,
    routes: (if alerting.heartbeat == null then [] else [heartbeat_route(alerting.heartbeat)])
            + [channel_route(channel) for channel in alerting.channels],
  }
