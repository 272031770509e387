//! `J`: templates: syntax and evaluation.

codes! {
    J1001, UserInput, "A template has a syntax error";
    J1002, UserInput, "A template uses a tag that does not exist or is not supported";
    J2001, UserInput, "A template uses a value that is not defined";
    J2002, UserInput, "An operation does not fit the type of its values";
    J2003, UserInput, "A macro or function was called with the wrong arguments";
    J2004, UserInput, "A filter or test does not exist";
    J2005, UserInput, "A value is out of range or cannot be converted";
    J2006, UserInput, "A calculation has no result: division by zero or overflow";
    J2007, UserInput, "`return` was called outside a macro";
    J3001, Resource, "Macros call each other too deeply";
    J3002, Resource, "A template takes too many steps";
    J3003, Resource, "A template makes a value that is too large";
}
