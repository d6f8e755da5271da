-- Half a year of business before the demo begins, so that its numbers look like a company's and not like a test's.

insert into organizations (name, plan, created_at, cancelled_at)
select
    (array['Alder', 'Birch', 'Cedar', 'Dogwood', 'Elm', 'Fir', 'Hazel', 'Juniper', 'Larch', 'Maple', 'Oak', 'Rowan'])[1 + n % 12]
        || ' ' || (array['Legal', 'Dental', 'Homes', 'Motors', 'Travel', 'Health', 'Studio'])[1 + n % 7] || ' ' || n,
    (array['starter', 'starter', 'starter', 'team', 'team', 'enterprise'])[1 + (n * 7) % 6],
    joined,
    case when n % 9 = 4 then least(joined + interval '1 day' * (20 + n % 50), now() - interval '1 hour') end
from generate_series(1, 240) as n,
     lateral (select now() - interval '180 days' * (1 - sqrt(n / 240.0)) - interval '2 hours' as joined) as j;

insert into users (organization_id, email, created_at, last_seen_at)
select o.id, 'user' || u || '@org' || o.id || '.example', o.created_at,
       coalesce(o.cancelled_at, now() - interval '1 hour' * ((o.id * 31 + u * 17) % 735))
from organizations as o,
     generate_series(1, case o.plan when 'starter' then 2 when 'team' then 6 else 14 end) as u;

insert into subscriptions (organization_id, plan, monthly_cents, started_at, ended_at)
select id, plan, case plan when 'starter' then 4900 when 'team' then 19900 else 89900 end, created_at, cancelled_at
from organizations;

insert into calls (organization_id, user_id, status, started_at, ended_at, duration_seconds)
select u.organization_id, u.id, s.status, s.started_at, s.started_at + interval '1 second' * s.seconds, s.seconds
from (
    select n,
           now() - interval '60 days' * (n / 24000.0) - interval '1 minute' as started_at,
           case when n % 67 = 0 then 'failed' when n % 89 = 0 then 'missed' else 'completed' end as status,
           case when n % 89 = 0 then 0 else 20 + (n * 7919) % 580 end as seconds
    from generate_series(1, 24000) as n
) as s
join lateral (
    select id, organization_id from users where id = 1 + (s.n * 131) % (select max(id) from users)
) as u on true;

insert into feature_use (user_id, feature, day, uses)
select u.id, f.feature, current_date - (u.id * f.rank % 28)::integer, 1 + (u.id % 9)::integer
from users as u
cross join (values ('recording', 2), ('transcription', 3), ('live_translation', 5), ('crm_sync', 7)) as f (feature, rank)
where (u.id * 13) % (f.rank + 1) <> 0 and u.last_seen_at > now() - interval '28 days'
on conflict do nothing;

insert into support_tickets (organization_id, subject, opened_at, closed_at)
select o.id, (array['Cannot hear the other side', 'Invoice question', 'Add a number', 'Recording is missing'])[1 + o.id % 4],
       t.opened_at, case when o.id % 12 <> 5 then t.opened_at + interval '9 hours' end
from organizations as o,
     lateral (select now() - interval '1 hour' * (10 + (o.id * 37) % 900) as opened_at) as t
where o.id % 3 <> 0 and o.cancelled_at is null;

-- The table of calls keeps one of a hundred and fifty; the sums know them all, at the pace of the demo's customers.
insert into daily_calls (day, status, calls, seconds)
select started_at::date, status, 150 * count(*), 150 * sum(duration_seconds) from calls group by 1, 2;

insert into daily_customers (day, signups, cancellations)
select day, sum(signups), sum(cancellations)
from (
    select created_at::date as day, 1 as signups, 0 as cancellations from organizations
    union all
    select cancelled_at::date, 0, 1 from organizations where cancelled_at is not null
) as events
group by day;
