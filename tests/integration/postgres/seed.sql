-- A database with something of everything that the collectors tell of.
create table customers (id serial primary key, name text not null, note text);
create table orders (id bigserial primary key, customer int not null references customers, total numeric, placed timestamptz default now());
insert into customers (name, note) select 'customer ' || i, repeat('note ', 500) from generate_series(1, 200) as i;
insert into orders (customer, total) select 1 + i % 200, i from generate_series(1, 5000) as i;
create index orders_customer on orders (customer);
create index orders_customer_again on orders (customer);
create index orders_never_read on orders (placed, total);
create index orders_broken on orders (total);
update pg_index set indisvalid = false where indexrelid = 'orders_broken'::regclass;
create materialized view totals as select customer, sum(total) as total from orders group by customer;
create table events (id int generated always as identity, at timestamptz not null) partition by range (at);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
insert into events (at) select '2026-01-01'::timestamptz + i * interval '1 hour' from generate_series(1, 100) as i;
-- A bigint sequence behind an int4 column: 97 % used, though a naive last_value / max_value says 0.
create sequence ticket_numbers;
create table tickets (id int primary key default nextval('ticket_numbers'));
select setval('ticket_numbers', 2083059139);
delete from orders where id % 10 = 0;
update customers set name = name || '!' where id % 5 = 0;
create publication everything for table customers, orders;
create subscription lessons connection 'host=127.0.0.1 port=1 dbname=nowhere' publication everything with (connect = false);
analyze;
