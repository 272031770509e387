{#- A column's values lie between two bounds, of which either may be left out. -#}
{% test in_range(model, column_name, minimum=none, maximum=none, open_minimum=false) %}

select {{ column_name }}
from {{ model }}
where false
{%- if minimum is not none %}
    or {{ column_name }} {{ '<=' if open_minimum else '<' }} {{ minimum }}
{%- endif %}
{%- if maximum is not none %}
    or {{ column_name }} > {{ maximum }}
{%- endif %}

{% endtest %}
