{# What materializations that users write call: statements for relations, columns, grants, indexes. #}

{% macro get_create_sql(relation, sql) -%}{{ log('Applying CREATE to: ' ~ relation) }}{{- adapter.dispatch('get_create_sql', 'dbt')(relation, sql) -}}{%- endmacro %}
{% macro default__get_create_sql(relation, sql) -%}
  {%- if relation.is_view -%}{{ get_create_view_as_sql(relation, sql) }}
  {%- elif relation.is_materialized_view -%}{{ get_create_materialized_view_as_sql(relation, sql) }}
  {%- else -%}{{ get_create_table_as_sql(false, relation, sql) }}
  {%- endif -%}
{%- endmacro %}
{% macro get_create_materialized_view_as_sql(relation, sql) -%}{{ adapter.dispatch('get_create_materialized_view_as_sql', 'dbt')(relation, sql) }}{%- endmacro %}
{% macro default__get_create_materialized_view_as_sql(relation, sql) -%}
  create or replace materialized view {{ relation }} as (
    {{ sql }}
  )
{%- endmacro %}
{% macro get_create_intermediate_sql(relation, sql) -%}{{- adapter.dispatch('get_create_intermediate_sql', 'dbt')(relation, sql) -}}{%- endmacro %}
{% macro default__get_create_intermediate_sql(relation, sql) -%}
  {%- set beside = make_intermediate_relation(relation) -%}
  {{ get_drop_sql(beside) }};
  {{ get_create_sql(beside, sql) }}
{%- endmacro %}
{% macro get_create_backup_sql(relation) -%}{{- adapter.dispatch('get_create_backup_sql', 'dbt')(relation) -}}{%- endmacro %}
{% macro default__get_create_backup_sql(relation) -%}
  {%- set backup = make_backup_relation(relation, relation.type) -%}
  {{ get_drop_sql(backup) }};
  {{ get_rename_sql(relation, backup.identifier) }}
{%- endmacro %}
{% macro get_drop_backup_sql(relation) -%}{{- adapter.dispatch('get_drop_backup_sql', 'dbt')(relation) -}}{%- endmacro %}
{% macro default__get_drop_backup_sql(relation) -%}{{ get_drop_sql(make_backup_relation(relation, relation.type)) }}{%- endmacro %}
{% macro get_rename_sql(relation, new_name) -%}{{- adapter.dispatch('get_rename_sql', 'dbt')(relation, new_name) -}}{%- endmacro %}
{% macro default__get_rename_sql(relation, new_name) -%}
  {%- if relation.is_view -%}{{ get_rename_view_sql(relation, new_name) }}
  {%- elif relation.is_materialized_view -%}{{ get_rename_materialized_view_sql(relation, new_name) }}
  {%- else -%}{{ get_rename_table_sql(relation, new_name) }}
  {%- endif -%}
{%- endmacro %}
{% macro get_rename_table_sql(relation, new_name) -%}{{- adapter.dispatch('get_rename_table_sql', 'dbt')(relation, new_name) -}}{%- endmacro %}
{% macro default__get_rename_table_sql(relation, new_name) -%}alter table {{ relation }} rename to {{ new_name }}{%- endmacro %}
{% macro get_rename_view_sql(relation, new_name) -%}{{- adapter.dispatch('get_rename_view_sql', 'dbt')(relation, new_name) -}}{%- endmacro %}
{% macro default__get_rename_view_sql(relation, new_name) -%}alter view {{ relation }} rename to {{ new_name }}{%- endmacro %}
{% macro get_rename_materialized_view_sql(relation, new_name) -%}{{- adapter.dispatch('get_rename_materialized_view_sql', 'dbt')(relation, new_name) -}}{%- endmacro %}
{% macro default__get_rename_materialized_view_sql(relation, new_name) -%}alter materialized view {{ relation }} rename to {{ new_name }}{%- endmacro %}
{% macro get_rename_intermediate_sql(relation) -%}{{- adapter.dispatch('get_rename_intermediate_sql', 'dbt')(relation) -}}{%- endmacro %}
{% macro default__get_rename_intermediate_sql(relation) -%}{{ get_rename_sql(make_intermediate_relation(relation), relation.identifier) }}{%- endmacro %}
{% macro get_replace_sql(existing_relation, target_relation, sql) -%}{{- adapter.dispatch('get_replace_sql', 'dbt')(existing_relation, target_relation, sql) -}}{%- endmacro %}
{% macro default__get_replace_sql(existing_relation, target_relation, sql) -%}
  {%- if existing_relation.type == target_relation.type and target_relation.is_view -%}{{ get_replace_view_sql(target_relation, sql) }}
  {%- elif existing_relation.type == target_relation.type and target_relation.is_table -%}{{ get_replace_table_sql(target_relation, sql) }}
  {%- else -%}
  {{ get_drop_sql(existing_relation) }};
  {{ get_create_sql(target_relation, sql) }}
  {%- endif -%}
{%- endmacro %}
{% macro get_replace_table_sql(relation, sql) -%}{{- adapter.dispatch('get_replace_table_sql', 'dbt')(relation, sql) -}}{%- endmacro %}
{% macro default__get_replace_table_sql(relation, sql) -%}
  create or replace table {{ relation }} as (
    {{ sql }}
  )
{%- endmacro %}
{% macro get_replace_view_sql(relation, sql) -%}{{- adapter.dispatch('get_replace_view_sql', 'dbt')(relation, sql) -}}{%- endmacro %}
{% macro default__get_replace_view_sql(relation, sql) -%}
  create or replace view {{ relation }} as (
    {{ sql }}
  )
{%- endmacro %}
{% macro refresh_materialized_view(relation) -%}{{- adapter.dispatch('refresh_materialized_view', 'dbt')(relation) -}}{%- endmacro %}
{% macro default__refresh_materialized_view(relation) -%}refresh materialized view {{ relation }}{%- endmacro %}

{% macro create_or_replace_view() %}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set grant_config = config.get('grants') -%}
  {{ run_hooks(pre_hooks) }}
  {%- set old_relation = adapter.get_relation(database=database, schema=schema, identifier=this.identifier) -%}
  {%- if old_relation is not none and not old_relation.is_view -%}
    {{ handle_existing_table(should_full_refresh(), old_relation) }}
  {%- endif -%}
  {% call statement('main') -%}{{ get_replace_view_sql(target_relation, sql) }}{%- endcall %}
  {% do apply_grants(target_relation, grant_config, should_revoke=true) %}
  {{ run_hooks(post_hooks) }}
  {{ return({'relations': [target_relation]}) }}
{% endmacro %}
{% macro handle_existing_table(full_refresh, old_relation) %}{{ adapter.dispatch('handle_existing_table', 'dbt')(full_refresh, old_relation) }}{% endmacro %}
{% macro default__handle_existing_table(full_refresh, old_relation) %}{{ adapter.drop_relation(old_relation) }}{% endmacro %}

