// When somebody is to be left alone: hours of business, windows of maintenance. Names of time intervals, and themselves.

local business_hours = 'business-hours';
local name(window) = 'maintenance-' + window.name;

{
  // The section time_intervals.
  definitions(alerting)::
    (
      if alerting.business_hours == null then []
      else [{ name: business_hours, time_intervals: alerting.business_hours.intervals }]
    ) + [{ name: name(window), time_intervals: window.intervals } for window in alerting.maintenance],

  // Services that some window is about, apart from the windows for the whole platform.
  services(alerting):: std.set(std.flatMap(function(window) window.services, alerting.maintenance)),

  // These priorities in sets of those that are silent at the same hours.
  alike(alerting, priorities)::
    local hours(priority) = std.manifestJsonMinified(self.on_route(alerting, priority));
    [
      [priority for priority in priorities if hours(priority) == same]
      for same in std.set(std.map(hours, priorities))
    ],

  // Whether some window is for the whole platform.
  for_all(alerting):: std.length([0 for window in alerting.maintenance if window.services == []]) > 0,

  // What a route for this priority carries; service null: for all services that no window names. Nothing mutes p1, and
  // work on the product is no reason to hear nothing of what watches it.
  on_route(alerting, priority, service=null, monitoring=false)::
    local windows = if monitoring then [] else [
      name(window)
      for window in alerting.maintenance
      if window.services == [] || (service != null && std.member(window.services, service))
    ];
    (if priority == 'p1' || windows == [] then {} else { mute_time_intervals: windows })
    + (
      if alerting.business_hours == null || !std.member(alerting.business_hours.priorities, priority) then {}
      else { active_time_intervals: [business_hours] }
    ),
}
