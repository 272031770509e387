select
    {{ surrogate_key(['customer_id']) }} as customer_key,
    customer_id,
    customer_name,
    customer_segment,
    first_order_date,
    last_order_date
from {{ ref('int_customers') }}
