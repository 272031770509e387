select
    market,
    market_name,
    currency_code,
    regional_manager
from {{ ref('markets') }}
