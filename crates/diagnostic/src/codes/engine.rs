//! `E`: running SQL: execution, memory, unsupported operations.

codes! {
    E1001, Data, "A statement failed while it ran";
    E1002, UserInput, "A statement does not make sense";
    E1003, Resource, "The memory limit was reached";
    E1004, Data, "A value cannot be converted";
    E1005, Data, "MERGE found several source rows for one target row";
    E1101, UserInput, "A column does not exist";
    E1102, UserInput, "A column is ambiguous";
    E1103, UserInput, "A function does not exist";
    E1104, UserInput, "A function is called with the wrong arguments";
    E1105, UserInput, "Values of these types do not go together";
    E1106, UserInput, "A session parameter does not exist";
    E1107, UserInput, "A session parameter does not take the value";
    E1108, UserInput, "The result of a statement is not kept";
    E1109, Resource, "A statement ran longer than the session allows";
    E1110, UserInput, "A column is neither grouped nor aggregated";
    E1111, Data, "An exception was raised by a script";
    E1201, Data, "A NOT NULL column got no value";
    E1202, Data, "A value is too long for its column";
    E1203, Data, "A row breaks a check constraint";
    E1301, Data, "A record of a staged file cannot be loaded";
    E2001, UserInput, "A statement or option is not supported";
    E2002, UserInput, "A table is written by its data contract only";
}
