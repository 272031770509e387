//! `S`: SQL: syntax, names, unsupported constructs.

codes! {
    S0001, UserInput, "A statement is not valid SQL";
    S0002, UserInput, "A statement is nested too deeply";
    S1001, UserInput, "A construct is not supported";
    S1002, UserInput, "A date or time part does not exist";
    S1003, UserInput, "Aliases of a select cannot be resolved";
    S1005, UserInput, "A session variable or bind parameter has no value";
    S1006, UserInput, "A text is not the name of an object";
    S1007, UserInput, "A name of a block is not declared";
}
