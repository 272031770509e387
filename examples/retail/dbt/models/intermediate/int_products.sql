{{ config(materialized='table') }}

-- One row for each product with its newest description, and since when that one is the only one seen.
-- Grouped first, because sales are many and descriptions are few.
with descriptions as (

    select
        product_id,
        product_name,
        category,
        sub_category,
        min(order_date) as first_seen,
        max(order_date) as last_seen,
        max(row_id) as last_row_id
    from {{ ref('stg_superstore__sales') }}
    group by product_id, product_name, category, sub_category

),

ranked as (

    select
        *,
        row_number() over (
            partition by product_id
            order by last_seen desc, last_row_id desc, product_name
        ) as newness,
        lead(last_seen) over (
            partition by product_id
            order by last_seen desc, last_row_id desc, product_name
        ) as previous_last_seen
    from descriptions

)

select
    product_id,
    product_name,
    category,
    sub_category,
    cast(greatest(first_seen, coalesce(previous_last_seen, first_seen)) as timestamp_ntz) as changed_at
from ranked
where newness = 1
