{# What is put below the code of a Python model: its inputs, its configuration, and the object `dbt`. #}

{% macro build_ref_function(model) %}
  {%- set relations = {} -%}
  {%- for call in model.refs -%}
    {%- set words = [call['package'], call['name']] if call.get('package') else [call['name']] -%}
    {%- set found = ref(*words, v=call.get('version')) -%}
    {%- if found.render is defined and found.render is callable -%}{%- set found = found.render() -%}{%- endif -%}
    {%- if call.get('version') -%}{%- do words.append('v' ~ call['version']) -%}{%- endif -%}
    {%- do relations.update({words | join('.'): found | string}) -%}
  {%- endfor %}
def ref(*words, dbt_load_df_function, v=None, version=None):
    relations = {{ relations | tojson }}
    version = v or version
    key = '.'.join(words) + (f'.v{version}' if version else '')
    return dbt_load_df_function(relations[key])
{% endmacro %}

{% macro build_source_function(model) %}
  {%- set relations = {} -%}
  {%- for words in model.sources -%}
    {%- set found = source(*words) -%}
    {%- if found.render is defined and found.render is callable -%}{%- set found = found.render() -%}{%- endif -%}
    {%- do relations.update({words | join('.'): found | string}) -%}
  {%- endfor %}
def source(*words, dbt_load_df_function):
    relations = {{ relations | tojson }}
    return dbt_load_df_function(relations['.'.join(words)])
{% endmacro %}

{% macro build_config_dict(model) %}
  {%- set settings = {} -%}
  {%- for key, default in zip(model.config.config_keys_used or [], model.config.config_keys_defaults or []) -%}
    {%- do settings.update({key: model.config.get(key, default)}) -%}
  {%- endfor -%}
  {%- set own = {} -%}
  {%- for key, default in zip(model.config.meta_keys_used or [], model.config.meta_keys_defaults or []) -%}
    {%- do own.update({key: (model.config.meta or {}).get(key, default)}) -%}
  {%- endfor %}
config_dict = {{ settings }}
meta_dict = {{ own }}
{% endmacro %}

{% macro py_script_postfix(model) %}
# The model's own code ends here. COMMAND ----------
# What follows gives it its inputs and settings.
{{ build_ref_function(model) }}
{{ build_source_function(model) }}
{{ build_config_dict(model) }}

class config:
    def __init__(self, *words, **settings):
        pass

    @staticmethod
    def get(key, default=None):
        return config_dict.get(key, default)

    @staticmethod
    def meta_get(key, default=None):
        return meta_dict.get(key, default)


class this:
    """`dbt.this`: the relation that the model makes."""
    database = {{ this.database | string | tojson }}
    schema = {{ this.schema | string | tojson }}
    identifier = {{ this.identifier | string | tojson }}

    def __repr__(self):
        return {{ this.render() | tojson }}


class Flag(int):
    """A truth value, for code that calls it too."""

    def __call__(self):
        return bool(self)


class dbtObj:
    def __init__(self, load_df_function):
        self.ref = lambda *words, **named: ref(*words, dbt_load_df_function=load_df_function, **named)
        self.source = lambda *words: source(*words, dbt_load_df_function=load_df_function)
        self.config = config
        self.this = this()
        self.is_incremental = Flag({{ is_incremental() }})

# COMMAND ----------
{{ py_script_comment() }}
{% endmacro %}

{% macro py_script_comment() %}{% endmacro %}
