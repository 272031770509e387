//! Moments: intervals, parts and formats.

use sqlparser::ast::{BinaryOperator, Expr, Ident, Interval, Value};

use super::Dialect;
use super::calls::name_of;
use super::template::{arguments, constant, fill, operand, parsed, quoted};

/// The name of a day in full, which the warehouse has in three letters.
pub(super) const DAY_NAME: &str = "decode(dayname($1), 'Mon', 'Monday', 'Tue', 'Tuesday', 'Wed', 'Wednesday', \
     'Thu', 'Thursday', 'Fri', 'Friday', 'Sat', 'Saturday', 'Sun', 'Sunday')";

/// `moment + interval` whose length is no constant: DATEADD. Constant intervals are read as they are.
pub(super) fn moved(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Expr> {
    let sign = match op {
        BinaryOperator::Plus => "",
        BinaryOperator::Minus => "-",
        _ => return None,
    };
    if matches!(right, Expr::Interval(interval) if is_constant(&interval.value)) {
        return None;
    }
    let (unit, length) = length(right)?;
    fill(&format!("dateadd({unit}, {sign}({length}), $1)"), &[left])
}

fn is_constant(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(_))
}

/// [`length`] of the step of a series, which may be a mere text there.
pub(super) fn step(expr: &Expr) -> Option<(String, String)> {
    length(expr).or_else(|| match parts(constant(expr)?)?.as_slice() {
        [(length, unit)] => Some((unit.clone(), length.to_string())),
        _ => None,
    })
}

/// The unit and the length of an interval of one unit: `interval '3' day`, `interval '3 days'`, `interval (n) day`,
/// `n * interval '1 day'`, `to_days(n)`.
pub(super) fn length(expr: &Expr) -> Option<(String, String)> {
    match expr {
        Expr::Nested(inner) => length(inner),
        Expr::Interval(interval) => match &interval.leading_field {
            Some(unit) => Some((unit.to_string(), operand(&interval.value))),
            None => {
                let (number, unit) = constant(&interval.value)?.trim().split_once(' ')?;
                let number: i64 = number.parse().ok()?;
                let one = unit.trim().bytes().all(|b| b.is_ascii_alphabetic());
                one.then(|| (unit.trim().to_owned(), number.to_string()))
            }
        },
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Multiply,
            right,
        } => {
            let (interval, times) = match length(right) {
                Some(interval) => (interval, left),
                None => (length(left)?, right),
            };
            let (unit, each) = interval;
            Some((unit, format!("{each} * {}", operand(times))))
        }
        Expr::Function(function) => {
            let name = name_of(function)?;
            let unit = match name.as_str() {
                "to_years" => "year",
                "to_months" => "month",
                "to_weeks" => "week",
                "to_days" => "day",
                "to_hours" => "hour",
                "to_minutes" => "minute",
                "to_seconds" => "second",
                _ => return None,
            };
            match arguments(function)?.as_slice() {
                [count] => Some((unit.to_owned(), operand(count))),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `interval '1 day 2 hours'` has commas between its parts here; years and months are one length there, which is added at
/// once.
pub(super) fn interval(interval: &Interval) -> Option<Expr> {
    if interval.leading_field.is_some() {
        return None;
    }
    let parts = parts(constant(&interval.value)?)?;
    if parts.len() < 2 {
        return None;
    }
    let mut months = 0_i64;
    let mut others = Vec::new();
    for (length, unit) in parts {
        match unit.strip_suffix('s').unwrap_or(&unit) {
            "year" | "yr" | "y" => months = months.checked_add(length.checked_mul(12)?)?,
            "month" | "mon" => months = months.checked_add(length)?,
            _ => others.push(format!("{length} {unit}")),
        }
    }
    if months != 0 {
        others.insert(0, format!("{months} months"));
    }
    fill(&format!("interval {}", quoted(&others.join(", "))), &[])
}

/// The lengths and units, in small letters, of an interval's text; none if it has another form.
fn parts(text: &str) -> Option<Vec<(i64, String)>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if !words.len().is_multiple_of(2) || text.contains(',') {
        return None;
    }
    let part = |part: &[&str]| {
        let is_unit = part[1].bytes().all(|b| b.is_ascii_alphabetic());
        let length = part[0].parse().ok().filter(|_| is_unit)?;
        Some((length, part[1].to_ascii_lowercase()))
    };
    words.chunks(2).map(part).collect()
}

/// How long a constant interval is, in microseconds: a month is thirty days where intervals are compared.
///
/// <https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-INTERVAL-INPUT>
fn microseconds(interval: &Expr) -> Option<i64> {
    let Expr::Interval(found) = interval else {
        return None;
    };
    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;
    let lengths = match &found.leading_field {
        Some(unit) => {
            let number = match found.value.as_ref() {
                Expr::Value(value) => value.value.to_string(),
                _ => return None,
            };
            let number: i64 = number.trim_matches('\'').trim().parse().ok()?;
            vec![(number, unit.to_string().to_ascii_lowercase())]
        }
        None => parts(&constant(&found.value)?.replace(',', " "))?,
    };
    let mut whole = 0_i64;
    for (length, unit) in lengths {
        let one = match unit.strip_suffix('s').unwrap_or(&unit) {
            "microsecond" => 1,
            "millisecond" => 1000,
            "second" | "sec" => SECOND,
            "minute" | "min" => 60 * SECOND,
            "hour" => 3600 * SECOND,
            "day" => DAY,
            "week" => 7 * DAY,
            "month" => 30 * DAY,
            "year" => 360 * DAY,
            _ => return None,
        };
        whole = whole.checked_add(length.checked_mul(one)?)?;
    }
    Some(whole)
}

fn has_months(interval: &Expr) -> bool {
    let text = interval.to_string().to_ascii_lowercase();
    ["mon", "year", "yr"].iter().any(|unit| text.contains(unit))
}

/// `later - earlier > interval '1 hour'`: the time between two moments against a constant.
pub(super) fn compared(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Expr> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    if !matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq) {
        return None;
    }
    let difference = |expr: &Expr| {
        let (later, earlier) = subtracted(expr)?;
        fill(&between(), &[later, earlier])
    };
    let length = |expr: &Expr| parsed(&microseconds(unnested(expr))?.to_string());
    let (left, right) = match difference(left) {
        Some(difference) => (difference, length(right)?),
        None => (length(left)?, difference(right)?),
    };
    Some(Expr::BinaryOp {
        left: Box::new(left),
        op: op.clone(),
        right: Box::new(right),
    })
}

fn unnested(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => unnested(inner),
        other => other,
    }
}

