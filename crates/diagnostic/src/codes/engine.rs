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
    E1201, Data, "A NOT NULL column got no value";
    E1202, Data, "A value is too long for its column";
    E2001, UserInput, "A statement or option is not supported";
    E2002, UserInput, "A table is written by its data contract only";
}
