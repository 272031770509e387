-- `ref` names another model: it is built first.
select id
from {{ ref('my_first_dbt_model') }}
where id = 1
