with versions as (

    select
        store_id,
        country,
        state,
        city,
        market,
        region,
        {{ version_bounds('store_id') }}
    from {{ ref('stores_history') }}

)

select
    {{ surrogate_key(['versions.store_id', 'versions.valid_from']) }} as store_key,
    versions.store_id,
    versions.city,
    versions.state,
    versions.country,
    versions.market,
    versions.region,
    markets.market_name,
    markets.currency_code,
    markets.regional_manager,
    versions.valid_from,
    versions.valid_to,
    versions.is_current
from versions
left join {{ ref('stg_seeds__markets') }} as markets
    on versions.market = markets.market
