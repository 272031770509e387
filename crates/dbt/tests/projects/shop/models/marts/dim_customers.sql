-- {{ dbt.type_string() }}
with c as (select * from {{ ref('stg_customers') }})
select c.*, {{ dbt.dateadd('day', 1, 'created_at') }} as next_day from c
join {{ ref('eph_paid') }} using (order_id)
