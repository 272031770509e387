{{ config(materialized='ephemeral') }}

-- One row for each customer: the newest name and segment, and the days of the first and last order.
with descriptions as (

    select
        customer_id,
        customer_name,
        customer_segment,
        min(order_date) as first_seen,
        max(order_date) as last_seen,
        max(row_id) as last_row_id
    from {{ ref('stg_superstore__sales') }}
    group by customer_id, customer_name, customer_segment

)

select
    customer_id,
    customer_name,
    customer_segment,
    min(first_seen) over (partition by customer_id) as first_order_date,
    max(last_seen) over (partition by customer_id) as last_order_date
from descriptions
where customer_id is not null
qualify row_number() over (
    partition by customer_id order by last_seen desc, last_row_id desc, customer_name
) = 1
