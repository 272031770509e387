{% macro cents(column) %}({{ column }} * 100)::number{% endmacro %}
{% macro audit(what) %}select '{{ what }}'{% endmacro %}
{% test positive(model, column_name) %}
select * from {{ model }} where {{ column_name }} <= 0
{% endtest %}
