-- The product's database. Rollups by day keep the totals, so that old rows can go and nothing grows for ever.

create table if not exists organizations (
    id           bigint generated always as identity primary key,
    name         text not null,
    plan         text not null check (plan in ('starter', 'team', 'enterprise')),
    created_at   timestamptz not null default now(),
    cancelled_at timestamptz
);
create index if not exists organizations_live on organizations (plan) where cancelled_at is null;

create table if not exists users (
    id              bigint generated always as identity primary key,
    organization_id bigint not null references organizations on delete cascade,
    email           text not null,
    created_at      timestamptz not null default now(),
    last_seen_at    timestamptz not null default now()
);
create index if not exists users_organization on users (organization_id);
create index if not exists users_last_seen on users (last_seen_at);

create table if not exists subscriptions (
    id              bigint generated always as identity primary key,
    organization_id bigint not null references organizations on delete cascade,
    plan            text not null,
    monthly_cents   integer not null,
    started_at      timestamptz not null default now(),
    ended_at        timestamptz
);
create unique index if not exists subscriptions_live on subscriptions (organization_id) where ended_at is null;

create table if not exists calls (
    id               bigint generated always as identity primary key,
    organization_id  bigint not null references organizations on delete cascade,
    user_id          bigint not null references users on delete cascade,
    status           text not null default 'in_progress'
                     check (status in ('in_progress', 'completed', 'failed', 'missed')),
    started_at       timestamptz not null default now(),
    ended_at         timestamptz,
    duration_seconds integer
);
create index if not exists calls_organization on calls (organization_id, started_at desc);
create index if not exists calls_open on calls (started_at) where status = 'in_progress';

create table if not exists feature_use (
    user_id bigint not null references users on delete cascade,
    feature text not null,
    day     date not null default current_date,
    uses    integer not null default 1,
    primary key (user_id, feature, day)
);

create table if not exists support_tickets (
    id              bigint generated always as identity primary key,
    organization_id bigint not null references organizations on delete cascade,
    subject         text not null,
    opened_at       timestamptz not null default now(),
    closed_at       timestamptz
);
create index if not exists support_tickets_open on support_tickets (opened_at) where closed_at is null;

-- The first table of all: its numbers are integers, as everybody's once were.
create table if not exists invoices (
    number          serial primary key,
    organization_id bigint references organizations on delete set null,
    made_at         timestamptz not null default now()
);

-- Can be made anew, so nothing of it goes through the write-ahead log.
create unlogged table if not exists call_exports (
    made_at timestamptz not null default now(),
    content text not null
);
alter table call_exports alter column content set storage external;

create table if not exists daily_calls (
    day     date not null,
    status  text not null,
    calls   bigint not null,
    seconds bigint not null,
    primary key (day, status)
);

create table if not exists daily_customers (
    day           date primary key,
    signups       bigint not null default 0,
    cancellations bigint not null default 0
);
