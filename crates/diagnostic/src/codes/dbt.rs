//! `D`: dbt projects: nodes, references, configuration, artifacts.

codes! {
    D1001, Configuration, "There is no dbt project here";
    D1002, Configuration, "A dbt project has a bad name";
    D1004, Configuration, "A reference points to nothing";
    D1005, Configuration, "A source is not declared";
    D1006, Configuration, "A reference points to a disabled node";
    D1007, Configuration, "Two resources have the same name";
    D1008, Configuration, "Nodes depend on each other in a circle";
    D1009, Configuration, "Two nodes would build the same relation";
    D1011, Configuration, "A dbt profile is missing";
    D1012, Configuration, "A dbt target is missing";
    D1021, Configuration, "A dbt package is not installed";
    D1022, Configuration, "Two dbt packages have one name";
    D1023, Configuration, "A dbt package cannot be fetched";
    D1031, Configuration, "A properties file does not fit";
    D1041, Configuration, "A generic test is not valid";
    D1051, Configuration, "A node's configuration is not valid";
    D1052, Configuration, "A reference is not allowed";
    D1061, Configuration, "A unit test does not fit";
    D2001, Configuration, "A variable is not set";
    D2002, Configuration, "An environment variable is not set";
    D2003, Configuration, "The project's code raised an error";
    D2004, Configuration, "A macro is not defined";
    D2005, Configuration, "A function of the dbt context was called wrongly";
    D2006, Configuration, "A docs block is missing";
    D2007, Configuration, "An adapter method is not supported";
    D3001, UserInput, "A selector is not valid";
    D3002, Configuration, "A selector definition is not valid";
    D3003, UserInput, "A named selector is missing";
    D3004, UserInput, "A selection needs the state of an earlier run";
    D4001, Resource, "An artifact cannot be written";
    D4002, UserInput, "An artifact cannot be read";
    D4003, Resource, "The documentation cannot be served";
}
