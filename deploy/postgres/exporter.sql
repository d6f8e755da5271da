-- Runs once, when the server's volume is new: the role that the exporter reads statistics with.
\set password `cat /run/secrets/exporter_password`
create extension if not exists pg_stat_statements;
create role exporter login connection limit 20 password :'password';
grant pg_monitor to exporter;
alter role exporter set default_transaction_read_only = on;