/// The moments of `later - earlier`, which is no moment minus an interval.
fn subtracted(expr: &Expr) -> Option<(&Expr, &Expr)> {
    match unnested(expr) {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Minus,
            right,
        } if length(right).is_none() && !matches!(unnested(right), Expr::Interval(_)) => {
            Some((left, right))
        }
        _ => None,
    }
}

/// `x at time zone 'a'`. What it means depends on the type of `x`, which the planner knows.
pub(super) fn at_time_zone(moment: &Expr, zone: &Expr) -> Option<Expr> {
    let zone = &canonical(zone);
    match unnested(moment) {
        // The seconds since 1970, which are of the zone UTC.
        Expr::Function(function) if name_of(function).as_deref() == Some("to_timestamp") => {
            fill("convert_timezone('UTC', $1, $2)", &[zone, moment])
        }
        _ => fill(r#""$at_time_zone"($1, $2)"#, &[moment, zone]),
    }
}

/// `utc` as the zone is called here, where case counts.
fn canonical(zone: &Expr) -> Expr {
    match constant(zone) {
        Some(name) if name.eq_ignore_ascii_case("utc") => {
            Expr::value(Value::SingleQuotedString("UTC".to_owned()))
        }
        _ => zone.clone(),
    }
}

/// Microseconds, of which the warehouse's whole seconds are a part.
const MICROSECONDS: &str = "date_part(epoch_microsecond, $1)";

/// The months that are over from `$2` to `$1`: one is when its day and its time of day have come.
fn months() -> String {
    let of_month = |moment| format!("to_char({moment}::timestamp_ntz, 'DDHH24MISSFF6')");
    let over = |later, earlier| {
        let (reached, wanted) = (of_month(later), of_month(earlier));
        format!("(datediff(month, {earlier}, {later}) - iff({reached} < {wanted}, 1, 0))")
    };
    let (forth, back) = (over("$1", "$2"), over("$2", "$1"));
    format!("iff($1 >= $2, {forth}, -{back})")
}

/// DuckDB's `date_sub`: how many whole units are between two moments.
pub(super) fn elapsed(unit: &str, later: &Expr, earlier: &Expr) -> Option<Expr> {
    let unit = unit.to_ascii_lowercase();
    let template = match unit.strip_suffix('s').unwrap_or(&unit) {
        "year" => format!("trunc({} / 12)", months()),
        "quarter" => format!("trunc({} / 3)", months()),
        "month" => months(),
        "week" => format!("trunc({} / 604800000000)", between()),
        "day" => format!("trunc({} / 86400000000)", between()),
        "hour" => format!("trunc({} / 3600000000)", between()),
        "minute" => format!("trunc({} / 60000000)", between()),
        "second" => format!("trunc({} / 1000000)", between()),
        _ => return None,
    };
    fill(&template, &[later, earlier])
}

/// The microseconds from `$2` to `$1`.
fn between() -> String {
    format!("({MICROSECONDS} - {})", MICROSECONDS.replace("$1", "$2"))
}

/// A part of a moment, or of the time between two.
pub(super) fn part(part: &str, moment: &Expr, dialect: Dialect) -> Option<Expr> {
    let part = part.to_ascii_lowercase();
    let part = part.strip_suffix('s').unwrap_or(&part);
    if let Some((later, earlier)) = subtracted(moment) {
        // Days, and what is left of a day.
        let between = between();
        let template = match part {
            "epoch" => format!("({between} / 1000000::float)"),
            "day" => format!("trunc({between} / 86400000000)"),
            "hour" => format!("trunc(mod({between}, 86400000000) / 3600000000)"),
            "minute" => format!("trunc(mod({between}, 3600000000) / 60000000)"),
            "second" => format!("(mod({between}, 60000000) / 1000000::float)"),
            _ => return None,
        };
        return fill(&template, &[later, earlier]);
    }
    if let Expr::Function(function) = unnested(moment)
        && name_of(function)? == "age"
    {
        let today = Expr::Identifier(Ident::new("current_date"));
        let (later, earlier) = match arguments(function)?.as_slice() {
            [later, earlier] => (*later, *earlier),
            [earlier] => (&today, *earlier),
            _ => return None,
        };
        let months = months();
        return match part {
            "year" => fill(&format!("trunc({months} / 12)"), &[later, earlier]),
            "month" => fill(&format!("mod({months}, 12)"), &[later, earlier]),
            _ => None,
        };
    }
    match part {
        "epoch" if matches!(unnested(moment), Expr::Interval(_)) => {
            // Years are those of the calendar here.
            let whole = microseconds(unnested(moment)).filter(|_| !has_months(moment))?;
            parsed(&format!("({whole} / 1000000::float)"))
        }
        "epoch" => fill(&format!("({MICROSECONDS} / 1000000::float)"), &[moment]),
        "isodow" => fill("dayofweekiso($1)", &[moment]),
        "isoyear" => fill("yearofweekiso($1)", &[moment]),
        "week" => fill("weekiso($1)", &[moment]),
        // With its fraction.
        "second" if dialect == Dialect::Postgres => fill(
            "(second($1) + date_part(nanosecond, $1) / 1000000000::float)",
            &[moment],
        ),
        _ => None,
    }
}

/// What a format's directive is here: a part of a format, or an expression of its own.
enum Piece {
    Format(&'static str),
    Expression(&'static str),
}

/// Directives of STRFTIME, behind the percent sign.
///
/// <https://duckdb.org/docs/stable/sql/functions/dateformat>
fn directive(letters: &str) -> Option<Piece> {
    Some(match letters {
        "Y" => Piece::Format("YYYY"),
        "y" => Piece::Format("YY"),
        "m" => Piece::Format("MM"),
        "d" => Piece::Format("DD"),
        "H" => Piece::Format("HH24"),
        "I" => Piece::Format("HH12"),
        "M" => Piece::Format("MI"),
        "S" => Piece::Format("SS"),
        "p" => Piece::Format("AM"),
        "b" | "h" => Piece::Format("MON"),
        "B" => Piece::Format("MMMM"),
        "a" => Piece::Format("DY"),
        "g" => Piece::Format("FF3"),
        "f" => Piece::Format("FF6"),
        "n" => Piece::Format("FF9"),
        "F" => Piece::Format("YYYY-MM-DD"),
        "T" => Piece::Format("HH24:MI:SS"),
        "A" => Piece::Expression(DAY_NAME),
        "j" => Piece::Expression("lpad(dayofyear($1), 3, '0')"),
        "u" => Piece::Expression("dayofweekiso($1)::varchar"),
        "w" => Piece::Expression("dayofweek($1)::varchar"),
        "V" => Piece::Expression("lpad(weekiso($1), 2, '0')"),
        "G" => Piece::Expression("yearofweekiso($1)::varchar"),
        "s" => Piece::Expression("date_part(epoch_second, $1)::varchar"),
        "-d" => Piece::Expression("day($1)::varchar"),
        "-m" => Piece::Expression("month($1)::varchar"),
        "-y" => Piece::Expression("mod(year($1), 100)::varchar"),
        "-H" => Piece::Expression("hour($1)::varchar"),
        "-I" => Piece::Expression("(mod(hour($1) + 11, 12) + 1)::varchar"),
        "-M" => Piece::Expression("minute($1)::varchar"),
        "-S" => Piece::Expression("second($1)::varchar"),
        "-j" => Piece::Expression("dayofyear($1)::varchar"),
        _ => return None,
    })
}

/// A format in pieces: text, and directives. None if one of them is not known.
fn pieces(format: &str) -> Option<Vec<Result<Piece, String>>> {
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix('%') {
            if let Some(after) = behind.strip_prefix('%') {
                pieces.push(Err("%".to_owned()));
                rest = after;
                continue;
            }
            let length = if behind.starts_with('-') { 2 } else { 1 };
            pieces.push(Ok(directive(behind.get(..length)?)?));
            rest = behind.get(length..)?;
        } else {
            let end = rest.find('%').unwrap_or(rest.len()).max(first.len_utf8());
            let (text, after) = rest.split_at(end);
            pieces.push(Err(text.to_owned()));
            rest = after;
        }
    }
    Some(pieces)
}

/// The moment as text.
pub(super) fn strftime(moment: &Expr, format: &str) -> Option<Expr> {
    let parts = pieces(format)?.into_iter().map(|piece| match piece {
        Ok(Piece::Format(format)) => format!("to_char($1::timestamp_ntz, '{format}')"),
        Ok(Piece::Expression(template)) => template.to_owned(),
        Err(text) => quoted(&text),
    });
    let parts: Vec<String> = parts.collect();
    match parts.is_empty() {
        true => None,
        false => fill(&format!("({})", parts.join(" || ")), &[moment]),
    }
}

/// The moment that `text` is, by `function`.
pub(super) fn strptime(function: &str, text: &Expr, format: &str) -> Option<Expr> {
    let mut own = String::new();
    for piece in pieces(format)? {
        match piece {
            Ok(Piece::Format(format)) => own.push_str(format),
            Ok(Piece::Expression(_)) => return None,
            // Letters would be read as parts of the format.
            Err(text) if text.contains(|c: char| c.is_alphanumeric()) => {
                own.push_str(&format!("\"{text}\""));
            }
            Err(text) => own.push_str(&text),
        }
    }
    fill(&format!("{function}($1, {})", quoted(&own)), &[text])
}

/// PostgreSQL's TO_CHAR, for what is written otherwise here.
///
/// <https://www.postgresql.org/docs/current/functions-formatting.html>
pub(super) fn to_char(moment: &Expr, format: &str) -> Option<Expr> {
    const OTHERS: &[(&str, &str)] = &[
        ("FMMonth", "to_char($1, 'MMMM')"),
        ("FMMONTH", "upper(to_char($1, 'MMMM'))"),
        ("MON", "upper(to_char($1, 'MON'))"),
        ("FMDay", DAY_NAME),
        ("DY", "upper(to_char($1, 'DY'))"),
        ("FMDD", "day($1)::varchar"),
        ("FMMM", "month($1)::varchar"),
        ("IYYY", "yearofweekiso($1)::varchar"),
        ("IW", "lpad(weekiso($1), 2, '0')"),
        ("WW", "lpad(floor((dayofyear($1) + 6) / 7)::int, 2, '0')"),
        ("Q", "quarter($1)::varchar"),
        ("DDD", "lpad(dayofyear($1), 3, '0')"),
        ("ID", "dayofweekiso($1)::varchar"),
        ("MS", "to_char($1, 'FF3')"),
        ("US", "to_char($1, 'FF6')"),
    ];
    /// Padded to nine letters, in capitals or small ones as they are written.
    const NAMES: &[(&str, &str)] = &[("day", DAY_NAME), ("month", "to_char($1, 'MMMM')")];
    let flush = |plain: &mut String, parts: &mut Vec<String>| {
        if !plain.is_empty() {
            parts.push(format!("to_char($1, {})", quoted(&std::mem::take(plain))));
        }
    };
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if let Some((word, name)) = NAMES.iter().find(|(word, _)| {
            let start = rest.get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word))
        }) {
            let (written, after) = rest.split_at(word.len());
            let name = match written {
                _ if written.bytes().all(|b| b.is_ascii_uppercase()) => format!("upper({name})"),
                _ if written == *word => format!("lower({name})"),
                _ => (*name).to_owned(),
            };
            flush(&mut plain, &mut parts);
            parts.push(format!("rpad({name}, 9)"));
            rest = after;
        } else if let Some((word, template)) =
            OTHERS.iter().find(|(word, _)| rest.starts_with(word))
        {
            flush(&mut plain, &mut parts);
            parts.push((*template).to_owned());
            rest = rest.get(word.len()..)?;
        } else if let Some(text) = rest.strip_prefix('"') {
            let (text, after) = text.split_once('"')?;
            plain.push_str(&format!("\"{text}\""));
            rest = after;
        } else {
            plain.push(first);
            rest = rest.get(first.len_utf8()..)?;
        }
    }
    if parts.is_empty() {
        return None;
    }
    flush(&mut plain, &mut parts);
    fill(&format!("({})", parts.join(" || ")), &[moment])
}
