//! `O`: assets and runs: the graph, selectors, scheduling, cancelled and failed work.

codes! {
    O1001, UserInput, "A selector cannot be read";
    O1002, UserInput, "A selector matches no asset";
    O1003, Configuration, "Two assets or checks share a name";
    O1004, Configuration, "An asset depends on one that does not exist";
    O1005, Configuration, "Assets depend on each other in a circle";
    O2001, Resource, "The run was cancelled";
    O2002, Internal, "The work on an asset ended without a result";
}