{% macro create_indexes(relation) -%}{{- adapter.dispatch('create_indexes', 'dbt')(relation) -}}{%- endmacro %}
{% macro default__create_indexes(relation) -%}
  {%- for index in config.get('indexes', default=[]) -%}
    {%- set statement_text = get_create_index_sql(relation, index) -%}
    {%- if statement_text -%}{% do run_query(statement_text) %}{%- endif -%}
  {%- endfor -%}
{%- endmacro %}
{# The embedded warehouse needs no indexes. #}
{% macro get_create_index_sql(relation, index_dict) -%}{{ return(adapter.dispatch('get_create_index_sql', 'dbt')(relation, index_dict)) }}{%- endmacro %}
{% macro default__get_create_index_sql(relation, index_dict) -%}{% do return(none) %}{%- endmacro %}
{% macro get_drop_index_sql(relation, index_name) -%}{{ return(adapter.dispatch('get_drop_index_sql', 'dbt')(relation, index_name)) }}{%- endmacro %}
{% macro default__get_drop_index_sql(relation, index_name) -%}{% do return(none) %}{%- endmacro %}
{% macro get_show_indexes_sql(relation) -%}{{ return(adapter.dispatch('get_show_indexes_sql', 'dbt')(relation)) }}{%- endmacro %}
{% macro default__get_show_indexes_sql(relation) -%}{% do return(none) %}{%- endmacro %}

{% macro get_show_grant_sql(relation) %}{{ return(adapter.dispatch('get_show_grant_sql', 'dbt')(relation)) }}{% endmacro %}
{% macro default__get_show_grant_sql(relation) %}show grants on {{ relation.render() }}{% endmacro %}
{% macro get_grant_sql(relation, privilege, grantees) %}{{ return(adapter.dispatch('get_grant_sql', 'dbt')(relation, privilege, grantees)) }}{% endmacro %}
{%- macro default__get_grant_sql(relation, privilege, grantees) -%}grant {{ privilege }} on {{ relation.render() }} to {{ grantees | join(', ') }}{%- endmacro -%}
{% macro get_revoke_sql(relation, privilege, grantees) %}{{ return(adapter.dispatch('get_revoke_sql', 'dbt')(relation, privilege, grantees)) }}{% endmacro %}
{%- macro default__get_revoke_sql(relation, privilege, grantees) -%}revoke {{ privilege }} on {{ relation.render() }} from {{ grantees | join(', ') }}{%- endmacro -%}
{% macro support_multiple_grantees_per_dcl_statement() %}{{ return(adapter.dispatch('support_multiple_grantees_per_dcl_statement', 'dbt')()) }}{% endmacro %}
{# The warehouse grants to one role at a time, as Snowflake does. #}
{%- macro default__support_multiple_grantees_per_dcl_statement() -%}{{ return(false) }}{%- endmacro -%}
{% macro get_dcl_statement_list(relation, grant_config, get_dcl_macro) %}{{ return(adapter.dispatch('get_dcl_statement_list', 'dbt')(relation, grant_config, get_dcl_macro)) }}{% endmacro %}
{%- macro default__get_dcl_statement_list(relation, grant_config, get_dcl_macro) -%}
  {%- set statements = [] -%}
  {%- for privilege, grantees in grant_config.items() if grantees -%}
    {%- if support_multiple_grantees_per_dcl_statement() -%}
      {%- do statements.append(get_dcl_macro(relation, privilege, grantees)) -%}
    {%- else -%}
      {%- for grantee in grantees -%}{%- do statements.append(get_dcl_macro(relation, privilege, [grantee])) -%}{%- endfor -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(statements) }}
{%- endmacro -%}
{% macro call_dcl_statements(dcl_statement_list) %}{{ return(adapter.dispatch('call_dcl_statements', 'dbt')(dcl_statement_list)) }}{% endmacro %}
{% macro default__call_dcl_statements(dcl_statement_list) %}
  {% for text in dcl_statement_list %}{% call statement('grants') %}{{ text }}{% endcall %}{% endfor %}
{% endmacro %}

{% macro create_columns(relation, columns) %}{{ adapter.dispatch('create_columns', 'dbt')(relation, columns) }}{% endmacro %}
{% macro default__create_columns(relation, columns) %}
  {% for column in columns %}
    {% call statement() %}alter table {{ relation.render() }} add column {{ adapter.quote(column.name) }} {{ column.expanded_data_type }}{% endcall %}
  {% endfor %}
{% endmacro %}
{% macro check_for_schema_changes(source_relation, target_relation) %}{{ return(adapter.dispatch('check_for_schema_changes', 'dbt')(source_relation, target_relation)) }}{% endmacro %}
{% macro default__check_for_schema_changes(source_relation, target_relation) %}
  {%- set source_columns = adapter.get_columns_in_relation(source_relation) -%}
  {%- set target_columns = adapter.get_columns_in_relation(target_relation) -%}
  {%- set added = diff_columns(source_columns, target_columns) -%}
  {%- set removed = diff_columns(target_columns, source_columns) -%}
  {%- set retyped = diff_column_data_types(source_columns, target_columns) -%}
  {{ return({
    'schema_changed': (added or removed or retyped) | as_bool,
    'source_not_in_target': added, 'target_not_in_source': removed,
    'source_columns': source_columns, 'target_columns': target_columns, 'new_target_types': retyped
  }) }}
{% endmacro %}
{% macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}{{ return(adapter.dispatch('sync_column_schemas', 'dbt')(on_schema_change, target_relation, schema_changes_dict)) }}{% endmacro %}
{% macro default__sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}
  {%- set added = schema_changes_dict['source_not_in_target'] -%}
  {%- set removed = schema_changes_dict['target_not_in_source'] -%}
  {%- if on_schema_change == 'append_new_columns' and added -%}
    {%- do alter_relation_add_remove_columns(target_relation, added, none) -%}
  {%- elif on_schema_change == 'sync_all_columns' -%}
    {%- if added or removed -%}{%- do alter_relation_add_remove_columns(target_relation, added, removed) -%}{%- endif -%}
    {%- for retyped in schema_changes_dict['new_target_types'] -%}
      {%- do alter_column_type(target_relation, retyped['column_name'], retyped['new_type']) -%}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}
{% macro process_schema_changes(on_schema_change, source_relation, target_relation) %}{{ return(adapter.dispatch('process_schema_changes', 'dbt')(on_schema_change, source_relation, target_relation)) }}{% endmacro %}
{% macro default__process_schema_changes(on_schema_change, source_relation, target_relation) %}
  {%- if on_schema_change == 'ignore' -%}{{ return({}) }}{%- endif -%}
  {%- set changes = check_for_schema_changes(source_relation, target_relation) -%}
  {%- if changes['schema_changed'] -%}
    {%- if on_schema_change == 'fail' -%}
      {%- do exceptions.raise_compiler_error('The source and target schemas on this incremental model are out of sync') -%}
    {%- endif -%}
    {%- do sync_column_schemas(on_schema_change, target_relation, changes) -%}
  {%- endif -%}
  {{ return(changes['source_columns']) }}
{% endmacro %}

