//! Constructs of the language against what Jinja2 3.1 gives for them, literally.
//!
//! What the errors say is tested in `errors.rs`.

use diagnostic::Source;
use jinja::{Arguments, Dict, Environment, Key, Set, Template, Value};
use serde_json::json;

/// Whatever error.
const ERROR: &str = "an error";

/// Template and expected text.
#[rustfmt::skip]
const CASES: &[(&str, &str)] = &[
    // text, whitespace, comments, raw
    ("Hello {{ name }}!", "Hello World!"),
    ("a  {{- name -}}  b", "aWorldb"),
    ("a \n {%- if true -%} \n x \n {%- endif -%} \n b", "axb"),
    ("{% if true %}\nx\n{% endif %}\n", "\nx\n"),
    ("x\n", "x"),
    ("x\n\n", "x\n"),
    ("a{# comment #}b", "ab"),
    ("a {#- trimmed -#} b", "ab"),
    ("{# {{ not }} {% evaluated %} #}x", "x"),
    ("{% raw %}{{ x }} {% if %}{% endraw %}", "{{ x }} {% if %}"),
    ("a {%- raw -%} {{ x }} {%- endraw -%} b", "a{{ x }}b"),
    ("{%+ if true +%} y {%+ endif +%} z", " y  z"),
    (r#"{{ '{{' }} {{ "}}" }} {{ '%}' }}"#, "{{ }} %}"),
    ("{{ {'a': {'b': 1}}['a']['b'] }}", "1"),
    ("{% set x = {'k': '}}'} %}{{ x.k }}", "}}"),
    ("{ not a tag } { { % } }", "{ not a tag } { { % } }"),
    (r#"{{ "a" "b" 'c' }}"#, "abc"),
    (r#"{{ 'it\'s' }} {{ "q\"q" }} {{ 'a\\b' }} {{ '\d' }} {{ 'x\ty' }}"#, "it's q\"q a\\b \\d x\ty"),
    (r#"{{ '\x41\u0042' }}"#, "AB"),
    ("{{ 1_000 }} {{ 0x1f }} {{ 0b101 }} {{ 0o17 }} {{ 1e3 }} {{ 1.5e-7 }}", "1000 31 5 15 1000.0 1.5e-07"),
    ("{{- 'x' -}}", "x"),
    ("{{ \"multi\nline\" }}", "multi\nline"),
    // literals and repr
    ("{{ [1, 'a', none, true, 1.0] }}", "[1, 'a', None, True, 1.0]"),
    ("{{ (1,) }}{{ () }}{{ (1, 2) }}{{ 1, 2 }}", "(1,)()(1, 2)(1, 2)"),
    ("{{ {'a': 1, 2: [3], 'n': none} }}", "{'a': 1, 2: [3], 'n': None}"),
    (r#"{{ ['it\'s', 'say "x"', 'both \' and "'] }}"#, r#"["it's", 'say "x"', 'both \' and "']"#),
    (r#"{{ ['a\\b', 'x\ny', 'é', '\x00'] }}"#, r#"['a\\b', 'x\ny', 'é', '\x00']"#),
    ("{{ True }} {{ False }} {{ None }} {{ true }} {{ none }}", "True False None True None"),
    ("{{ 1.0 }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 1e15 }} {{ 1e-5 }} {{ 0.0001 }} {{ 123456789.123 }} {{ -0.0 }}", "1.0 0.30000000000000004 1e+16 1000000000000000.0 1e-05 0.0001 123456789.123 -0.0"),
    ("{{ [1,2,] }} {{ {'a':1,} }}", "[1, 2] {'a': 1}"),
    ("{{ 100000000000000000000 }}", "100000000000000000000"),
    ("{{ [[], {}, ()] }}", "[[], {}, ()]"),
    // arithmetic
    ("{{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ 7 // 2 }} {{ 7 % 3 }} {{ 7 / 2 }} {{ 4 / 2 }}", "7 9 3 1 3.5 2.0"),
    ("{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ -7.5 // 2 }} {{ -7.5 % 2 }}", "-4 2 -2 -4.0 0.5"),
    ("{{ 2 ** 3 }} {{ 2 ** -1 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ 2.0 ** 0.5 }}", "8 0.5 4 64 1.4142135623730951"),
    ("{{ 1 - -1 }} {{ +3 }} {{ - 3 }} {{ not true }} {{ true + true }}", "2 3 -3 False 2"),
    ("{{ 'a' + 'b' }} {{ [1] + [2] }} {{ (1,) + (2,) }} {{ 'ab' * 2 }} {{ 2 * [1] }} {{ [0] * 0 }}", "ab [1, 2] (1, 2) abab [1, 1] []"),
    ("{{ 'a' ~ 1 ~ none ~ 2.5 ~ [1] }} {{ 1 ~ 2 }}", "a1None2.5[1] 12"),
    ("{{ 1 + 2 ~ 3 }}", ERROR),
    ("{{ 2 * 3 ~ 4 }}", "64"),
    ("{{ 10 - 2 - 3 }} {{ 100 / 10 / 2 }}", "5 5.0"),
    ("{{ 1 / 0 }}", ERROR),
    ("{{ 'a' + 1 }}", ERROR),
    ("{{ [1] + (2,) }}", ERROR),
    ("{{ 'x' * -1 }}|", "|"),
    // comparisons and logic
    ("{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }} {{ 1 == 1.0 }} {{ 'a' != 'b' }} {{ true == 1 }}", "True True False True True True"),
    ("{{ 1 in [1,2] }} {{ 'a' not in 'abc' }} {{ 'k' in {'k': 1} }} {{ 3 in (1,2) }} {{ 'b' in 'abc' }}", "True False True False True"),
    ("{{ [1,2] == [1,2] }} {{ [1,2] < [1,3] }} {{ (1,2) == [1,2] }} {{ {'a':1} == {'a':1.0} }}", "True True False True"),
    ("{{ 'b' > 'a' }} {{ 'B' < 'a' }} {{ none == none }} {{ none is none }}", "True True True True"),
    ("{{ 1 and 2 }} {{ 0 or 'x' }} {{ '' or none }} {{ not [] }} {{ [] and 1 }}", "2 x None True []"),
    ("{{ not 1 == 2 }} {{ not true and false }} {{ true or false and false }}", "True False True"),
    ("{{ 1 < 'a' }}", ERROR),
    ("{{ undefined_name == none }} {{ undefined_name == other_undefined }}", "False True"),
    ("{{ 'yes' if 1 else 'no' }} {{ 'yes' if 0 }}| {{ 1 if false else 2 if false else 3 }}", "yes | 3"),
    ("{{ (1 if true else 2) + 1 }}", "2"),
    ("{{ 5 not in [1,2] and 1 in [1] }}", "True"),
    // attributes, items, slices
    ("{{ d.a }} {{ d['b'] }} {{ nested.a.b[2].c }} {{ nested['a']['b'][0] }} {{ items[-1] }} {{ items.0 }}", "1 2 deep 10 3 1"),
    ("{{ d.missing }}| {{ d['missing'] }}| {{ items[10] }}| {{ missing }}|", "| | | |"),
    ("{{ d.missing.deeper }}", ERROR),
    ("{{ missing.attr }}", ERROR),
    ("{{ missing() }}", ERROR),
    ("{{ d.items() | list }} {{ d.keys() | list }} {{ d.values() | list }}", "[('a', 1), ('b', 2)] ['a', 'b'] [1, 2]"),
    ("{{ {'items': 5}['items'] }} {{ {'x': {'get': 1}}.x['get'] }}", "5 1"),
    ("{{ items[1:] }} {{ items[:2] }} {{ items[::-1] }} {{ items[-2:] }} {{ items[::2] }} {{ items[5:] }} {{ items[2:0:-1] }}", "[2, 3] [1, 2] [3, 2, 1] [2, 3] [1, 3] [] [3, 2]"),
    ("{{ 'abcdef'[1:4] }} {{ 'abcdef'[::-1] }} {{ 'abcdef'[-3:] }} {{ 'abc'[0] }} {{ (1,2,3)[1:] }} {{ 'abc'[5:] }}|", "bcd fedcba def a (2, 3) |"),
    ("{{ 'abc'.0 }} {{ 'abc'[-1] }}", "a c"),
    ("{{ items[none:2] }}", "[1, 2]"),
    ("{{ range(5)[1] }} {{ range(10)[2:8:2] | list }}", "1 [2, 4, 6]"),
    // if
    ("{% if missing %}a{% elif d.a == 1 %}b{% else %}c{% endif %}", "b"),
    ("{% if items and d %}y{% endif %}{% if not empty %}e{% endif %}", "ye"),
    ("{% if true %}{% set x = 1 %}{% endif %}{{ x }}", "1"),
    ("{% if d.a == 1 and d.b == 2 or false %}ok{% endif %}", "ok"),
    ("{% if x is not defined %}nd{% endif %}", "nd"),
    // for
    ("{% for i in items %}{{ i }},{% endfor %}", "1,2,3,"),
    ("{% for i in empty %}x{% else %}none{% endfor %}", "none"),
    ("{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "a=1;b=2;"),
    ("{% for k in d %}{{ k }}{% endfor %}", "ab"),
    ("{% for i in items %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}", "1032TrueFalse3 2121FalseFalse3 3210FalseTrue3 "),
    ("{% for i in items %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}", "1, 2, 3"),
    ("{% for i in items if i != 2 %}{{ loop.index }}:{{ i }}/{{ loop.length }} {% endfor %}", "1:1/2 2:3/2 "),
    ("{% for i in items if i > 5 %}x{% else %}empty{% endfor %}", "empty"),
    ("{% set ns = namespace(at=none) %}{% for i in items if ns.at is none and i > 1 %}{% set ns.at = i %}{% endfor %}{{ ns.at }}", "2"),
    ("{% for i in items %}{{ loop.previtem }}<{{ i }}<{{ loop.nextitem }} {% endfor %}", "<1<2 1<2<3 2<3< "),
    ("{% for i in [1,1,2,2,1] %}{{ loop.changed(i) }} {% endfor %}", "True False True False True "),
    ("{% for i in range(4) %}{{ loop.cycle('a','b') }}{% endfor %}", "abab"),
    ("{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123"),
    ("{% for i in [[1,[2]],[3]] recursive %}[{% if i is iterable %}{{ loop(i) }}{% else %}{{ i }}@{{ loop.depth }}{% endif %}]{% endfor %}", "[[1@2][[2@3]]][[3@2]]"),
    ("{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}", "0134"),
    ("{% set x = 0 %}{% for i in items %}{% set x = i %}{{ x }}{% endfor %}|{{ x }}", "123|0"),
    ("{% for i in items %}{% for j in items %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}", "1231;1232;1233;"),
    ("{% for c in 'abc' %}{{ c }}-{% endfor %}", "a-b-c-"),
    ("{% for i in range(3, 0, -1) %}{{ i }}{% endfor %}{% for i in range(0) %}x{% endfor %}", "321"),
    ("{% for i in missing %}x{% else %}nothing{% endfor %}", "nothing"),
    ("{% for i in 5 %}{% endfor %}", ERROR),
    ("{% for i in items %}{% set outer = loop %}{% for j in [1,2] %}{{ outer.index }}{{ j }} {% endfor %}{% endfor %}", "11 12 21 22 31 32 "),
    ("{% for x in [1,2] %}{% endfor %}{{ x }}|", "|"),
    ("{% for a, b in [(1,2,3)] %}{% endfor %}", ERROR),
    ("{% for i in items %}{{ loop }}{% endfor %}", "<LoopContext 1/3><LoopContext 2/3><LoopContext 3/3>"),
    // set, namespace, with, filter and do blocks
    ("{% set x = 1 %}{{ x }}{% set x = x + 1 %}{{ x }}", "12"),
    ("{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12"),
    ("{% set a, (b, c) = 1, (2, 3) %}{{ a }}{{ b }}{{ c }}", "123"),
    ("{% set x %}hello {{ name }}{% endset %}{{ x }}|{{ x | length }}", "hello World|11"),
    ("{% set x | upper | replace('L', '1') %}hello{% endset %}{{ x }}", "HE11O"),
    ("{% set ns = namespace(n=0, found=false) %}{% for i in items %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}{{ ns.found }}", "6False"),
    ("{% set ns = namespace() %}{% set ns.x = [] %}{% do ns.x.append(1) %}{{ ns.x }}", "[1]"),
    ("{% set x = 1, 2 %}{{ x }}", "(1, 2)"),
    ("{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}|", "3|"),
    ("{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}", "5"),
    ("{% filter upper %}hello {{ name }}{% endfilter %}", "HELLO WORLD"),
    ("{% filter replace('a', 'b') | upper %}banana{% endfilter %}", "BBNBNB"),
    ("{% set l = [] %}{% do l.append(1) %}{% do l.extend([2, 3]) %}{{ l }}", "[1, 2, 3]"),
    ("{% set l = [] %}{% set _ = l.append(1) %}{{ l }}", "[1]"),
    ("{% set a = [] %}{% set b = a %}{% do b.append(1) %}{{ a }}", "[1]"),
    ("{% set d2 = {} %}{% do d2.update({'a': 1}) %}{% do d2.update(b=2) %}{% do d2.setdefault('c', []).append(3) %}{{ d2 }}", "{'a': 1, 'b': 2, 'c': [3]}"),
    ("{% set x = 1 %}{% set y %}{% set x = 2 %}{{ x }}{% endset %}{{ x }}{{ y }}", "12"),
    ("{% set x = d %}{% do x.pop('a') %}{{ d }}", "{'b': 2}"),
    // macros
    ("{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=1, a=2) }} {{ m() }}", "1-2 1-3 2-1 -2"),
    ("{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "11"),
    ("{% macro m(a) %}{{ varargs }}|{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}", "(2, 3)|{'x': 4}"),
    ("{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", ERROR),
    ("{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}", ERROR),
    ("{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}body {{ name }}{% endcall %}", "[body World]"),
    ("{% macro m() %}[{{ caller(1, 2) }}]{% endmacro %}{% call(a, b) m() %}{{ a }}+{{ b }}{% endcall %}", "[1+2]"),
    ("{% macro m(x) %}{{ x }}{{ caller() }}{% endmacro %}{% call m(x=5) %}!{% endcall %}", "5!"),
    ("{% macro m() %}{% if caller is defined %}c{{ caller() }}{% else %}no{% endif %}{% endmacro %}{{ m() }}{% call m() %}x{% endcall %}", "nocx"),
    ("{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}", ERROR),
    ("{% macro fact(n) %}{{ 1 if n == 0 else n * (fact(n - 1) | int) }}{% endmacro %}{{ fact(5) }}", "120"),
    ("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "B"),
    ("{% macro m() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}{% set x = 2 %}{{ m() }}", "12"),
    ("{% macro m(f) %}{{ f(3) }}{% endmacro %}{% macro g(x) %}<{{ x }}>{% endmacro %}{{ m(g) }}", "<3>"),
    ("{% macro m(a, b) %}{% endmacro %}{{ m.name }} {{ m.arguments }} {{ m.catch_kwargs }} {{ m.catch_varargs }} {{ m.caller }}", "m ('a', 'b') False False False"),
    ("{% macro m(a, b, c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(*[1, 2], **{'c': 3}) }} {{ m(1, *[2, 3]) }}", "123 123"),
    ("{% macro m() %}{% set y = 1 %}{{ y }}{% endmacro %}{{ m() }}{{ y }}|", "1|"),
    ("{% macro outer() %}{% macro inner(n) %}{{ n }}{% if n > 0 %}{{ inner(n - 1) }}{% endif %}{% endmacro %}{{ inner(2) }}{% endmacro %}{{ outer() }}", "210"),
    ("{% for i in items %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}", "123"),
    ("{% macro m(x) %}{{ x | default('dflt') }}{% endmacro %}{{ m() }}{{ m(none) }}", "dfltNone"),
    ("{% macro m(l=[]) %}{% do l.append(1) %}{{ l }}{% endmacro %}{{ m() }}{{ m() }}", "[1][1]"),
    ("{{ m is defined }}{% macro m() %}{% endmacro %}{{ m is defined }}", "FalseTrue"),
    ("{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }}{{ m(1) }}", "FalseTrue"),
    ("{% macro x() %}  pad  {% endmacro %}[{{ x() | trim }}]", "[pad]"),
    ("{% macro m() %}{{ caller('x') }}{{ caller('y') }}{% endmacro %}{% set z = 9 %}{% call(v) m() %}{{ v }}{{ z }}{% endcall %}", "x9y9"),
    ("{% macro m() %}{{ kwargs.items() | list }}{% endmacro %}{{ m(b=1, a=2) }}", "[('b', 1), ('a', 2)]"),
    // list, dict and set methods
    ("{% set l = [3,1,2] %}{% do l.sort() %}{{ l }}{% do l.reverse() %}{{ l }}{% do l.insert(0, 9) %}{{ l }}{{ l.pop() }}{{ l.pop(0) }}{{ l }}", "[1, 2, 3][3, 2, 1][9, 3, 2, 1]19[3, 2]"),
    ("{% set l = [1,2,1] %}{% do l.remove(1) %}{{ l }}{{ l.index(1) }}{{ l.count(2) }}{{ l.copy() }}", "[2, 1]11[2, 1]"),
    ("{% set l = ['b','A','c'] %}{% do l.sort(reverse=true) %}{{ l }}", "['c', 'b', 'A']"),
    ("{% set l = [1] %}{% do l.append(l) %}{{ l | length }}", "2"),
    ("{{ [1,2].index(5) }}", ERROR),
    ("{{ [].pop() }}", ERROR),
    ("{{ d.get('a') }} {{ d.get('z') }} {{ d.get('z', 5) }}", "1 None 5"),
    ("{{ {'a': 1}.copy() }} {{ dict(a=1, b=2) }} {{ dict({'x': 1}, y=2) }} {{ dict([('a', 1)]) }}", "{'a': 1} {'a': 1, 'b': 2} {'x': 1, 'y': 2} {'a': 1}"),
    ("{% set x = {'a': 1} %}{{ x.pop('a') }}{{ x }}{{ x.pop('z', 'dflt') }}", "1{}dflt"),
    ("{{ {}.pop('z') }}", ERROR),
    ("{{ {1: 'a', 1.0: 'b', true: 'c'} }}", "{1: 'c'}"),
    ("{{ {(1,2): 'x'}[(1,2)] }}", "x"),
    ("{{ {[1]: 2} }}", ERROR),
    ("{{ set([1,2,2]) | length }} {{ 1 in set([1]) }} {{ set([1,2]).union([3]) | sort }} {{ set([1,2]).intersection([2]) | list }} {{ set([1,2]).difference([2]) | list }} {{ set([1]).issubset([1,2]) }}", "2 True [1, 2, 3] [2] [1] True"),
    ("{{ (1,2,1).count(1) }} {{ (1,2).index(2) }}", "2 1"),
    ("{{ zip([1,2], ['a','b']) }}", "[(1, 'a'), (2, 'b')]"),
    // string methods
    (r#"{{ 'Hello'.upper() }} {{ 'Hello'.lower() }} {{ 'hello world'.title() }} {{ "they're bill's".title() }} {{ 'hELLO wORLD'.capitalize() }} {{ 'Ab'.swapcase() }}"#, "HELLO hello Hello World They'Re Bill'S Hello world aB"),
    ("{{ ' x '.strip() }}| {{ 'xxaxx'.strip('x') }} {{ ' x'.lstrip() }} {{ 'x  '.rstrip() }}| {{ 'abcba'.strip('ab') }}", "x| a x x| c"),
    ("{{ 'a,b,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a b c'.split(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a.b.c'.rsplit('.', 1) }} {{ 'a b  c '.rsplit(none, 1) }} {{ 'a--b'.split('--') }}", "['a', 'b', 'c'] ['a', 'b'] ['a', 'b,c'] ['a', 'b c'] [] [''] ['a.b', 'c'] ['a b', 'c'] ['a', 'b']"),
    ("{{ 'a.b.c'.partition('.') }} {{ 'a.b.c'.rpartition('.') }} {{ 'abc'.partition('.') }} {{ 'abc'.rpartition('.') }}", "('a', '.', 'b.c') ('a.b', '.', 'c') ('abc', '', '') ('', '', 'abc')"),
    ("{{ 'aXbX'.replace('X', '-') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'abc'.replace('', '-') }}", "a-b- bba -a-b-c-"),
    ("{{ 'abc'.startswith('a') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abc'.startswith('b', 1) }}", "True True True"),
    ("{{ 'abcabc'.find('c') }} {{ 'abc'.find('z') }} {{ 'abcabc'.rfind('c') }} {{ 'abcabc'.index('b', 2) }} {{ 'aaa'.count('a') }} {{ 'aaaa'.count('aa') }}", "2 -1 5 4 3 2"),
    ("{{ 'abc'.index('z') }}", ERROR),
    ("{{ '7'.zfill(3) }} {{ '-7'.zfill(4) }} {{ 'a'.ljust(3) }}| {{ 'a'.rjust(3, '*') }} {{ 'a'.center(4) }}| {{ 'ab'.center(5, '*') }} {{ 'a'.center(3) }}|", "007 -007 a  | **a  a  | **ab*  a |"),
    ("{{ '12'.isdigit() }} {{ 'a1'.isalnum() }} {{ 'ab'.isalpha() }} {{ ' '.isspace() }} {{ 'A'.isupper() }} {{ 'a'.islower() }} {{ ''.isdigit() }} {{ 'A B'.istitle() }} {{ 'x1'.isidentifier() }} {{ '1x'.isidentifier() }} {{ '1.5'.isnumeric() }}", "True True True True True True False True True False False"),
    ("{{ ','.join(['a','b']) }} {{ ''.join([]) }}|", "a,b |"),
    ("{{ ','.join([1]) }}", ERROR),
    (r#"{{ 'a\nb\r\nc'.splitlines() }} {{ 'a\nb\n'.splitlines(true) }}"#, r#"['a', 'b', 'c'] ['a\n', 'b\n']"#),
    ("{{ 'prefix_x'.removeprefix('prefix_') }} {{ 'x.sql'.removesuffix('.sql') }} {{ 'abc'.removeprefix('z') }} {{ 'ẞß'.casefold() }}", "x x abc ssss"),
    (r#"{{ 'a\tb'.expandtabs(4) }}"#, "a   b"),
    ("{{ 'straße'.upper() }} {{ 'ÀÉ'.lower() }} {{ 'é' | length }}", "STRASSE àé 1"),
    ("{{ (5).bit_length() }} {{ 2.5.is_integer() }} {{ 2.0.is_integer() }}", "3 False True"),
    // formatting
    ("{{ '%s and %s' % ('a', 1) }} {{ '%d%%' % 5 }} {{ '%05.2f' % 3.14159 }} {{ '%-5s|' % 'a' }} {{ '%5s' % 'a' }} {{ '%x %X %o' % (255, 255, 8) }} {{ '%e' % 12345.678 }} {{ '%g' % 0.00001 }} {{ '%r' % 'a' }}", "a and 1 5% 03.14 a    |     a ff FF 10 1.234568e+04 1e-05 'a'"),
    ("{{ '%(a)s-%(b)03d' % {'a': 'x', 'b': 7} }} {{ '%s' % [1, 2] }} {{ '%s' % none }} {{ '%+d' % 5 }} {{ '%03d' % -5 }} {{ '%.3s' % 'abcdef' }} {{ '%i' % 3.9 }} {{ '%*d' % (5, 42) }} {{ '%c' % 'x' }} {{ '%#x' % 255 }} {{ '%.3d' % 5 }}", "x-007 [1, 2] None +5 -05 abc 3    42 x 0xff 005"),
    ("{{ '%s %s' % 'a' }}", ERROR),
    ("{{ '%s' % ('a', 'b') }}", ERROR),
    ("{{ '%d' % 'x' }}", ERROR),
    ("{{ '{} {}'.format('a', 1) }} {{ '{0}{1}{0}'.format('a', 'b') }} {{ '{x}'.format(x=1) }} {{ '{{}}'.format() }} {{ '{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd') }}", "a 1 aba 1 {}     a|b    |  c  |***d***"),
    ("{{ '{:,}'.format(1234567) }} {{ '{:.2f}'.format(3.14159) }} {{ '{:05d}'.format(42) }} {{ '{:+d}'.format(5) }} {{ '{:x}'.format(255) }} {{ '{:#b}'.format(5) }} {{ '{:,.2f}'.format(1234567.891) }} {{ '{:.1%}'.format(0.256) }} {{ '{:e}'.format(12345.678) }} {{ '{:g}'.format(1e10) }} {{ '{:_}'.format(1234567) }}", "1,234,567 3.14 00042 +5 ff 0b101 1,234,567.89 25.6% 1.234568e+04 1e+10 1_234_567"),
    ("{{ '{0[a]} {1.x}'.format({'a': 1}, {'x': 2}) if false else '{0[a]}'.format({'a': 1}) }} {{ '{!r}'.format('a') }} {{ '{:{}}|'.format('a', 5) }} {{ '{:{w}.{p}f}'.format(3.14159, w=8, p=2) }}", "1 'a' a    |     3.14"),
    ("{{ '{:010,}'.format(1234) }} {{ '{:08.3f}'.format(-3.14159) }} {{ '{:>08}'.format('a') }} {{ '{}'.format(none) }} {{ '{}'.format([1]) }} {{ '{:5}|'.format(1) }} {{ '{:5}|'.format('a') }} {{ '{:.3}'.format('abcdef') }} {{ '{:.3}'.format(3.14159) }} {{ '{}'.format(1.0) }} {{ '{:.0f}'.format(2.5) }} {{ '{:d}'.format(true) }}", "00,001,234 -003.142 0000000a None [1]     1| a    | abc 3.14 1.0 2 1"),
    ("{{ '{}'.format() }}", ERROR),
    ("{{ '{:d}'.format('a') }}", ERROR),
    (r#"{{ "%s, %s!" | format("Hello", "World") }} {{ "%(a)s" | format(a=1) }}"#, "Hello, World! 1"),
    // filters: text
    ("{{ 'Hello' | upper }} {{ 'Hello' | lower }} {{ 'hello WORLD foo-bar (baz)' | title }} {{ 'hELLO' | capitalize }} {{ '  x ' | trim }}| {{ 'xxaxx' | trim('x') }} {{ 5 | string }} {{ 'a-b' | replace('-', '+') }} {{ 'aaa' | replace('a', 'b', 2) }}", "HELLO hello Hello World Foo-Bar (Baz) Hello x| a 5 a+b bba"),
    ("{{ 'abc' | center(9) }}| {{ 'abcd' | center(9) }}| {{ 'a b c' | wordcount }} {{ 'abc' | reverse }} {{ 'abc' | first }} {{ 'abc' | last }} {{ 'abc' | list }} {{ 'abc' | length }}", "   abc   |    abcd  | 3 cba a c ['a', 'b', 'c'] 3"),
    (r#"{{ 'line1\nline2\n\nline3' | indent }}"#, "line1\n    line2\n\n    line3"),
    (r#"{{ 'line1\nline2\n\nline3' | indent(2, true) }}"#, "  line1\n  line2\n\n  line3"),
    (r#"{{ 'line1\nline2\n\nline3' | indent(2, blank=true) }}"#, "line1\n  line2\n  \n  line3"),
    (r#"{{ 'line1\nline2\n' | indent('>>') }}|"#, "line1\n>>line2\n|"),
    ("{{ text | truncate(10) }} {{ text | truncate(10, true) }} {{ text | truncate(12, false, '') }} {{ 'short' | truncate(10) }} {{ 'foo bar baz qux' | truncate(11) }} {{ 'foo bar baz qux' | truncate(11, false, '...', 0) }}", "The... The qui... The quick short foo bar baz qux foo bar..."),
    ("{{ 'The quick brown fox jumps over' | wordwrap(10) }}", "The quick\nbrown fox\njumps over"),
    ("{{ 'averyveryverylongword short' | wordwrap(8) }}", "averyver\nyverylon\ngword\nshort"),
    ("{{ 'averyveryverylongword short' | wordwrap(8, false) }}", "averyveryverylongword\nshort"),
    ("{{ 'a-hyphenated-word here' | wordwrap(10) }}", "a-\nhyphenated\n-word here"),
    (r#"{{ '<a href="x">it\'s</a>' | escape }} {{ '<p>a  <b>b</b></p>' | striptags }} {{ 'a b/c?d=é' | urlencode }} {{ {'a': 1, 'b': 'x y'} | urlencode }}"#, "&lt;a href=&#34;x&#34;&gt;it&#39;s&lt;/a&gt; a b a%20b/c%3Fd%3D%C3%A9 a=1&b=x+y"),
    ("{{ {'class': 'a', 'id': none, 'x': 1} | xmlattr }}", r#" class="a" x="1""#),
    ("{{ {'b': [1, 2.5, none, true], 'a': 'x<y'} | tojson }}", r#"{"a": "x\u003cy", "b": [1, 2.5, null, true]}"#),
    ("{{ {'b': 1, 'a': [1, {}]} | tojson(indent=2) }}", "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": 1\n}"),
    (r#"{{ 'é"\n' | tojson }} {{ 1.0 | tojson }} {{ [] | tojson }}"#, r#""\u00e9\"\n" 1.0 []"#),
    ("{{ {'b': 1, 'a': 2} | pprint }} {{ [1, 'a'] | pprint }}", "{'a': 2, 'b': 1} [1, 'a']"),
    ("{{ ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'cccccccccccccccccccccccc'] | pprint }}", "['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',\n 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',\n 'cccccccccccccccccccccccc']"),
    ("{{ {'k1': ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'ccccccccccccccccccc'], 'a': 1} | pprint }}", "{'a': 1,\n 'k1': ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',\n        'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',\n        'ccccccccccccccccccc']}"),
    // filters: numbers
    ("{{ -5 | abs }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.567 | round(2) }} {{ 2.1 | round(0, 'ceil') }} {{ 2.99 | round(1, 'floor') }} {{ 1234 | round(-2) }} {{ 5 | round }} {{ 2.675 | round(2) }}", "5 2.0 4.0 2.57 3.0 2.9 1200 5 2.67"),
    ("{{ '42' | int }} {{ 'x' | int }} {{ 'x' | int(-1) }} {{ '3.7' | int }} {{ 3.7 | int }} {{ 'ff' | int(0, 16) }} {{ '0x1F' | int(base=16) }} {{ none | int }} {{ true | int }} {{ ' 5 ' | int }} {{ '1_000' | int }}", "42 0 -1 3 3 255 31 0 1 5 1000"),
    ("{{ '1.5' | float }} {{ 'x' | float }} {{ 'x' | float(2.5) }} {{ 3 | float }} {{ '1e3' | float }}", "1.5 0.0 2.5 3.0 1000.0"),
    ("{{ items | sum }} {{ rows | sum(attribute='id') }} {{ [] | sum }} {{ [[1],[2]] | sum(start=[]) }} {{ 13000 | filesizeformat }} {{ 1 | filesizeformat }} {{ 1048576 | filesizeformat(true) }}", "6 6 0 [1, 2] 13.0 kB 1 Byte 1.0 MiB"),
    // filters: sequences
    ("{{ items | join(',') }} {{ items | join }} {{ rows | join(',', attribute='g') }} {{ [1, none, 'a'] | join('-') }} {{ 'abc' | join(',') }}", "1,2,3 123 x,y,x 1-None-a a,b,c"),
    ("{{ items | first }} {{ items | last }} {{ empty | first }}| {{ empty | last }}| {{ items | length }} {{ d | length }} {{ d | count }} {{ items | reverse | list }} {{ (1,2) | list }} {{ d | list }}", "1 3 | | 3 2 2 [3, 2, 1] [1, 2] ['a', 'b']"),
    ("{{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ words | sort(reverse=true) }} {{ rows | sort(attribute='g') | map(attribute='id') | list }} {{ rows | sort(attribute='g,id', reverse=true) | map(attribute='id') | list }}", "['Apple', 'banana', 'cherry'] ['Apple', 'banana', 'cherry'] ['cherry', 'banana', 'Apple'] [1, 3, 2] [2, 3, 1]"),
    ("{{ [3, 1, 2] | sort }} {{ ['b', 'A'] | sort }} {{ d | dictsort }} {{ {'B': 1, 'a': 2} | dictsort }} {{ {'b': 1, 'a': 2} | dictsort(by='value') }} {{ {'b': 1, 'a': 2} | dictsort(reverse=true) }}", "[1, 2, 3] ['A', 'b'] [('a', 1), ('b', 2)] [('a', 2), ('B', 1)] [('b', 1), ('a', 2)] [('b', 1), ('a', 2)]"),
    ("{{ [1, 'a'] | sort }}", ERROR),
    ("{{ [1, 2, 1] | unique | list }} {{ ['a', 'A', 'b'] | unique | list }} {{ ['a', 'A'] | unique(true) | list }} {{ rows | unique(attribute='g') | map(attribute='id') | list }}", "[1, 2] ['a', 'b'] ['a', 'A'] [1, 2]"),
    ("{{ items | map('string') | list }} {{ words | map('upper') | join }} {{ rows | map(attribute='g') | join }} {{ rows | map(attribute='zz', default='?') | list }} {{ ['a-b'] | map('replace', '-', '+') | list }} {{ nested.a.b | map('string') | first }}", "['1', '2', '3'] BANANAAPPLECHERRY xyx ['?', '?', '?'] ['a+b'] 10"),
    ("{{ items | select('odd') | list }} {{ items | reject('odd') | list }} {{ [0, 1, '', 'a', none] | select | list }} {{ items | select('>', 1) | list }} {{ items | select('in', [1, 3]) | list }} {{ [0, 1] | reject | list }} {{ items | select('divisibleby', 3) | list }}", "[1, 3] [2] [1, 'a'] [2, 3] [1, 3] [0] [3]"),
    ("{{ rows | selectattr('g', 'equalto', 'x') | map(attribute='id') | list }} {{ rows | rejectattr('g', '==', 'x') | map(attribute='id') | list }} {{ rows | selectattr('id') | list | length }} {{ rows | selectattr('missing') | list }} {{ rows | selectattr('id', 'ge', 2) | map(attribute='id') | list }} {{ rows | selectattr('zz', 'defined') | list }}", "[1, 3] [2] 3 [] [2, 3] []"),
    ("{{ items | min }} {{ items | max }} {{ words | min }} {{ words | max }} {{ rows | max(attribute='id') }} {{ empty | max }}| {{ ['b', 'A'] | min(case_sensitive=true) }}", "1 3 Apple cherry {'id': 3, 'g': 'x'} | A"),
    ("{{ [1,2,3,4,5] | batch(2) | list }} {{ [1,2,3] | batch(2, 'x') | list }} {{ [1,2,3,4,5] | slice(2) | list }} {{ [1,2,3,4,5] | slice(3, 'x') | list }}", "[[1, 2], [3, 4], [5]] [[1, 2], [3, 'x']] [[1, 2, 3], [4, 5]] [[1, 2], [3, 4], [5, 'x']]"),
    ("{% for g, l in rows | groupby('g') %}{{ g }}:{{ l | map(attribute='id') | list }} {% endfor %}", "x:[1, 3] y:[2] "),
    ("{% for g in rows | groupby('g') %}{{ g.grouper }}={{ g.list | length }} {% endfor %}", "x=2 y=1 "),
    ("{{ d | items | list }} {{ missing | items | list }}", "[('a', 1), ('b', 2)] []"),
    ("{{ missing | default('x') }} {{ none | default('x') }} {{ '' | default('x', true) }} {{ '' | default('x') }}| {{ none | d('y', true) }} {{ missing | default }}| {{ d.zz | default(5) }} {{ false | default('f', boolean=true) }}", "x None x | y | 5 f"),
    ("{{ d | attr('items') is callable }} {{ d | attr('a') }}|", "True |"),
    ("{{ 5 | nosuchfilter }}", ERROR),
    ("{{ items | map('nosuch') | list }}", ERROR),
    ("{{ missing | length }} {{ missing | join }}| {{ missing | list }} {{ missing | string }}|", "0 | [] |"),
    ("{{ missing | upper }}|", "|"),
    ("{{ [[1,2],[3]] | map('sum') | list }} {{ [[1,2],[3]] | map('first') | list }} {{ items | map('string') | map('length') | sum }}", "[3, 3] [1, 3] 3"),
    ("{{ 'abc' | upper | lower | title }} {{ (1 + 2) | string ~ 'x' }} {{ -1 | abs }}", "Abc 3x 1"),
    ("{{ 'a,b'.split(',') | map('trim') | list }} {{ ('a' if true else 'b') | upper }} {{ 'x' | replace('x', 'y') ~ 'z' }}", "['a', 'b'] A yz"),
    // tests
    ("{{ x is defined }} {{ d is defined }} {{ x is undefined }} {{ none is none }} {{ d.zz is defined }} {{ d.a is defined }} {{ d.zz is none }}", "False True True True False True False"),
    ("{{ 'a' is string }} {{ 1 is string }} {{ 1 is number }} {{ 1.5 is number }} {{ true is number }} {{ true is integer }} {{ 1 is integer }} {{ 1.0 is float }} {{ true is boolean }} {{ 1 is boolean }}", "True False True True True False True True True False"),
    ("{{ d is mapping }} {{ [] is mapping }} {{ [] is iterable }} {{ 'a' is iterable }} {{ 1 is iterable }} {{ [] is sequence }} {{ 'a' is sequence }} {{ d is sequence }} {{ none is iterable }} {{ range(3) is iterable }} {{ missing is iterable }}", "True False True True False True True True False True True"),
    ("{{ 1 is odd }} {{ 2 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 1 is eq 1 }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 2 is ge 2 }} {{ 1 is in [1] }} {{ 1 is not in([2]) }} {{ 'a' is lower }} {{ 'A' is upper }} {{ 'aB' is lower }} {{ true is true }} {{ 1 is true }} {{ false is false }}", "True True True False True True True True True True True True False True False True"),
    ("{{ range is callable }} {{ 1 is callable }} {{ 'upper' is filter }} {{ 'nosuch' is filter }} {{ 'odd' is test }} {{ 1 is sameas 1 }} {{ [] is sameas [] }} {{ none is sameas none }}", "True False True False True True False True"),
    ("{{ 1 is not string }} {{ not 1 is string }} {{ 1 is string or 2 is number }} {{ 'yes' if 3 is odd else 'no' }} {{ 1 is not none and 2 is not none }}", "True True True yes True"),
    ("{{ 1 is nosuchtest }}", ERROR),
    ("{{ items is defined and items | length > 2 }} {{ items | length == 3 }} {{ items | length + 1 }}", "True True 4"),
    // functions
    ("{{ range(3) }} {{ range(1, 4) | list }} {{ range(0, 10, 3) | list }} {{ range(3) | length }} {{ 2 in range(3) }} {{ range(3) | last }} {{ range(0,6,2) }}", "range(0, 3) [1, 2, 3] [0, 3, 6, 9] 3 True 2 range(0, 6, 2)"),
    ("{% set j = joiner(', ') %}{% for i in items %}{{ j() }}{{ i }}{% endfor %}", "1, 2, 3"),
    ("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}", "abab"),
    ("{{ range(1, 2, 3, 4) }}", ERROR),
    ("{{ namespace(a=1).a }} {{ namespace(a=1) }}", "1 <Namespace {'a': 1}>"),
    // syntax errors
    ("{{ }}", ERROR),
    ("{% if %}{% endif %}", ERROR),
    ("{{ 1 + }}", ERROR),
    ("{% for x in %}{% endfor %}", ERROR),
    ("{% if true %}", ERROR),
    ("{% endif %}", ERROR),
    ("{{ 'a }}", ERROR),
    ("{% nosuchtag %}", ERROR),
    ("{{ a b }}", ERROR),
    ("{{ foo(a=1, 2) }}", ERROR),
    ("{{ [1, 2 }}", ERROR),
    ("{% set 1 = 2 %}", ERROR),
    ("{{ 1 is odd is even }}", ERROR),
    ("{% macro m(a=1, b) %}{% endmacro %}", ERROR),
    ("{{ $x }}", ERROR),
    ("{# unclosed", ERROR),
    ("{% break %}", ERROR),
    ("{% endfor %}", ERROR),
    ("{{ x. }}", ERROR),
    // dbt-like templates
    ("{%- set payment_methods = ['credit_card', 'coupon'] -%}\nselect\n{% for p in payment_methods -%}\nsum(case when m = '{{ p }}' then a else 0 end) as {{ p }}_amount,\n{% endfor -%}\nsum(a)\nfrom x", "select\nsum(case when m = 'credit_card' then a else 0 end) as credit_card_amount,\nsum(case when m = 'coupon' then a else 0 end) as coupon_amount,\nsum(a)\nfrom x"),
    ("{% set q %}\n select 1\n{% endset %}\n{{ q }}", "\n\n select 1\n"),
    ("{%- macro cents(c, n=2) -%}\n    ({{ c }} / 100)::numeric(16, {{ n }})\n{%- endmacro -%}\nselect {{ cents('a') }}, {{ cents('b', 4) }}", "select (a / 100)::numeric(16, 2), (b / 100)::numeric(16, 4)"),
    ("{% if execute %}{{ x.y.z }}{% else %}{{ [] }}{% endif %}", "[]"),
    ("select * from {{ \"a\" if items | length > 2 else \"b\" }}{# c #}\nwhere 1=1 {% if true -%} and x {%- endif %}", "select * from a\nwhere 1=1 and x"),
    ("{% set d3 = dict(d) %}{% do d3.update({'c': 3}) %}{{ d3 | tojson }}{{ d }}", r#"{"a": 1, "b": 2, "c": 3}{'a': 1, 'b': 2}"#),
    (r#"{{ items | map('string') | join("', '") }} {{ "'" ~ words | join("', '") ~ "'" }}"#, "1', '2', '3 'banana', 'Apple', 'cherry'"),
    ("{% for k, v in {'b': 1, 'a': 2} | dictsort %}{{ k }}{{ v }}{% endfor %}", "a2b1"),
    (r#"{% for r in rows %}{% for k, v in r.items() %}{{ k }}={{ v }}{{ "," if not loop.last }}{% endfor %};{% endfor %}"#, "id=1,g=x;id=2,g=y;id=3,g=x;"),
    ("{% set cols = rows | map(attribute='g') | map('upper') | unique | sort | list %}{{ cols }}", "['X', 'Y']"),
    ("{{ (items | first, items | last) }} {{ items[0] if items else none }} {{ [] or 'fallback' }}", "(1, 3) 1 fallback"),
    (r#"{{ "%s.%s" | format('a', 'b') }} {{ "{}.{}".format('a', 'b') | upper }}"#, "a.b A.B"),
    ("{{ 'a' in ['a'] and not 'b' in ['a'] }} {{ d.get('a', none) is not none }} {{ d['a'] + d.b * 2 }}", "True True 5"),
    ("{% set ns = namespace(items=[], n=0) %}{% for i in range(3) %}{% set ns.items = ns.items + [i] %}{% endfor %}{{ ns.items }}", "[0, 1, 2]"),
    ("{{ none | string }} {{ true | lower }} {{ 1.0 | int }} {{ '2' | int + 1 }} {{ 7 | float / 2 }}", "None true 1 3 3.5"),
    ("{{ nested['a'].b[-1]['c'][0] }} {{ nested.a.get('zz', {}).get('q', 'dflt') }}", "d dflt"),
    ("{% set a %}{% for i in items %}{{ i }}{% endfor %}{% endset %}{{ a | trim | int + 1 }}", "124"),
    ("{% macro a(x) %}{% if x > 0 %}{{ x }}{{ a(x - 1) }}{% endif %}{% endmacro %}{{ a(3) | trim }}", "321"),
    ("{% call(x) (namespace(f=range).f)(2) %}{% endcall %}", ERROR),
    ("{{ range(3) | map('string') | list | tojson }} {{ (1, 2) | tojson }} {{ {1: 2} | tojson }}", r#"["0", "1", "2"] [1, 2] {"1": 2}"#),
    ("{{ 'A' ~ 'b' | lower }} {{ ('A' ~ 'B') | lower }} {{ not missing }} {{ missing or 'x' }}", "Ab ab True x"),
    (r#"{{ "a\\nb" }} {{ "tab\there" }} {{ 'quote: \'' }}"#, "a\\nb tab\there quote: '"),
    ("{{ [1, 2, 3][1:] | sum }} {{ 'abc'[1:] | upper }} {{ {'a': [1, 2]}['a'][0] }}", "5 BC 1"),
    ("{% for x in [3, 1, 2] | sort(reverse=true) %}{{ x }}{% endfor %}{{ [1, 2, 3] | reverse | join }}", "321321"),
    ("{{ loop is defined }} {% for i in [1] %}{{ loop is defined }}{% endfor %}", "False True"),
    ("{% set x = none %}{{ x is none }} {{ x or 'null' }} {{ x | default('d') }} {{ x | default('d', true) }}", "True null None d"),
    ("{{ 10 | string | length }} {{ 3.0 == 3 }} {{ 3 // 2 * 2 }} {{ 5 % 3 == 2 }} {{ (2, 3) == (2, 3) }}", "2 True 2 True True"),
    (r#"{{ "x" "y" ~ "z" }} {{ 'a' 'b' | upper }}"#, "xyz AB"),
    ("{{ d.items() | map('first') | list }} {{ d.values() | sum }} {{ d | length }} {{ 'a' in d.keys() }}", "['a', 'b'] 3 2 True"),
    ("{{ dict(zip(['a', 'b'], [1, 2])) }} {{ {'a': 1} | items | list }} {{ [['a', 1]] | map('last') | list }}", "{'a': 1, 'b': 2} [('a', 1)] [1]"),
    ("{% filter trim %}  x  {% endfilter %}|{% with %}{% set y = 1 %}{{ y }}{% endwith %}{{ y }}|", "x|1|"),
    ("{{ ''.join(['a', 'b']) }}{{ ', '.join(words) }}{{ words | map('length') | list }}", "abbanana, Apple, cherry[6, 5, 6]"),
    (r#"{{ "it's" | replace("'", "''") }} {{ 'a.b.c'.split('.')[-1] }} {{ 'A_B'.lower().replace('_', ' ').title() }}"#, "it''s c A B"),
    ("{% set l = [1,2,3] %}{% for i in l %}{% if loop.first %}{% do l.append(9) %}{% endif %}{% endfor %}{{ l }}", "[1, 2, 3, 9]"),
    ("{{ 5 | round(2) }} {{ 5.0 | round(2) }} {{ 1e20 }} {{ 12345678901234567890.0 }} {{ 0.1 + 0.7 }} {{ 1/3 }}", "5 5.0 1e+20 1.2345678901234567e+19 0.7999999999999999 0.3333333333333333"),
    ("{% set a = {'x': [1]} %}{% set b = a.copy() %}{% do b.x.append(2) %}{{ a }}", "{'x': [1, 2]}"),
    ("{%- for i in range(2) %}\n  line {{ i }}\n{%- endfor %}\nend", "\n  line 0\n  line 1\nend"),
    (r#"{{ "%.2f" % 1.005 }} {{ "%5.1f|" % 2.25 }} {{ "%s" % true }} {{ "%s" % {'a': 1} }} {{ '%s-%s' % (1, none) }}"#, "1.00   2.2| True {'a': 1} 1-None"),
];

fn scope() -> Dict {
    let Value::Dict(scope) = Value::from(json!({
        "items": [1, 2, 3],
        "name": "World",
        "d": {"a": 1, "b": 2},
        "rows": [{"id": 1, "g": "x"}, {"id": 2, "g": "y"}, {"id": 3, "g": "x"}],
        "text": "The quick brown fox",
        "empty": [],
        "nested": {"a": {"b": [10, 20, {"c": "deep"}]}},
        "pi": 3.25,
        "words": ["banana", "Apple", "cherry"],
    })) else {
        panic!("the scope is a dict")
    };
    scope
}

fn environment() -> Environment {
    let mut environment = Environment::new();
    environment.add_function("set", |_, arguments| {
        let items = arguments.one("set", "items")?.iterate()?;
        Ok(Value::Set(
            items
                .into_iter()
                .map(Key::new)
                .collect::<Result<Set, _>>()?,
        ))
    });
    environment.add_function("zip", |_, arguments: Arguments| {
        let [left, right] = arguments.bind("zip", ["left", "right"], 2)?;
        let (left, right) = (left.unwrap().iterate()?, right.unwrap().iterate()?);
        Ok(Value::list(
            left.into_iter()
                .zip(right)
                .map(|(a, b)| Value::tuple([a, b])),
        ))
    });
    environment
}

#[test]
fn renders_as_jinja2_does() {
    let environment = environment();
    let mut failures = Vec::new();
    for (template, expected) in CASES {
        let source = Source::new("case.sql", *template);
        let result =
            Template::parse(&source).and_then(|template| template.render(&environment, &scope()));
        match result {
            Ok(text) if text == *expected => {}
            Err(_) if *expected == ERROR => {}
            Ok(text) => failures.push(format!(
                "{template}\n  expected {expected:?}\n  got      {text:?}"
            )),
            Err(error) => failures.push(format!(
                "{template}\n  expected {expected:?}\n  got      {error}"
            )),
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} differ:\n{}",
        failures.len(),
        CASES.len(),
        failures.join("\n")
    );
}
