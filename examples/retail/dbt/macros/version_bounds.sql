{#- The days on which a snapshot's row holds, as a half-open range: [valid_from, valid_to). What was
    true before the first snapshot is not known, so the first version reaches back to the beginning. -#}
{% macro version_bounds(key) -%}
    iff(
        row_number() over (partition by {{ key }} order by dbt_valid_from) = 1,
        to_date('1900-01-01'),
        cast(dbt_valid_from as date)
    ) as valid_from,
    coalesce(cast(dbt_valid_to as date), to_date('9999-12-31')) as valid_to,
    dbt_valid_to is null as is_current
{%- endmacro %}