{% macro get_table_columns_and_constraints() -%}{{ adapter.dispatch('get_table_columns_and_constraints', 'dbt')() }}{%- endmacro %}
{% macro default__get_table_columns_and_constraints() -%}{{ return(table_columns_and_constraints()) }}{%- endmacro %}
{% macro table_columns_and_constraints() %}
  {%- set rendered = adapter.render_raw_columns_constraints(raw_columns=model['columns']) -%}
  {%- set whole = adapter.render_raw_model_constraints(raw_constraints=model['constraints']) -%}
  ({% for text in rendered + whole %}{{ text }}{{ ', ' if not loop.last }}{% endfor %})
{% endmacro %}
{% macro get_assert_columns_equivalent(sql) -%}{{ adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql) }}{%- endmacro %}
{% macro default__get_assert_columns_equivalent(sql) -%}{{ return(assert_columns_equivalent(sql)) }}{%- endmacro %}
{% macro assert_columns_equivalent(sql) %}{% endmacro %}
{% macro get_empty_schema_sql(columns) -%}{{ return(adapter.dispatch('get_empty_schema_sql', 'dbt')(columns)) }}{%- endmacro %}
{% macro default__get_empty_schema_sql(columns) -%}
  select
  {%- for name in columns %}
    {%- set column = columns[name] %}
    {{ cast('null', column['data_type']) }} as {{ adapter.quote(name) if column.quote else column['name'] }}{{ ',' if not loop.last }}
  {%- endfor %}
{%- endmacro %}
{% macro get_select_subquery(sql) %}{{ return(adapter.dispatch('get_select_subquery', 'dbt')(sql)) }}{% endmacro %}
{% macro default__get_select_subquery(sql) %}
  select {{ adapter.dispatch('get_column_names', 'dbt')() }}
  from (
    {{ sql }}
  ) as model_subq
{%- endmacro %}
{% macro get_column_names() %}{{ return(adapter.dispatch('get_column_names', 'dbt')()) }}{% endmacro %}
{% macro default__get_column_names() %}
  {%- for name, column in model['columns'].items() -%}{{ adapter.quote(name) if column.quote else name }}{{ ', ' if not loop.last }}{%- endfor -%}
{% endmacro %}
{% macro format_columns(columns) %}
  {% set formatted = [] %}
  {% for column in columns %}{% do formatted.append(adapter.dispatch('format_column', 'dbt')(column)) %}{% endfor %}
  {{ return(formatted) }}
{% endmacro %}
{% macro default__format_column(column) -%}
  {{ return({'name': column.column, 'data_type': column.dtype, 'formatted': column.column ~ ' ' ~ column.dtype}) }}
{%- endmacro %}
{% macro get_list_of_column_names(columns) %}{{ return(columns | map(attribute='name') | list) }}{% endmacro %}

