with versions as (

    select
        product_id,
        product_name,
        category,
        sub_category,
        {{ version_bounds('product_id') }}
    from {{ ref('products_history') }}

)

select
    {{ surrogate_key(['product_id', 'valid_from']) }} as product_key,
    product_id,
    product_name,
    category,
    sub_category,
    valid_from,
    valid_to,
    is_current
from versions
