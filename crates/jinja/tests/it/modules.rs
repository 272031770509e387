//! `modules.datetime`, `pytz`, `re` and `itertools` against what Python 3.11 gives, literally.

use chrono::{TimeZone as _, Utc};
use diagnostic::Source;
use jinja::{Dict, Environment, Template, Value, modules};

const ERROR: &str = "an error";

/// Template and expected text; `dt`, `it`, `re` and `pytz` are the modules.
#[rustfmt::skip]
const CASES: &[(&str, &str)] = &[
    // date
    ("{{ dt.date(2024, 2, 28) + dt.timedelta(days=2) }} {{ dt.date(2024, 3, 1) - dt.date(2024, 2, 1) }} {{ (dt.date(2024, 3, 1) - dt.date(2024, 2, 1)).days }}", "2024-03-01 29 days, 0:00:00 29"),
    ("{{ dt.date(2024, 1, 31).strftime('%Y/%m/%d %j %a %A %b %B %U %W %V %G %u %w %y %e %-d %-m') }}", "2024/01/31 031 Wed Wednesday Jan January 04 05 05 2024 3 3 24 31 31 1"),
    ("{{ dt.date(2024, 1, 31).isoformat() }} {{ dt.date(2024, 1, 31).weekday() }} {{ dt.date(2024, 1, 31).isoweekday() }} {{ dt.date(2024, 1, 31).replace(day=1) }} {{ dt.date(2024, 1, 31).year }} {{ dt.date(2024, 1, 31).toordinal() }}", "2024-01-31 2 3 2024-01-01 2024 738916"),
    ("{{ dt.date.fromisoformat('2024-02-29') }} {{ [dt.date(2024,1,2)] }} {{ dt.date(2024,1,1) < dt.date(2024,1,2) }} {{ dt.date(2024,1,1) == dt.date(2024,1,1) }} {{ dt.date.min }} {{ dt.date.fromordinal(738886) }}", "2024-02-29 [datetime.date(2024, 1, 2)] True True 0001-01-01 2024-01-01"),
    ("{{ dt.date(2024, 2, 30) }}", ERROR),
    ("{{ dt.date.fromisoformat('2024-13-01') }}", ERROR),
    (r#"{{ {dt.date(2024,1,1): 'x'}[dt.date(2024,1,1)] }} {{ '{:%Y-%m}'.format(dt.date(2024,1,1)) }} {{ "%s" % dt.date(2024,1,1) }} {{ dt.date(2024,1,1) ~ '' }}"#, "x 2024-01 2024-01-01 2024-01-01"),
    ("{{ [dt.date(2024,2,1), dt.date(2024,1,1)] | sort | first }} {{ dt.date(2024,1,15).ctime() }} {{ dt.date(2024,12,30).isocalendar()[1] }}", "2024-01-01 Mon Jan 15 00:00:00 2024 1"),
    ("{{ dt.date(2024,1,1) + 1 }}", ERROR),
    // datetime
    ("{{ dt.datetime(2024, 1, 2) }} {{ dt.datetime(2024, 1, 2, 3, 4, 5) }} {{ dt.datetime(2024, 1, 2, 3, 4, 5, 6000) }} {{ [dt.datetime(2024, 1, 2, 3)] }} {{ [dt.datetime(2024, 1, 2, 3, 4, 5, 6)] }}", "2024-01-02 00:00:00 2024-01-02 03:04:05 2024-01-02 03:04:05.006000 [datetime.datetime(2024, 1, 2, 3, 0)] [datetime.datetime(2024, 1, 2, 3, 4, 5, 6)]"),
    ("{{ dt.datetime.strptime('2024-01-02 03:04:05', '%Y-%m-%d %H:%M:%S') }} {{ dt.datetime.strptime('05 Mar 24', '%d %b %y').date() }} {{ dt.datetime.strptime('1:05 PM', '%I:%M %p').time() }} {{ dt.datetime.strptime('2024-01-02T03:04:05.123+0200', '%Y-%m-%dT%H:%M:%S.%f%z') }} {{ dt.datetime.strptime('20240102', '%Y%m%d') }}", "2024-01-02 03:04:05 2024-03-05 13:05:00 2024-01-02 03:04:05.123000+02:00 2024-01-02 00:00:00"),
    ("{{ dt.datetime.strptime('2024-01-02 x', '%Y-%m-%d') }}", ERROR),
    ("{{ dt.datetime.strptime('nope', '%Y-%m-%d') }}", ERROR),
    ("{{ dt.datetime(2024, 1, 2, 3, 4, 5, 123456).isoformat() }} {{ dt.datetime(2024, 1, 2).isoformat() }} {{ dt.datetime(2024, 1, 2).isoformat(' ') }} {{ dt.datetime(2024,1,2,3).isoformat(timespec='minutes') }}", "2024-01-02T03:04:05.123456 2024-01-02T00:00:00 2024-01-02 00:00:00 2024-01-02T03:00"),
    ("{{ dt.datetime.fromisoformat('2024-01-02T03:04:05') }} {{ dt.datetime.fromisoformat('2024-01-02') }} {{ dt.datetime.fromisoformat('2024-01-02 03:04:05.123456+02:00') }} {{ dt.datetime.fromisoformat('2024-01-02T03:04:05Z') }} {{ dt.datetime.fromisoformat('2024-01-02T03:04') }}", "2024-01-02 03:04:05 2024-01-02 00:00:00 2024-01-02 03:04:05.123456+02:00 2024-01-02 03:04:05+00:00 2024-01-02 03:04:00"),
    ("{{ (dt.datetime(2024,1,2) - dt.datetime(2024,1,1,12)).total_seconds() }} {{ dt.datetime(2024,1,2) - dt.timedelta(hours=1) }} {{ dt.datetime(2024,1,2) > dt.datetime(2024,1,1) }} {{ dt.datetime(2024,1,2).date() == dt.date(2024,1,2) }}", "43200.0 2024-01-01 23:00:00 True True"),
    ("{{ dt.datetime.combine(dt.date(2024,1,2), dt.time(3,4)) }} {{ dt.datetime(2024,1,2,3,4,5).time() }} {{ dt.datetime(2024,1,2,3).replace(hour=0, tzinfo=pytz.utc) }} {{ dt.datetime(2024,1,2,13).strftime('%I:%M %p %f %s|%Z|%z|%x %X %c %%') }}", "2024-01-02 03:04:00 03:04:05 2024-01-02 00:00:00+00:00 01:00 PM 000000 1704200400|||01/02/24 13:00:00 Tue Jan  2 13:00:00 2024 %"),
    ("{{ dt.datetime.fromtimestamp(0, pytz.utc) }} {{ dt.datetime.utcfromtimestamp(1700000000) }} {{ dt.datetime(2024,1,2,tzinfo=pytz.utc).timestamp() }} {{ dt.datetime(2024,1,2).tzinfo }}", "1970-01-01 00:00:00+00:00 2023-11-14 22:13:20 1704153600.0 None"),
    ("{{ dt.datetime(2024,1,2,tzinfo=dt.timezone.utc) }} {{ dt.datetime(2024,1,2,tzinfo=dt.timezone(dt.timedelta(hours=-5))) }} {{ dt.datetime(2024,1,2,12,tzinfo=pytz.utc).astimezone(dt.timezone(dt.timedelta(hours=2))) }} {{ dt.datetime(2024,1,2,tzinfo=dt.timezone.utc).tzname() }}", "2024-01-02 00:00:00+00:00 2024-01-02 00:00:00-05:00 2024-01-02 14:00:00+02:00 UTC"),
    ("{{ dt.datetime(2024,1,2) - dt.datetime(2024,1,2,tzinfo=pytz.utc) }}", ERROR),
    ("{{ dt.datetime(2024, 1, 2, 25) }}", ERROR),
    ("{% for i in range(3) %}{{ (dt.datetime(2024,1,30) + dt.timedelta(i)).strftime('%m-%d') }} {% endfor %}", "01-30 01-31 02-01 "),
    // time and timedelta
    ("{{ dt.time(1, 2) }} {{ dt.time(1, 2, 3, 4) }} {{ dt.time(1,2).strftime('%H%M') }} {{ dt.time.fromisoformat('10:20:30') }} {{ [dt.time(1,2)] }} {{ dt.time(5).isoformat() }} {{ dt.time.min }} {{ dt.time.max }}", "01:02:00 01:02:03.000004 0102 10:20:30 [datetime.time(1, 2)] 05:00:00 00:00:00 23:59:59.999999"),
    ("{{ dt.timedelta(1, 2) }} {{ dt.timedelta(hours=-1) }} {{ dt.timedelta(days=-3) }} {{ dt.timedelta(weeks=1, hours=25, milliseconds=5) }} {{ [dt.timedelta(days=1, seconds=5)] }} {{ dt.timedelta(days=1) * 2 }} {{ dt.timedelta(days=1) / 2 }} {{ dt.timedelta(days=1) / dt.timedelta(hours=6) }} {{ -dt.timedelta(days=1) }} {{ dt.timedelta(0) }} {{ dt.timedelta(hours=1).seconds }} {{ dt.timedelta(days=2) > dt.timedelta(days=1) }} {{ 'y' if dt.timedelta(0) else 'n' }} {{ dt.timedelta(days=1) + dt.timedelta(hours=1) }} {{ dt.timedelta(days=5) // dt.timedelta(days=2) }} {{ dt.timedelta(days=2).total_seconds() | int }}", "1 day, 0:00:02 -1 day, 23:00:00 -3 days, 0:00:00 8 days, 1:00:00.005000 [datetime.timedelta(days=1, seconds=5)] 2 days, 0:00:00 12:00:00 4.0 -1 day, 0:00:00 0:00:00 3600 True n 1 day, 1:00:00 2 172800"),
    // pytz
    ("{{ pytz.utc }} {{ pytz.timezone('America/New_York') }} {{ pytz.timezone('America/New_York').localize(dt.datetime(2024,7,1)) }} {{ pytz.timezone('America/New_York').localize(dt.datetime(2024,1,1)).strftime('%Z %z') }} {{ dt.datetime(2024,7,1,12,tzinfo=pytz.utc).astimezone(pytz.timezone('Europe/Berlin')) }} {{ pytz.timezone('UTC').localize(dt.datetime(2024,1,1)) }} {{ pytz.timezone('US/Pacific').zone }}", "UTC America/New_York 2024-07-01 00:00:00-04:00 EST -0500 2024-07-01 14:00:00+02:00 2024-01-01 00:00:00+00:00 US/Pacific"),
    ("{{ pytz.timezone('Mars/Olympus') }}", ERROR),
    ("{{ dt.datetime(2024,7,1,tzinfo=pytz.utc) == pytz.timezone('America/New_York').localize(dt.datetime(2024,6,30,20)) }}", "True"),
    // re
    (r#"{{ re.match('a(b)c', 'abcd').group(1) }} {{ re.match('b', 'abc') }} {{ re.search('b', 'abc').start() }} {{ re.fullmatch('a.c', 'abc') is not none }} {{ re.fullmatch('a', 'ab') }} {{ re.match('(?P<y>\\d+)-(?P<m>\\d+)', '2024-05').groupdict() }} {{ re.match('(a)(x)?', 'a').groups() }} {{ re.search('b+', 'abbc').span() }} {{ re.match('a', 'abc') }}"#, "b None 1 True None {'y': '2024', 'm': '05'} ('a', None) (1, 3) <re.Match object; span=(0, 1), match='a'>"),
    (r#"{{ re.findall('\\d+', 'a1b22') }} {{ re.findall('(\\w)(\\d)', 'a1b2') }} {{ re.findall('(\\w)\\d', 'a1b2') }} {{ re.split('[,;]\\s*', 'a, b;c') }} {{ re.split('(,)', 'a,b') }} {{ re.split(',', 'a,b,c', 1) }} {{ re.split(',', 'a,b,c', maxsplit=1) }}"#, "['1', '22'] [('a', '1'), ('b', '2')] ['a', 'b'] ['a', 'b', 'c'] ['a', ',', 'b'] ['a', 'b,c'] ['a', 'b,c']"),
    (r#"{{ re.sub('[^a-z]', '_', 'a b-c') }} {{ re.sub('(\\w+) (\\w+)', '\\2 \\1', 'hello world') }} {{ re.sub('(?P<x>a)', '[\\g<x>]', 'aba') }} {{ re.sub('a', 'b', 'aaa', 2) }} {{ re.sub('a', 'b', 'aaa', count=1) }} {{ re.subn('a', 'b', 'aa') }} {{ re.sub('A', 'b', 'aA', flags=re.IGNORECASE) }} {{ re.sub('\\s+', ' ', 'a  \n b') }}"#, "a_b_c world hello [a]b[a] bba baa ('bb', 2) bb a b"),
    (r#"{{ re.compile('a.').match('abc').group() }} {{ re.compile('a', re.I).sub('x', 'Aa') }} {{ re.compile('a+').findall('aaba') }} {{ re.escape('a.b-c') }} {{ 'y' if re.match('x', 'y') else 'n' }} {{ re.search('^b', 'a\nb', re.M).group(0) }} {{ re.match('a(?:b|c)d', 'acd')[0] }} {{ re.compile('x').pattern }} {{ re.match("[a-z\\-_/]+", 'a-b/c_d')[0] }} {{ re.findall('\"(.*?)\"', '"a" "b"') }} {{ re.match('(a)(b)', 'ab').group(1, 2) }}"#, r#"ab xx ['aa', 'a'] a\.b\-c n b acd x a-b/c_d ['a', 'b'] ('a', 'b')"#),
    ("{{ re.match('(', 'a') }}", ERROR),
    ("{{ re.match('a', 5) }}", ERROR),
    // itertools
    ("{{ it.chain([1], [2, 3]) | list }} {{ it.product([1, 2], ['a', 'b']) | list }} {{ it.combinations([1,2,3], 2) | list }} {{ it.permutations([1,2,3], 2) | list | length }} {{ it.product([0,1], repeat=2) | list }} {{ it.accumulate([1,2,3]) | list }} {{ it.islice([1,2,3,4], 1, 3) | list }} {{ it.zip_longest([1,2], [3]) | list }} {{ it.repeat(1, 3) | list }} {{ it.combinations_with_replacement([1,2], 2) | list }}", "[1, 2, 3] [(1, 'a'), (1, 'b'), (2, 'a'), (2, 'b')] [(1, 2), (1, 3), (2, 3)] 6 [(0, 0), (0, 1), (1, 0), (1, 1)] [1, 3, 6] [2, 3] [(1, 3), (2, None)] [1, 1, 1] [(1, 1), (1, 2), (2, 2)]"),
];

fn scope() -> Dict {
    let noon = Utc.with_ymd_and_hms(2024, 7, 1, 12, 30, 0).unwrap();
    let Value::Dict(all) = modules::all(modules::Clock::fixed(noon)) else {
        panic!("`modules` is a dict")
    };
    Dict::from_iter([
        ("dt", all.get("datetime").unwrap()),
        ("it", all.get("itertools").unwrap()),
        ("re", all.get("re").unwrap()),
        ("pytz", all.get("pytz").unwrap()),
        ("modules", all.into()),
    ])
}

fn render(template: &str) -> diagnostic::Result<String> {
    let source = Source::new("case.sql", template);
    Template::parse(&source)?.render(&Environment::new(), &scope())
}

#[test]
fn modules_behave_as_pythons() {
    let mut failures = Vec::new();
    for (template, expected) in CASES {
        match render(template) {
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

#[test]
fn flags_anchors_and_braces_are_pythons() {
    for (template, expected) in [
        (
            "{{ re.match('b', 'ab') }} {{ re.match('A', 'ab', re.I).group() }}",
            "None a",
        ),
        ("{{ re.fullmatch('A.', 'ab', re.I) is none }}", "False"),
        (
            "{{ re.findall('(?ix) ({{) \\s* ref # note', '{{ REF')[0] }}",
            "{{",
        ),
        ("{{ re.sub('a{2}|x{', '-', 'aaax{') }}", "-a-"),
        ("{{ re.fullmatch('a|ab', 'ab').group() }}", "ab"),
    ] {
        assert_eq!(render(template).unwrap(), expected, "{template}");
    }
}

#[test]
fn map_and_select_of_nothing_are_empty() {
    assert_eq!(
        render("{{ none | map('lower') | list }}{{ none | select | list }}{{ '' | map('lower') | list }}").unwrap(),
        "[][][]"
    );
}

#[test]
fn the_clock_is_the_hosts() {
    let text = render(
        "{{ modules.datetime.datetime.utcnow() }} \
         {{ modules.datetime.datetime.now(modules.pytz.timezone('Asia/Tokyo')).isoformat() }} \
         {{ modules.datetime.datetime.utcnow().date() - modules.datetime.timedelta(days=1) }}",
    );
    assert_eq!(
        text.unwrap(),
        "2024-07-01 12:30:00 2024-07-01T21:30:00+09:00 2024-06-30"
    );
}

#[test]
fn expressions_look_around_and_back() {
    let text = render(r"{{ re.sub('(?<=a)b', 'x', 'ab bb') }}").unwrap();
    assert_eq!(text, "ax bb");
    let text = render(r"{{ re.findall('\\w+(?=\\s|$)', 'one, two three') }}").unwrap();
    assert_eq!(text, "['two', 'three']");
    let text = render(r"{{ re.match('(a)\\1', 'aab').group() }}").unwrap();
    assert_eq!(text, "aa");
}
