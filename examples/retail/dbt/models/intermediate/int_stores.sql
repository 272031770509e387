{{ config(materialized='table') }}

-- One row for each store, a city we sell in, with the market and region it reports to, and since when.
with assignments as (

    select
        store_id,
        country,
        state,
        city,
        market,
        region,
        min(order_date) as first_seen,
        max(order_date) as last_seen,
        max(row_id) as last_row_id
    from {{ ref('stg_superstore__sales') }}
    group by all

)

select
    store_id,
    country,
    state,
    city,
    market,
    region,
    cast(
        greatest(
            first_seen,
            coalesce(
                lead(last_seen) over (
                    partition by store_id order by last_seen desc, last_row_id desc, market, region
                ),
                first_seen
            )
        ) as timestamp_ntz
    ) as changed_at
from assignments
qualify row_number() over (
    partition by store_id order by last_seen desc, last_row_id desc, market, region
) = 1
