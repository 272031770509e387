//! Values of a window by their place: the window is the whole partition unless a frame is written, and
//! `nth_value(x, n) from last` counts from the end, as the planner does where the number is negative.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/nth_value>. The grammar has no place for FROM, so
//! it is taken out of the tokens, and the function's name says that it stood there.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart, UnaryOperator,
    WindowFrame, WindowFrameBound, WindowFrameUnits, WindowType,
};
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// The name of a call with FROM LAST.
const FROM_LAST: &str = "NTH_VALUE FROM LAST";

/// Takes FROM FIRST and FROM LAST out from behind calls of NTH_VALUE.
pub(crate) fn cut(tokens: &mut Vec<TokenWithSpan>) {
    let is = |token: &TokenWithSpan, wanted: &str| matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.value == wanted);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if is(token, "NTH_VALUE")
            && let Some(end) = closing(tokens, at)
            && let [from, side] = significant(tokens, end + 1).as_slice()
            && is(&tokens[*from], "FROM")
            && (is(&tokens[*side], "LAST") || is(&tokens[*side], "FIRST"))
        {
            let last = is(&tokens[*side], "LAST");
            let (from, side) = (*from, *side);
            tokens.drain(from..=side);
            if last && let Token::Word(word) = &mut tokens[at].token {
                FROM_LAST.clone_into(&mut word.value);
                word.quote_style = Some('"');
            }
        }
        at += 1;
    }
}

/// Gives FIRST_VALUE, LAST_VALUE and NTH_VALUE without a frame the whole partition, which is theirs; to the planner, a window
/// without one ends at the current row.
pub(super) fn see_all(function: &mut Function) {
    let name = function.name.to_string();
    if !["FIRST_VALUE", "LAST_VALUE", "NTH_VALUE"].contains(&name.as_str()) {
        return;
    }
    if let Some(WindowType::WindowSpec(window)) = &mut function.over
        && window.window_frame.is_none()
    {
        window.window_frame = Some(WindowFrame {
            units: WindowFrameUnits::Rows,
            start_bound: WindowFrameBound::Preceding(None),
            end_bound: Some(WindowFrameBound::Following(None)),
        });
    }
}

/// Where the bracket closes that follows the word `at`.
fn closing(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(at + 1) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            Token::Whitespace(_) => {}
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The next two tokens that are no blanks.
fn significant(tokens: &[TokenWithSpan], from: usize) -> Vec<usize> {
    let rest = tokens.iter().enumerate().skip(from);
    rest.filter(|(_, token)| !matches!(token.token, Token::Whitespace(_)))
        .map(|(at, _)| at)
        .take(2)
        .collect()
}

/// Counts from the end.
pub(super) fn from_last(function: &mut Function) {
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_mut_slice() else {
        return;
    };
    if name.value != FROM_LAST {
        return;
    }
    "NTH_VALUE".clone_into(&mut name.value);
    name.quote_style = None;
    if let FunctionArguments::List(list) = &mut function.args
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(number))) = list.args.get_mut(1)
    {
        *number = Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr: Box::new(number.clone()),
        };
    }
}