{% macro get_batch_size() -%}{{ return(adapter.dispatch('get_batch_size', 'dbt')()) }}{%- endmacro %}
{% macro default__get_batch_size() %}{{ return(10000) }}{% endmacro %}
{% macro get_binding_char() -%}{{ adapter.dispatch('get_binding_char', 'dbt')() }}{%- endmacro %}
{% macro default__get_binding_char() %}{{ return('%s') }}{% endmacro %}
{% macro get_true_sql() %}{{ adapter.dispatch('get_true_sql', 'dbt')() }}{% endmacro %}
{% macro default__get_true_sql() %}{{ return('TRUE') }}{% endmacro %}
{% macro can_clone_table() %}{{ return(adapter.dispatch('can_clone_table', 'dbt')()) }}{% endmacro %}
{% macro default__can_clone_table() %}{{ return(true) }}{% endmacro %}
{% macro create_or_replace_clone(this_relation, defer_relation) %}{{ return(adapter.dispatch('create_or_replace_clone', 'dbt')(this_relation, defer_relation)) }}{% endmacro %}
{% macro default__create_or_replace_clone(this_relation, defer_relation) %}create or replace table {{ this_relation.render() }} clone {{ defer_relation.render() }}{% endmacro %}
{% macro drop_schema_named(schema_name) %}{{ return(adapter.dispatch('drop_schema_named', 'dbt')(schema_name)) }}{% endmacro %}
{% macro default__drop_schema_named(schema_name) %}
  {{ adapter.drop_schema(api.Relation.create(database=target.database, schema=schema_name)) }}
{% endmacro %}
{% macro information_schema_name(database) %}{{ return(adapter.dispatch('information_schema_name', 'dbt')(database)) }}{% endmacro %}
{% macro default__information_schema_name(database) -%}{{ database ~ '.' if database }}INFORMATION_SCHEMA{%- endmacro %}
{% macro list_schemas(database) -%}{{ return(adapter.dispatch('list_schemas', 'dbt')(database)) }}{%- endmacro %}
{% macro default__list_schemas(database) -%}
  {{ return(run_query('select distinct schema_name from ' ~ information_schema_name(database) ~ '.schemata')) }}
{%- endmacro %}
{% macro resolve_model_name(input_model_name) %}{{ return(adapter.dispatch('resolve_model_name', 'dbt')(input_model_name)) }}{% endmacro %}
{%- macro default__resolve_model_name(input_model_name) -%}{{ input_model_name | string | replace('"', '\"') }}{%- endmacro -%}
{% macro is_core_v2() %}{{ return(false) }}{% endmacro %}

{% macro get_incremental_microbatch_sql(arg_dict) %}{{ return(adapter.dispatch('get_incremental_microbatch_sql', 'dbt')(arg_dict)) }}{% endmacro %}
{% macro default__get_incremental_microbatch_sql(arg_dict) %}
  {% do return(get_delete_insert_merge_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns'], arg_dict['incremental_predicates'])) %}
{% endmacro %}
