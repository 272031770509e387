
{{ config(tags=['orders', 'all']) }}

with source as (
    select * from {{ source('erp', 'orders') }}
)
select
    id as order_id,
    amount,
    '{{ var("country") }}' as country
from source
where amount >= {{ var('minimum_amount') }}
