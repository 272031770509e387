{#- A date as the number 20260831: the key of dim_date. -#}
{% macro date_key(column) -%}
    cast(to_char({{ column }}, 'YYYYMMDD') as number(8, 0))
{%- endmacro %}
