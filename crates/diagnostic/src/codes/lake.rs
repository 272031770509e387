//! `L`: the lake: contracts, rules, tables.

codes! {
    L1001, Data, "A file has a column that the contract does not list";
    L1002, Data, "A file lacks a column that the contract requires";
    L1003, Data, "A value is not of its column's type";
    L2001, Configuration, "The condition of a rule is not valid SQL";
    L2002, Configuration, "A dataset names a column that it does not have";
    L2003, Configuration, "A dataset that merges has no key";
    L2004, Configuration, "A column cannot be read as its type says";
    L2005, Configuration, "A dataset cannot be loaded again in part";
    L2010, Configuration, "A contract asks for another table format than its table has";
    L2011, Data, "A source holds something that no stream reads";
    L3001, Conflict, "The silver table has other types than the contract";
    L3002, Resource, "Rows could not be set aside on disk";
    L3003, Resource, "A file of the silver table could not be read";
    L3004, Data, "A rule failed on a row";
    L3005, Data, "Loading files again would lose rows";
}
