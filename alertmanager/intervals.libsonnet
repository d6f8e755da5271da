// When somebody is to be left alone: hours of business, windows of maintenance. Names of time intervals, and themselves.

local business_hours = 'business-hours';
local name(window) = 'maintenance-' + window.name;

// Whether work on the product mutes an alert; service null: of a service that no window names, kind null: of a kind that
// none names. Work is no reason to hear nothing of what watches it, unless it is done on that very thing.
local muted(window, service, kind) =
  local all = window.services == [];
  (all || (service != null && std.member(window.services, service)))
  && (if window.mutes == [] then !all || kind != 'meta' else kind != null && std.member(window.mutes, kind));

{
  // The section time_intervals.
  definitions(alerting)::
    (
      if alerting.business_hours == null then []
      else [{ name: business_hours, time_intervals: alerting.business_hours.intervals }]
    ) + [{ name: name(window), time_intervals: window.intervals } for window in alerting.maintenance],

  // Services that some window is about, apart from the windows for the whole platform.
  services(alerting):: std.set(std.flatMap(function(window) window.services, alerting.maintenance)),

  // Kinds of alerts that some window treats otherwise than the rest, in the order in which they are looked for: of what
  // watches the product nothing is slow; what is slow is a symptom or a cause as well, and those are what is left.
  kinds(alerting)::
    local named = std.set(std.flatMap(function(window) window.mutes, alerting.maintenance));
    local slow = std.setInter(named, ['cause', 'performance', 'symptom']) != [];
    ['meta'] + (if slow then ['performance'] else []) + [kind for kind in named if kind != 'performance'],

  // These priorities in sets of those that are silent at the same hours.
  alike(alerting, priorities)::
    local hours(priority) = std.manifestJsonMinified(self.on_route(alerting, priority));
    [
      [priority for priority in priorities if hours(priority) == same]
      for same in std.set(std.map(hours, priorities))
    ],

  // What a route for this priority carries, and for this service and kind, where some window names them. Nothing mutes p1.
  on_route(alerting, priority, service=null, kind=null)::
    local windows = [name(window) for window in alerting.maintenance if muted(window, service, kind)];
    (if priority == 'p1' || windows == [] then {} else { mute_time_intervals: windows })
    + (
      if alerting.business_hours == null || !std.member(alerting.business_hours.priorities, priority) then {}
      else { active_time_intervals: [business_hours] }
    ),
}
