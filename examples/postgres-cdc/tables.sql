create table customers (id integer primary key, name text not null, profile jsonb);
create table orders (
    id bigint primary key,
    customer integer references customers,
    status text not null,
    amount numeric(12,2) not null,
    updated_at timestamptz not null default now()
);
create table logins (id bigint primary key, customer integer, at timestamptz not null);

insert into customers
select n, 'Customer ' || n, jsonb_build_object('city', (array['Accra', 'Bern', 'Cairo'])[n % 3 + 1])
from generate_series(1, 100) n;
insert into orders
select n, n % 100 + 1, (array['new', 'paid', 'sent'])[n % 3 + 1], n % 1000 + 0.99
from generate_series(1, 10000) n;
insert into logins
select n, n % 100 + 1, timestamptz '2026-01-01 00:00+00' + n * interval '1 second'
from generate_series(1, 5000) n;
